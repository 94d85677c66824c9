"""One pass of a language model over texts, as judge and probe both read it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ensemble.members.language_model import LanguageModel
from ensemble.members.prompts import Prompt, windows
from ensemble.members.windows import highest
from ensemble.scorer import FloatArray
from ensemble.text import Text


@dataclass(frozen=True)
class Pass:
    """What was read of n texts in m windows, windows of a text side by side and texts in order.

    Attributes:
        rows: int64, shape (m,): the text that each window belongs to.
        answers: float64, shape (m, answers): logits of the answer words, see `answer_tokens`.
        hidden: float32, shape (m, layers, 2, width), as `language_model.Reading.hidden`.
    """

    rows: NDArray[np.int64]
    answers: FloatArray
    hidden: NDArray[np.float32]

    @property
    def preference(self) -> FloatArray:
        """logit(yes answer) - logit(no answer) of each window, shape (m,); higher means yes."""
        return np.asarray(self.answers[:, 0] - self.answers[:, 1])

    def highest(self, scores: FloatArray) -> FloatArray:
        """The highest score of each text's windows: (m,) -> (n,)."""
        return highest(scores, self.rows)


def ask(model: LanguageModel, prompt: Prompt, texts: Sequence[Text], layers: Sequence[int] = ()) -> Pass:
    """Asks one prompt about every window of every text.

    Args:
        model: reads.
        prompt: asks.
        texts: any number.
        layers: hidden layers wanted, 0 (embeddings) to the model's depth.
    """
    pieces = [(row, piece) for row, text in enumerate(texts) for piece in windows(text)]
    suffixes = [prompt.suffix(piece) for _, piece in pieces]
    reading = model.read(prompt.prefix, suffixes, answer_tokens(model, prompt), layers)
    return Pass(np.array([row for row, _ in pieces], dtype=np.int64), reading.logits, reading.hidden)


def answer_tokens(model: LanguageModel, prompt: Prompt) -> tuple[int, ...]:
    """Tokens of the yes answer, the no answer, and those of the prompt's further words that are one token each.

    Raises:
        InputError: yes or no takes several tokens of this model.
    """
    return (model.answer_token(prompt.yes), model.answer_token(prompt.no), *_single(model, prompt.words))


def _single(model: LanguageModel, words: Sequence[str]) -> list[int]:
    spelled = [model.tokens(word) for word in words]
    return [ids[0] for ids in spelled if len(ids) == 1]
