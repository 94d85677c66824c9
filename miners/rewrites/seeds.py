"""The proposer behind all rewrites of labelled seed texts: who is rewritten, what is kept of its descent.

A rewrite inherits the family and records parent, operator, and the label that it has by construction, if any. Only
texts of the allowed splits are rewritten, and only texts of the parent's own split may be put into it, so that nothing
leaks out of a held-out split.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from ensemble.errors import InputError
from ensemble.text import LabelledText, Text, check_text
from miners.candidate import Candidate, Provenance, Scored
from miners.errors import SourceError
from miners.rewrites.operator import Operator, label_after

_TRIES = 200


class SeedRewrites:
    """Applies one operator to the seed texts in turn, each time round in another order."""

    def __init__(
        self,
        operator: Operator,
        seeds: Sequence[LabelledText],
        *,
        splits: Collection[str] | None = None,
        seed: int = 0,
        limit: int | None = None,
    ) -> None:
        """Rewrites nothing yet.

        Args:
            operator: what is done to a text.
            seeds: labelled texts; `meta` carries "family" and "split".
            splits: splits whose texts may be rewritten; None = all.
            seed: of order and operator.
            limit: rewrites to propose, at most; None = no end.

        Raises:
            SourceError: no seed text in the allowed splits.
        """
        self._operator, self._seed, self._limit = operator, seed, limit
        self._seeds = [text for text in seeds if splits is None or split_of(text) in splits]
        self._drawn = self._given = 0
        if not self._seeds:
            raise SourceError(f"no seed text in the splits {sorted(splits) if splits else 'given'}")

    @property
    def name(self) -> str:
        """Kind and operator, e.g. "rewrite:dilution"."""
        return f"rewrite:{self._operator.name}"

    def propose(self, count: int) -> list[Candidate]:
        """At most `count` rewrites; none at the limit, or when the operator no longer applies to any text."""
        most = count if self._limit is None else min(count, self._limit - self._given)
        made: list[Candidate] = []
        misses = 0
        while len(made) < most and misses < max(_TRIES, len(self._seeds)):
            candidate = self._next()
            misses = 0 if candidate else misses + 1
            made += [candidate] if candidate else []
        self._given += len(made)
        return made

    def observe(self, scored: Sequence[Scored]) -> None:
        """Nothing to learn: the seeds are taken in turn."""

    def state(self) -> dict[str, Any]:
        """Seeds drawn, rewrites given."""
        return {"drawn": self._drawn, "given": self._given}

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on behind what was drawn."""
        self._drawn, self._given = int(state["drawn"]), int(state["given"])

    def expected(self, limit: int) -> int | None:
        """Rewrites left, up to `limit`."""
        return None if self._limit is None else min(limit, max(0, self._limit - self._given))

    def _next(self) -> Candidate | None:
        turn, place = divmod(self._drawn, len(self._seeds))
        order = np.random.default_rng([self._seed, turn]).permutation(len(self._seeds))
        rng = np.random.default_rng([self._seed, turn, place])
        self._drawn += 1
        parent = self._seeds[int(order[place])]
        made = self._operator.rewrite(parent, rng)
        return None if made is None else descended(self.name, self._operator, parent, *made)


def descended(
    source: str, operator: Operator, parent: LabelledText, text: Text, notes: dict[str, Any]
) -> Candidate | None:
    """The candidate that an operator made of a seed text, with its descent; None if it has grown too long.

    Args:
        source: name of the proposer.
        operator: who made it.
        parent: the seed text.
        text: what was made.
        notes: what the operator notes of it.
    """
    try:
        check_text(text.text)
    except InputError:
        return None
    provenance = Provenance(
        source=source,
        operators=(operator.name,),
        parent=parent.id,
        family=family_of(parent),
        row_id=parent.row_id or None,
        expected_label=label_after(operator.effect, parent.label),
        meta={**notes, "split": split_of(parent), "effect": operator.effect, "style": operator.style},
    )
    return Candidate(text, provenance)


def family_of(text: LabelledText) -> str:
    """The family that splits never cut through: the row's own, else the text itself."""
    return str(text.meta.get("family") or text.id)


def split_of(text: LabelledText) -> str:
    """The split that the row belongs to; empty if it names none."""
    return str(text.meta.get("split") or "")
