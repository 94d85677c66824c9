"""Invisible characters inside words: nothing to see for people, another string for machines."""

from __future__ import annotations

import numpy as np

from miners.rewrites.disguise import Disguise

CHARACTERS = {
    "zero-width-space": "\u200b",
    "zero-width-non-joiner": "\u200c",
    "word-joiner": "\u2060",
    "soft-hyphen": "\u00ad",
}
"""Characters without width. NFKC keeps them, and no text rendering shows them inside a line."""


class Invisible(Disguise):
    """Puts one kind of invisible character into words, in one or two places each."""

    name = "invisible"

    def _prepare(self, rng: np.random.Generator) -> None:
        self._character = str(rng.choice(list(CHARACTERS.values())))

    def _applies(self, word: str) -> bool:
        return len(word) > 1

    def _change(self, word: str, rng: np.random.Generator) -> str:
        places = sorted((rng.permutation(len(word) - 1)[: 1 + len(word) // 6] + 1).tolist(), reverse=True)
        for place in places:
            word = word[:place] + self._character + word[place:]
        return word
