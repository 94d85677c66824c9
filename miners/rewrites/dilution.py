"""Dilution: an injury, or its benign twin alike, among harmless sentences of other stories.

A classifier that looks for loud words, or averages over the text, loses a quiet injury in a long calm passage; the
benign twin told in the same way shows whether it has merely learned to distrust such passages.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from ensemble.text import LabelledText, Text
from miners.errors import SourceError
from miners.rewrites.operator import Effect
from miners.rewrites.seeds import family_of, split_of
from miners.sentences import split_sentences

HARMLESS_STYLES = frozenset({"everyday", "tender", "thing", "emotional", "humorous", "none"})
"""Styles of benign rows whose sentences leave another row's label alone; a dream or a film set would take it back."""

_FEWEST_FILLERS = 8


class Dilution:
    """Puts whole harmless sentences before and after a text, which itself stays word for word."""

    name = "dilution"
    effect: Effect = "keeps"
    style = "diluted"

    def __init__(
        self,
        seeds: Sequence[LabelledText],
        *,
        sentences: tuple[int, int] = (3, 8),
        styles: Collection[str] | None = HARMLESS_STYLES,
    ) -> None:
        """Gathers the harmless sentences.

        Args:
            seeds: labelled texts; sentences come from those with label 0.
            sentences: fewest and most sentences to add.
            styles: `meta["style"]` of rows whose sentences are used; rows without a style always are. None = all.

        Raises:
            SourceError: fewer harmless sentences than could be added.
        """
        self._fewest, self._most = sentences
        self._pool: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for row in seeds:
            if row.label == 0 and (styles is None or row.meta.get("style", "none") in styles):
                self._pool[split_of(row)] += [(family_of(row), sentence) for sentence in split_sentences(row.text)]
        if max(map(len, self._pool.values()), default=0) < max(_FEWEST_FILLERS, self._most):
            raise SourceError(f"dilution needs {max(_FEWEST_FILLERS, self._most)} harmless sentences in one split")

    def rewrite(self, parent: LabelledText, rng: np.random.Generator) -> tuple[Text, dict[str, Any]] | None:
        """The text among sentences of other families of its own split, each family at most once."""
        family = family_of(parent)
        wanted = int(rng.integers(self._fewest, self._most + 1))
        before = int(rng.integers(0, wanted + 1))
        pool = self._pool.get(split_of(parent), [])
        chosen: dict[str, str] = {}
        for index in rng.permutation(len(pool)):
            other, sentence = pool[index]
            if other != family:
                chosen.setdefault(other, sentence)
            if len(chosen) == wanted:
                break
        if len(chosen) < wanted:
            return None
        added = list(chosen.values())
        text = " ".join([*added[:before], parent.text.strip(), *added[before:]])
        return Text(text, parent.context), {"fillers": list(chosen), "before": before}
