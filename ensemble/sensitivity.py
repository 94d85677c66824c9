"""What one gradient pass says about the words of a text; plain numbers, so that miners can read it without torch."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ensemble.calibration import Platt
from ensemble.scorer import FloatArray
from ensemble.text import Text

_WORD = re.compile(r"[^\W\d_]+(?:['\u2019-][^\W\d_]+)*")


def word_spans(text: str) -> tuple[tuple[int, int], ...]:
    """Start and end of every word: letters, with apostrophes and hyphens inside."""
    return tuple(match.span() for match in _WORD.finditer(text))


@dataclass(frozen=True)
class Sensitivity:
    """A text as one forward and backward pass of a member sees it.

    Attributes:
        text: the text.
        logit: the member's raw output before calibration; higher means yes.
        spans: (start, end) of each word in the text.
        words: the words themselves, in order.
        saliency: float64, shape (words,): gradient times embedding, the part of the logit that a word holds up.
        gradients: float32, shape (words, width): of the logit by the word's embedding, mean over its pieces.
    """

    text: Text
    logit: float
    spans: tuple[tuple[int, int], ...]
    words: tuple[str, ...]
    saliency: FloatArray
    gradients: NDArray[np.float32]


class Guide(Protocol):
    """A member that says where it can be moved. A text looked at is one gradient pass, which counts as two calls."""

    @property
    def calibration(self) -> Platt:
        """From its logits to P(yes)."""

    def look(self, texts: Sequence[Text]) -> list[Sensitivity]:
        """One gradient pass a text, in order."""

    def effects(self, sensitivity: Sensitivity, word: int, candidates: Sequence[str]) -> FloatArray:
        """First-order change of the logit with each candidate in the word's place; costs no pass."""
