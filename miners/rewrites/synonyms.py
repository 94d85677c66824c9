"""A few words replaced by near ones, drawn at random.

What gradient-guided substitution is measured against, and what needs no gradient where the deployed member has none.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ensemble.sensitivity import word_spans
from ensemble.text import LabelledText, Text
from miners.rewrites.neighbours import Neighbours
from miners.rewrites.operator import Effect


class Synonyms:
    """Replaces one to `most` words by neighbours in embedding space, the nearer the likelier."""

    name = "synonyms"
    effect: Effect = "keeps"
    style = "reworded"

    def __init__(self, neighbours: Neighbours, *, most: int = 4) -> None:
        """Takes what may replace what, and how many words are replaced at most."""
        self._neighbours, self._most = neighbours, most

    def rewrite(self, parent: LabelledText, rng: np.random.Generator) -> tuple[Text, dict[str, Any]] | None:
        """The text with words replaced; None where no word has a neighbour."""
        text = parent.text
        near = [(span, found) for span in word_spans(text) if (found := self._neighbours.of(text[slice(*span)]))]
        if not near:
            return None
        count = min(len(near), int(rng.integers(1, self._most + 1)))
        words: dict[str, str] = {}
        for index in sorted(rng.permutation(len(near))[:count], reverse=True):
            (start, end), found = near[index]
            weights = np.array([cosine for _, cosine in found]) ** 4
            other = found[int(rng.choice(len(found), p=weights / weights.sum()))][0]
            words[text[start:end]] = other
            text = text[:start] + other + text[end:]
        return Text(text, parent.context), {"words": words}
