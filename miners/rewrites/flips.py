"""Gradient-guided substitution: words give way to the neighbours that move the deployed member most.

One forward and backward pass of its torch twin says which (HotFlip, Ebrahimi et al. 2018, arXiv 1712.06751). HotFlip
takes any token; here a word is only replaced by one that lies near it and does not carry the answer, so that the label
stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ensemble.sensitivity import Guide, Sensitivity, word_spans
from ensemble.text import LabelledText, Text
from miners.proposer import Cost
from miners.rewrites.neighbours import Neighbours
from miners.rewrites.operator import Effect

_LOOKED = 512
"""Gradient passes remembered: a seed comes again in a later round."""

FIRST_ORDER = "first_order"
"""Name of the note that says by how much the raw logit should move, to first order."""


class Flips:
    """Replaces the few words whose best neighbours push the deployed member furthest to the wrong side."""

    name = "flips"
    effect: Effect = "keeps"
    style = "reworded"

    def __init__(self, guide: Guide, neighbours: Neighbours, *, most: int = 4, spread: float = 0.3) -> None:
        """Looks at nothing yet.

        Args:
            guide: the deployed member's twin.
            neighbours: what may replace what.
            most: words replaced at most; each rewrite draws how many, from 1.
            spread: standard deviation of what is added to each effect before the best are taken, in units of the
                largest effect, so that rewrites of one text differ; 0 takes the best always.
        """
        self._guide, self._neighbours, self._most, self._spread = guide, neighbours, most, spread
        self._seen: dict[str, Sensitivity] = {}
        self._paid: dict[str, None] = {}
        self._passes = 0

    def rewrite(self, parent: LabelledText, rng: np.random.Generator) -> tuple[Text, dict[str, Any]] | None:
        """The text with one or more words replaced; None where no word has a neighbour that helps."""
        if not any(self._neighbours.of(parent.text[slice(*span)], 1) for span in word_spans(parent.text)):
            return None  # a pass would tell nothing
        sensitivity = self._looked(parent)
        sign = -1.0 if parent.label else 1.0  # a yes text is to be passed, a no text to be flagged
        found = [swap for word in range(len(sensitivity.words)) if (swap := self._best(sensitivity, word, sign, rng))]
        if not found:
            return None
        found.sort(key=lambda swap: -swap[3])
        chosen = sorted(found[: int(rng.integers(1, self._most + 1))])
        moved = sum(effect for _, _, effect, _ in chosen)
        words = {sensitivity.words[word]: other for word, other, _, _ in chosen}
        text = replaced(sensitivity, [(word, other) for word, other, _, _ in chosen])
        return Text(text, parent.context), {"words": words, FIRST_ORDER: round(moved, 4)}

    def take_cost(self) -> Cost:
        """Gradient passes since the last call."""
        passes, self._passes = self._passes, 0
        return Cost(gradient_passes=passes)

    def probability(self, text: Text) -> float | None:
        """The member's P(yes) of a text that was looked at lately; None of others, since a look costs a pass."""
        if text.id not in self._paid:
            return None
        return float(self._guide.calibration(self._looked(text).logit))

    def state(self) -> dict[str, Any]:
        """Texts looked at and remembered, by identity: going on behind a crash, they are not charged again."""
        return {"paid": list(self._paid)}

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on from `state`."""
        self._paid, self._seen = dict.fromkeys(state["paid"]), {}

    def _looked(self, text: Text) -> Sensitivity:
        if text.id not in self._paid:
            if len(self._paid) >= _LOOKED:
                self._paid.clear()
                self._seen.clear()
            self._paid[text.id] = None
            self._passes += 1
        if text.id not in self._seen:
            (self._seen[text.id],) = self._guide.look([text])
        return self._seen[text.id]

    def _best(
        self, sensitivity: Sensitivity, word: int, sign: float, rng: np.random.Generator
    ) -> tuple[int, str, float, float] | None:
        """Word, neighbour, its effect, and its effect in the wanted direction with chance added; None if none helps."""
        near = [other for other, _ in self._neighbours.of(sensitivity.words[word])]
        if not near:
            return None
        effects = self._guide.effects(sensitivity, word, near)
        wanted = sign * effects
        noisy = wanted + self._spread * np.abs(effects).max() * rng.standard_normal(len(near))
        best = int(noisy.argmax())
        return (word, near[best], float(effects[best]), float(noisy[best])) if wanted[best] > 0 else None


def replaced(sensitivity: Sensitivity, swaps: Sequence[tuple[int, str]]) -> str:
    """The text with words, by their number, replaced."""
    text = sensitivity.text.text
    for word, other in sorted(swaps, reverse=True):
        start, end = sensitivity.spans[word]
        text = text[:start] + other + text[end:]
    return text
