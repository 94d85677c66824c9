"""Full-width letters, set apart: the look of headlines in "vaporwave" posts.

Full-width letters alone would be the same text as before (`ensemble.text.identity` folds them, as a member that
normalises does); with the spaces between them they are not.
"""

from __future__ import annotations

import numpy as np

from miners.rewrites.disguise import Disguise

_OFFSET = ord("\uff21") - ord("A")


class FullWidth(Disguise):
    """Writes words in full-width letters with a space between any two."""

    name = "full-width"

    def _applies(self, word: str) -> bool:
        return word.isascii()

    def _change(self, word: str, rng: np.random.Generator) -> str:  # noqa: ARG002 (nothing to draw for a word)
        return " ".join(chr(ord(letter) + _OFFSET) for letter in word)
