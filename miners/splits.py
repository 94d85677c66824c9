"""Which split a text belongs to: what may teach a model or stand in a prompt, and what must stay unseen to measure by.

A text's source says so (`meta["split"]`, as labelled seed rows and saved data sets bring it). Where it does not, the
text's family decides by its hash, so that everything descended from one original is on the same side for ever. Over
both stands what an admin has marked the family as.
"""

from __future__ import annotations

import hashlib

from miners.candidate import Provenance
from miners.queue.types import Item

TRAIN, HELD_OUT = "train", "hold-out"

_HELD_OUT_SHARE = 0.2
"""Of the families whose source names no split."""


def split_of(provenance: Provenance) -> str:
    """The split that the source names, else `TRAIN` or `HELD_OUT` by the family."""
    named = provenance.meta.get("split")
    return named if isinstance(named, str) and named else split_of_family(provenance.family)


def split_of_item(item: Item) -> str:
    """What the family of a queued text is marked as (train, hold-out, regression), else `split_of` its provenance."""
    return item.mark or split_of(item.new.provenance)


def split_of_family(family: str) -> str:
    """`HELD_OUT` for one family in five, `TRAIN` for the others (BLAKE2b of its name)."""
    digest = hashlib.blake2b(family.encode(), digest_size=8, person=b"split").digest()
    return HELD_OUT if int.from_bytes(digest, "big") / 2**64 < _HELD_OUT_SHARE else TRAIN
