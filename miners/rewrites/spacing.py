"""Letter spacing: "b l o o d", "b.l.o.o.d", "b-l-o-o-d"; a word falls into letters for whoever splits at them."""

from __future__ import annotations

import numpy as np

from miners.rewrites.disguise import Disguise

SEPARATORS = (" ", ".", "-", "_", "\u00b7", "*")
"""What stands between the letters; one kind in a text."""


class Spacing(Disguise):
    """Sets the letters of words apart."""

    name = "spacing"

    def _prepare(self, rng: np.random.Generator) -> None:
        self._separator = SEPARATORS[int(rng.integers(len(SEPARATORS)))]

    def _applies(self, word: str) -> bool:
        return len(word) > 2

    def _change(self, word: str, rng: np.random.Generator) -> str:  # noqa: ARG002 (nothing to draw for a word)
        return self._separator.join(word)
