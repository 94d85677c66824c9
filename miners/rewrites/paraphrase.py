"""The whole text in other words, by a language model that is shown examples. The label is for people to say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from ensemble.errors import InputError
from ensemble.text import LabelledText, Text, check_text, identity
from miners.rewrites.operator import Effect


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

    def rewrite(self, parent: LabelledText, rng: np.random.Generator) -> tuple[Text, dict[str, Any]] | None:
        """The text in other words; None where the model wrote nothing readable, or the same text."""
        seed = int(rng.integers(2**31))
        (written,) = self._say_again([parent.text], seed)
        try:
            check_text(written)
        except InputError:
            return None
        if identity(written) == identity(parent.text):
            return None
        return Text(written, parent.context), {"seed": seed}
