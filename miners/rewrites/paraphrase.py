"""The whole text in other words, by a language model that is shown examples. The label is for people to say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from ensemble.errors import InputError
from ensemble.text import LabelledText, Text, check_text, identity
from miners.proposer import Cost
from miners.rewrites.operator import Effect, Made


class SayAgain(Protocol):
    """A language model that says a text in other words."""

    def __call__(self, texts: Sequence[str], seed: int) -> list[str]:
        """One paraphrase a text, perhaps empty; the same for a seed."""


class Paraphrase:
    """Asks the language model for the text in other words."""

    name = "paraphrase"
    effect: Effect = "unknown"
    style = "reworded"

    def __init__(self, say_again: SayAgain) -> None:
        """Takes the language model."""
        self._say_again = say_again
        self._asked = 0

    def rewrite(self, parent: LabelledText, rng: np.random.Generator) -> Made:
        """The text in other words; None where the model wrote nothing readable, or the same text."""
        return self.rewrite_all([parent], [rng])[0]

    def rewrite_all(self, parents: Sequence[LabelledText], rngs: Sequence[np.random.Generator]) -> list[Made]:
        """The same for many texts, which the model says again together."""
        if not parents:
            return []
        seed = int(rngs[0].integers(2**31))
        written = self._say_again([parent.text for parent in parents], seed)
        self._asked += len(parents)
        return [_new(parent, text, seed) for parent, text in zip(parents, written, strict=True)]

    def take_cost(self) -> Cost:
        """Texts given to the language model since the last call."""
        asked, self._asked = self._asked, 0
        return Cost(model_texts=asked)


def _new(parent: LabelledText, written: str, seed: int) -> Made:
    try:
        check_text(written)
    except InputError:
        return None
    if identity(written) == identity(parent.text):
        return None
    return Text(written, parent.context), {"seed": seed}
