"""One pass of a language model over texts, as judge and probe both read it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ensemble.members.language_model import LanguageModel
from ensemble.members.prompts import Prompt, windows
from ensemble.scorer import FloatArray
from ensemble.text import Text


@dataclass(frozen=True)
class Pass:
    """What was read of n texts in m windows, windows of a text side by side and texts in order.

    Attributes:
        rows: int64, shape (m,): the text that each window belongs to.
        preference: float64, shape (m,): logit(yes answer) - logit(no answer); higher means yes.
        hidden: float32, shape (m, layers, 2, width), as `language_model.Reading.hidden`.
    """

    rows: NDArray[np.int64]
    preference: FloatArray
    hidden: NDArray[np.float32]

    def highest(self, scores: FloatArray) -> FloatArray:
        """The highest score of each text's windows: (m,) -> (n,)."""
        if not len(scores):
            return np.empty(0)
        return np.asarray(np.maximum.reduceat(scores, np.flatnonzero(np.diff(self.rows, prepend=-1))))


def ask(model: LanguageModel, prompt: Prompt, texts: Sequence[Text], layers: Sequence[int] = ()) -> Pass:
    """Asks one prompt about every window of every text.

    Args:
        model: reads.
        prompt: asks.
        texts: any number.
        layers: hidden layers wanted, 0 (embeddings) to the model's depth.
    """
    pieces = [(row, piece) for row, text in enumerate(texts) for piece in windows(text)]
    answers = [model.answer_token(prompt.yes), model.answer_token(prompt.no)]
    reading = model.read(prompt.prefix, [prompt.suffix(piece) for _, piece in pieces], answers, layers)
    rows = np.array([row for row, _ in pieces], dtype=np.int64)
    return Pass(rows, reading.logits[:, 0] - reading.logits[:, 1], reading.hidden)
