"""Language-model infill: a few words are cut out, and the model writes others between what stands left and right.

What the model writes may change what happens, so the label is unknown. Only gaps around a word on which the answer does
not hang are cut, so that most rewrites stay near their parent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from ensemble.sensitivity import word_spans
from ensemble.text import LabelledText, Text
from miners.rewrites.neighbours import Neighbours
from miners.rewrites.operator import Effect

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

    def rewrite(self, parent: LabelledText, rng: np.random.Generator) -> tuple[Text, dict[str, Any]] | None:
        """The text with other words in a gap around a word that the answer does not hang on; None without one."""
        text, spans = parent.text, word_spans(parent.text)
        free = [i for i, span in enumerate(spans) if i > 0 and self._neighbours.allowed(text[slice(*span)])]
        if not free:
            return None
        first = int(rng.choice(free))
        last = self._last(text, spans, first, int(rng.integers(1, self._most + 1)))
        left, old, right = text[: spans[first][0]], text[spans[first][0] : spans[last][1]], text[spans[last][1] :]
        (found,) = self._fill([(left, right, last - first + 2)], int(rng.integers(2**31)))
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
