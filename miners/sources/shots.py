"""The texts by which a language model is steered: seeds, what people confirmed, what members differ on most.

Only texts of split train are ever taken in (`miners.splits`), for whatever stands in a prompt may come out again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ensemble.text import LabelledText, identity
from miners.candidate import Provenance, Scored
from miners.errors import SourceError
from miners.proposer import Outcome
from miners.splits import TRAIN, split_of, split_of_family

MOST_CHARS = 400
"""Longest text, and longest context, in a prompt."""

_KEPT = 24
_SEEDS_WEIGHT = 4.0
"""What all seeds weigh together: they lead while nothing else is there, and step back behind what was found."""

_CONFIRMED_WEIGHT = 3.0
_FADING = 0.9
"""By how much an older finding weighs less than the one after it."""


@dataclass(frozen=True)
class Shot:
    """A text for a prompt.

    Attributes:
        text, context: as it stands there.
        family: what it descends from.
        weight: how much it counts in drawing, above 0.
    """

    text: str
    context: str
    family: str
    weight: float = 1.0

    @property
    def id(self) -> str:
        """Identity of the text."""
        return identity(self.text, self.context)


class Shots:
    """Draws texts for prompts; learns from verdicts and labels."""

    def __init__(self, seeds: Sequence[LabelledText]) -> None:
        """Keeps the seeds that are labelled yes, of split train, and short enough.

        Raises:
            SourceError: there is none.
        """
        self._seeds = [shot for row in seeds if (shot := _seed(row)) is not None]
        self._found: list[Shot] = []
        self._promising: list[Shot] = []
        if not self._seeds:
            raise SourceError("no seed text labelled yes, of split train, that is short enough to steer by")

    def observe(self, scored: Sequence[Scored]) -> None:
        """Keeps the texts that most probably are mistakes of the deployed member."""
        known = {shot.id for shot in self._promising}
        for item in scored:
            text, provenance = item.candidate.text, item.candidate.provenance
            shot = _shot(text.text, text.context, provenance, weight=item.verdict.miss_score)
            if shot is not None and item.verdict.miss_score > 0 and shot.id not in known:
                self._promising.append(shot)
        self._promising = sorted(self._promising, key=lambda shot: -shot.weight)[:_KEPT]

    def learn(self, outcomes: Sequence[Outcome]) -> None:
        """Keeps the newest confirmed findings; what people judged otherwise is no longer promising."""
        judged = {outcome.text_id for outcome in outcomes}
        self._promising = [shot for shot in self._promising if shot.id not in judged]
        for outcome in outcomes:
            self._found = [shot for shot in self._found if shot.id != outcome.text_id]
            weight = _CONFIRMED_WEIGHT * (1 + (outcome.severity or 0.0) / 4)
            shot = _shot(outcome.text, outcome.context, outcome.provenance, weight=weight)
            if shot is not None and outcome.missed:
                self._found.append(shot)
        self._found = self._found[-_KEPT:]

    def draw(self, count: int, rng: np.random.Generator) -> list[Shot]:
        """At most `count` different ones of different families, by weight, in random order."""
        newest = len(self._found) - 1
        weighted = [(shot, shot.weight * _FADING ** (newest - age)) for age, shot in enumerate(self._found)]
        weighted += [(shot, shot.weight) for shot in self._promising]
        weighted += [(shot, _SEEDS_WEIGHT / len(self._seeds)) for shot in self._seeds]
        # Sorted by these keys, the first k are k draws by weight without replacement (Efraimidis and Spirakis 2006).
        keys = np.log(rng.random(len(weighted))) / np.array([weight for _, weight in weighted])
        drawn: dict[str, Shot] = {}
        for place in np.argsort(-keys, kind="stable"):
            drawn.setdefault(weighted[place][0].family, weighted[place][0])
            if len(drawn) == count:
                break
        return [list(drawn.values())[place] for place in rng.permutation(len(drawn))]

    def state(self) -> dict[str, Any]:
        """What was learnt; small, for only a few dozen short texts are kept."""
        return {"found": [asdict(shot) for shot in self._found], "promising": [asdict(s) for s in self._promising]}

    def restore(self, state: dict[str, Any]) -> None:
        """Knows again what was learnt."""
        self._found = [Shot(**shot) for shot in state["found"]]
        self._promising = [Shot(**shot) for shot in state["promising"]]


def can_steer(seeds: Sequence[LabelledText]) -> bool:
    """Whether any of the seeds can be used."""
    return any(_seed(row) is not None for row in seeds)


def _seed(row: LabelledText) -> Shot | None:
    family = str(row.meta.get("family") or row.id)
    split = str(row.meta.get("split") or split_of_family(family))
    fits = row.label == 1 and split == TRAIN and _fits(row.text, row.context)
    return Shot(row.text, row.context, family) if fits else None


def _shot(text: str, context: str, provenance: Provenance, *, weight: float) -> Shot | None:
    fits = split_of(provenance) == TRAIN and _fits(text, context)
    return Shot(text, context, provenance.family, weight) if fits else None


def _fits(text: str, context: str) -> bool:
    return len(text) <= MOST_CHARS and len(context) <= MOST_CHARS
