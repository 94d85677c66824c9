"""Splice: two texts of one split, one after the other with a break; yes if any part is yes.

Unlike dilution, the other text is whole and has a story of its own, so that a reader, and a model, must read two.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from ensemble.text import LabelledText, Text
from miners.errors import SourceError
from miners.rewrites.dilution import HARMLESS_STYLES
from miners.rewrites.operator import Effect
from miners.rewrites.seeds import family_of, split_of

BREAKS = ("\n\n* * *\n\n", "\n\n", "\n\nMeanwhile, elsewhere.\n\n", "\n\n---\n\n", "\n\n2\n\n")
"""What stands between two texts."""

_FEWEST = 8


class Splice:
    """Joins a text with a benign one of another family; either may come first."""

    name = "splice"
    effect: Effect = "keeps"
    style = "diluted"

    def __init__(self, seeds: Sequence[LabelledText], *, styles: Collection[str] | None = HARMLESS_STYLES) -> None:
        """Gathers the benign texts.

        Args:
            seeds: labelled texts; those with label 0 are joined to others.
            styles: `meta["style"]` of rows that may be joined to others, as in dilution. None = all.

        Raises:
            SourceError: fewer than eight benign texts in every split.
        """
        self._pool: dict[str, list[LabelledText]] = defaultdict(list)
        for row in seeds:
            if row.label == 0 and (styles is None or row.meta.get("style", "none") in styles):
                self._pool[split_of(row)].append(row)
        if max(map(len, self._pool.values()), default=0) < _FEWEST:
            raise SourceError(f"splice needs {_FEWEST} benign texts in one split")

    def rewrite(self, parent: LabelledText, rng: np.random.Generator) -> tuple[Text, dict[str, Any]] | None:
        """The text and a benign one; None where its split has none of another family."""
        others = [row for row in self._pool.get(split_of(parent), []) if family_of(row) != family_of(parent)]
        if not others:
            return None
        other = others[int(rng.integers(len(others)))]
        between = BREAKS[int(rng.integers(len(BREAKS)))]
        first = bool(rng.integers(2))
        parts = (parent.text.strip(), other.text.strip()) if first else (other.text.strip(), parent.text.strip())
        return Text(between.join(parts), parent.context), {"other": family_of(other), "first": first}
