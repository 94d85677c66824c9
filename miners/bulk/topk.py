"""Keeping the top k of a stream at random with known probability, in bounded memory and in any order.

Priority sampling (Duffield, Lund & Thorup 2007, Journal of the ACM 54(6)): a text of weight w gets the key u / w, where
u in (0, 1) is fixed by its identity and the seed, and the k smallest keys are kept. With t the (k+1)-th smallest key, a
kept text counts as drawn with probability min(1, w t): given the other texts' keys it is among the k exactly if its own
is below t, so sums weighted by the inverse are unbiased. Heavier texts are likelier to be kept, and no text has
probability 0, as all beyond a plain top k would.

Because u belongs to the text and not to the row, the same text has the same key wherever it stands. So repeats fall
together, sketches of parts can be joined in any order, and what comes out is a sample of the *distinct* texts (a
bottom-k sketch; Cohen & Kaplan 2007), without a list of all that were seen.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

_SPARE = 4
"""A niche holds as many times its even share while the shards are read: room for what other niches leave free."""


class Kept(BaseModel):
    """A text that is kept so far.

    Attributes:
        key: u / w; the smallest are kept.
        weight: w, in (0, 1].
        gate: g in (0, 1]: the text is read at all if u < g, see `miners.bulk.gate`; 1 where every text is.
        niche: where it competes.
        id: identity of the text.
        text, context: the text itself.
        row_id: the caller's id, or "".
        label: where the row has one.
        file, line: where it stands first; of repeats any one.
        priority: by the cheap members.
        members: P(yes) by cheap member.
        meta: what else its row carried.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: float
    weight: float
    gate: float = 1.0
    niche: str
    id: str
    text: str
    context: str = ""
    row_id: str = ""
    label: int | None = None
    file: str = ""
    line: int = 0
    priority: float = 0.0
    members: dict[str, float] = Field(default_factory=dict)
    meta: dict[str, Any] = Field(default_factory=dict)

    @property
    def order(self) -> tuple[float, str, str, int]:
        """By what kept texts are sorted: the key, and then whatever makes the order one of its own."""
        return (self.key, self.id, self.file, self.line)


class TopK:
    """The smallest keys of every niche.

    Attributes:
        capacity: texts kept in a niche; one more is held, whose key is the threshold.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._niches: dict[str, dict[str, Kept]] = {}
        self._cuts: dict[str, float] = {}

    def cut(self, niche: str) -> float:
        """Keys from here on have no place in the niche any more; infinite while it has room."""
        return self._cuts.get(niche, math.inf)

    def add(self, entries: Iterable[Kept]) -> None:
        """Takes texts in; of a text that is there already the smaller key stays."""
        touched = set()
        for entry in entries:
            here = self._niches.setdefault(entry.niche, {})
            known = here.get(entry.id)
            if entry.key <= self.cut(entry.niche) and (known is None or entry.order < known.order):
                here[entry.id] = entry
                touched.add(entry.niche)
        for niche in touched:
            self._shrink(niche)

    def __contains__(self, identity: str) -> bool:
        return any(identity in here for here in self._niches.values())

    def __len__(self) -> int:
        return sum(map(len, self._niches.values()))

    def entries(self) -> list[Kept]:
        """All that is held, by niche and key."""
        return [entry for niche in sorted(self._niches) for entry in self.niche(niche)]

    def niche(self, name: str) -> list[Kept]:
        """What is held of a niche, by key."""
        return sorted(self._niches.get(name, {}).values(), key=lambda entry: entry.order)

    def sizes(self) -> dict[str, int]:
        """Texts held, by niche."""
        return {niche: len(here) for niche, here in sorted(self._niches.items())}

    def _shrink(self, niche: str) -> None:
        here = self._niches[niche]
        if len(here) > self.capacity:
            kept = self.niche(niche)[: self.capacity + 1]
            self._niches[niche] = {entry.id: entry for entry in kept}
            self._cuts[niche] = kept[-1].key


def uniform(identity: str, seed: int) -> float:
    """The number in (0, 1) that belongs to a text: the same wherever it stands, another one with another seed."""
    digest = hashlib.blake2b(f"bulk:{seed}:{identity}".encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") + 0.5) / 2.0**64


def capacity(keep: int, niches: int) -> int:
    """Texts to hold in each of so many niches so that `keep` can be shared out among them in the end."""
    return min(keep, _SPARE * math.ceil(keep / niches))


def share_out(sizes: Mapping[str, int], keep: int) -> dict[str, int]:
    """Places by niche: as even as can be, none more than there are texts, `keep` in all where there are so many.

    Args:
        sizes: texts that can be kept, by niche.
        keep: places.
    """
    places = dict.fromkeys(sizes, 0)
    left, open_ = keep, [niche for niche in sizes if sizes[niche]]
    while left and open_:
        each = max(1, left // len(open_))
        for niche in open_:
            more = min(each, sizes[niche] - places[niche], left)
            places[niche] += more
            left -= more
        open_ = [niche for niche in open_ if places[niche] < sizes[niche]]
    return places


def drawn(held: TopK, keep: int) -> list[tuple[Kept, float]]:
    """The texts that are kept in the end, each with the probability with which it was.

    A text is kept if u < g and u < w t, so with probability min(g, w t).

    Where a text stands in two niches, because its score lay on the edge between them, the first one by name counts.
    """
    places = share_out({niche: min(size, held.capacity) for niche, size in held.sizes().items()}, keep)
    chosen: dict[str, tuple[Kept, float]] = {}
    for niche, count in places.items():
        entries = held.niche(niche)
        threshold = entries[count].key if count < len(entries) else math.inf
        for entry in entries[:count]:
            chosen.setdefault(entry.id, (entry, min(entry.gate, entry.weight * threshold)))
    return list(chosen.values())
