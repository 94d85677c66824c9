"""Censoring: stars for the inner vowels, as in "bl**d"; the word is not there, and everybody reads it."""

from __future__ import annotations

import re

import numpy as np

from miners.rewrites.disguise import Disguise

_INNER = re.compile(r"(?<=.)[aeiou](?=.)", re.IGNORECASE)


class Censoring(Disguise):
    """Puts a star for up to two inner vowels of a word, the first ones."""

    name = "censoring"

    def _applies(self, word: str) -> bool:
        return _INNER.search(word) is not None

    def _change(self, word: str, rng: np.random.Generator) -> str:  # noqa: ARG002 (nothing to draw for a word)
        return _INNER.sub("*", word, count=2)
