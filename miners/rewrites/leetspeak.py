"""Leetspeak: digits and signs for the letters that they look like, as in "bl00d"."""

from __future__ import annotations

import numpy as np

from miners.rewrites.disguise import Disguise

SIGNS = {"a": "4@", "e": "3", "i": "1!", "o": "0", "s": "5$", "t": "7"}
"""Signs by the letter that they stand for; the first is the usual one."""

_MOST = 3
"""Letters of one word that change, and never more than half of them; with more, people begin to guess."""


class Leetspeak(Disguise):
    """Writes up to three letters of a word, half of them at most, as digits or signs."""

    name = "leetspeak"

    def _applies(self, word: str) -> bool:
        return any(letter in SIGNS for letter in word)

    def _change(self, word: str, rng: np.random.Generator) -> str:
        letters = list(word)
        places = [place for place, letter in enumerate(letters) if letter in SIGNS]
        for place in rng.permutation(places)[: min(_MOST, len(word) // 2)]:
            signs = SIGNS[letters[place]]
            letters[place] = signs[int(rng.integers(len(signs)))]
        return "".join(letters)
