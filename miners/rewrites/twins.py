"""Benign twins of rewrites that fooled the deployed member.

A disguise that hides an injury is held against what the member makes of the same disguise without one: else a
classifier that flags every sneaky text would look as if it had learned. So the operator that made the rewrite is
applied, with the same random numbers, to a text without an injury: the other row of the seed's family, else one drawn
from the same split.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ensemble.text import LabelledText
from miners.candidate import Candidate
from miners.rewrites.promise import Rewrite
from miners.rewrites.seeds import family_of, split_of

Again = Callable[[str, LabelledText, int], Candidate | None]
"""Applies the operator of a name to a text with given random numbers; None where it makes nothing of it."""


class Twins:
    """Benign texts to be rewritten as harmful ones were.

    Args:
        seeds: labelled texts; `meta` carries "family" and "split".
        again: see `Again`.
    """

    def __init__(self, seeds: Sequence[LabelledText], again: Again) -> None:
        self._again, self._seeds = again, {text.id: text for text in seeds}
        self._of_family: dict[tuple[str, str], LabelledText] = {}
        self._of_split: dict[str, list[LabelledText]] = {}
        for text in seeds:
            if not text.label:
                self._of_family.setdefault((split_of(text), family_of(text)), text)
                self._of_split.setdefault(split_of(text), []).append(text)
        self._waiting: list[tuple[str, str, int, str]] = []

    def __len__(self) -> int:
        """Twins still to be made, at most."""
        return len(self._waiting)

    def want(self, rewrite: Rewrite) -> None:
        """A rewrite fooled the member; one of a benign seed has its twin in that seed."""
        if rewrite.parent.label:
            self._waiting.append((rewrite.parent.id, rewrite.operator, rewrite.drawn, rewrite.candidate.text.id))

    def take(self, most: int) -> list[Candidate]:
        """At most `most` twins, each naming the harmful seed ("twin_of") and the rewrite of it ("pair").

        What the operator makes nothing of, and whatever is not surely benign, is left out.
        """
        made: list[Candidate] = []
        while self._waiting and len(made) < most:
            parent, operator, drawn, rewrite = self._waiting.pop(0)
            benign = self._benign(self._seeds[parent], drawn) if parent in self._seeds else None
            twin = None if benign is None else self._again(operator, benign, drawn)
            if twin is not None and twin.provenance.expected_label == 0:
                meta = {**twin.provenance.meta, "twin_of": parent, "pair": rewrite}
                made.append(Candidate(twin.text, twin.provenance.model_copy(update={"meta": meta})))
        return made

    def state(self) -> list[list[Any]]:
        """What waits; JSON."""
        return [list(one) for one in self._waiting]

    def restore(self, state: Sequence[Sequence[Any]]) -> None:
        """Goes on from `state`."""
        self._waiting = [(str(parent), str(operator), int(drawn), str(text)) for parent, operator, drawn, text in state]

    def _benign(self, parent: LabelledText, drawn: int) -> LabelledText | None:
        own = self._of_family.get((split_of(parent), family_of(parent)))
        others = self._of_split.get(split_of(parent), [])
        if own is not None or not others:
            return own
        return others[int(np.random.default_rng([drawn, 1]).integers(len(others)))]
