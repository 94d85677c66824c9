"""Typing mistakes: two neighbouring letters inside a few words change places, as fast fingers do."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from ensemble.text import LabelledText, Text
from miners.rewrites.operator import Effect

_WORD = re.compile(r"[^\W\d_]{5,}")


class Typos:
    """Swaps two inner letters in a share of the longer words; first and last letter stay, so that people read on."""

    name = "typos"
    effect: Effect = "keeps"
    style = "disguise"

    def __init__(self, *, share: float = 0.15) -> None:
        """Takes the share of words of five letters or more, in (0, 1], that get a mistake; at least one does."""
        self._share = share

    def rewrite(self, parent: LabelledText, rng: np.random.Generator) -> tuple[Text, dict[str, Any]] | None:
        """The text with mistakes; None if it has no word in which two different inner letters are neighbours."""
        words = [(match.start(), places) for match in _WORD.finditer(parent.text) if (places := _places(match.group()))]
        if not words:
            return None
        letters = list(parent.text)
        count = max(1, round(self._share * len(words)))
        for index in sorted(rng.permutation(len(words))[:count]):
            start, places = words[index]
            at = start + int(rng.choice(places))
            letters[at], letters[at + 1] = letters[at + 1], letters[at]
        return Text("".join(letters), parent.context), {"words": count}


def _places(word: str) -> list[int]:
    """Positions from which two different inner letters could be swapped."""
    return [i for i in range(1, len(word) - 2) if word[i] != word[i + 1]]
