"""Language-model infill: a few words are cut out, and the model writes others between what stands left and right.

What the model writes may change what happens, so the label is unknown. Only gaps around a word on which the answer does
not hang are cut, so that most rewrites stay near their parent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from ensemble.sensitivity import word_spans
from ensemble.text import LabelledText, Text
from miners.proposer import Cost
from miners.rewrites.neighbours import Neighbours
from miners.rewrites.operator import Effect, Made

Gap = tuple[str, str, int]
"""What stands left and right of a gap, and how many words it may take."""


class FillGaps(Protocol):
    """A language model that fills gaps."""

    def __call__(self, gaps: Sequence[Gap], seed: int) -> list[list[tuple[str, float]]]:
        """For each gap the fillings with their mean log-probability a token, the best first; the same for a seed."""


class Infill:
    """Cuts one to `most` words out and lets the language model fill the gap."""

    name = "infill"
    effect: Effect = "unknown"
    style = "reworded"

    def __init__(self, fill: FillGaps, neighbours: Neighbours, *, most: int = 3, best: int = 4) -> None:
        """Takes the language model, what words matter, the widest gap, how many fillings to draw from."""
        self._fill, self._neighbours, self._most, self._best = fill, neighbours, most, best
        self._asked = 0

    def rewrite(self, parent: LabelledText, rng: np.random.Generator) -> Made:
        """The text with other words in a gap around a word that the answer does not hang on; None without one."""
        return self.rewrite_all([parent], [rng])[0]

    def rewrite_all(self, parents: Sequence[LabelledText], rngs: Sequence[np.random.Generator]) -> list[Made]:
        """The same for many texts, whose gaps the model fills together."""
        cuts = [self._cut(parent.text, rng) for parent, rng in zip(parents, rngs, strict=True)]
        asked = [(left, right, words) for cut in cuts if cut for left, _, right, words in (cut,)]
        filled = iter(self._fill(asked, int(rngs[0].integers(2**31))) if asked else ())
        self._asked += len(asked)
        return [
            self._filled(parent, cut, next(filled), rng) if cut else None
            for parent, cut, rng in zip(parents, cuts, rngs, strict=True)
        ]

    def take_cost(self) -> Cost:
        """Gaps given to the language model since the last call."""
        asked, self._asked = self._asked, 0
        return Cost(model_texts=asked)

    def _cut(self, text: str, rng: np.random.Generator) -> tuple[str, str, str, int] | None:
        """What stands left of a gap, in it and right of it, and how many words it may take."""
        spans = word_spans(text)
        free = [i for i, span in enumerate(spans) if i > 0 and self._neighbours.allowed(text[slice(*span)])]
        if not free:
            return None
        first = int(rng.choice(free))
        last = self._last(text, spans, first, int(rng.integers(1, self._most + 1)))
        start, end = spans[first][0], spans[last][1]
        return text[:start], text[start:end], text[end:], last - first + 2

    def _filled(
        self,
        parent: LabelledText,
        cut: tuple[str, str, str, int],
        found: Sequence[tuple[str, float]],
        rng: np.random.Generator,
    ) -> Made:
        left, old, right, _ = cut
        fillings = [filling for filling, _ in found if filling.casefold() != old.casefold()][: self._best]
        if not fillings:
            return None
        new = fillings[int(rng.integers(len(fillings)))]
        return Text(left + new + right, parent.context), {"old": old, "new": new}

    @staticmethod
    def _last(text: str, spans: Sequence[tuple[int, int]], first: int, words: int) -> int:
        """Last word of a gap of at most so many, with nothing but spaces between them."""
        last = first
        while last + 1 < len(spans) and last - first + 1 < words:
            if text[spans[last][1] : spans[last + 1][0]].strip():
                break
            last += 1
        return last
