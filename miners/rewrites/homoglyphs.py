"""Homoglyphs: letters of other alphabets that look the same, so that a word looks as before and is another string."""

from __future__ import annotations

import numpy as np

from miners.rewrites.disguise import Disguise

TWINS = {
    **dict(zip("aceopxyisjhABCEHKMOPTXSIJ", "асеорхуіѕјһАВСЕНКМОРТХЅІЈ", strict=True)),  # noqa: RUF001 (Cyrillic is meant)
}
"""Latin letters and Cyrillic ones that most typefaces draw alike; none is folded into the Latin one by NFKC."""


class Homoglyphs(Disguise):
    """Puts Cyrillic letters for the Latin ones that look like them."""

    name = "homoglyphs"

    def _applies(self, word: str) -> bool:
        return any(letter in TWINS for letter in word)

    def _change(self, word: str, rng: np.random.Generator) -> str:
        places = [place for place, letter in enumerate(word) if letter in TWINS]
        chosen = set(rng.permutation(places)[: max(1, (len(places) + 1) // 2)].tolist())
        return "".join(TWINS[letter] if place in chosen else letter for place, letter in enumerate(word))
