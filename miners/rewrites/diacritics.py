"""Diacritics: accents on letters that have none, as in "blööd"; read without trouble, tokenised quite differently."""

from __future__ import annotations

import numpy as np

from miners.rewrites.disguise import Disguise

ACCENTED = {
    "a": "áàäâã",
    "c": "çć",
    "e": "éèëê",
    "i": "íìïî",
    "n": "ñń",
    "o": "óòöôõ",
    "s": "šś",
    "u": "úùüû",
    "y": "ýÿ",
    "z": "žź",
}
"""Accented forms by plain letter; each is a letter of its own after NFKC."""


class Diacritics(Disguise):
    """Puts accents on about two thirds of a word's letters that can bear one."""

    name = "diacritics"

    def _applies(self, word: str) -> bool:
        return any(letter in ACCENTED for letter in word)

    def _change(self, word: str, rng: np.random.Generator) -> str:
        letters = list(word)
        places = [place for place, letter in enumerate(letters) if letter in ACCENTED]
        for place in rng.permutation(places)[: -(-2 * len(places) // 3)]:
            forms = ACCENTED[letters[place]]
            letters[place] = forms[int(rng.integers(len(forms)))]
        return "".join(letters)
