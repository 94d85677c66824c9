"""Planted: one quiet sentence in which somebody is hurt, at the end of a text.

It makes a benign text a yes, told in passing and mostly without a loud word, the kind that is easiest to miss. A yes
stays a yes.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from ensemble.text import LabelledText, Text
from miners.rewrites.dilution import HARMLESS_STYLES
from miners.rewrites.distractors import Sentences
from miners.rewrites.operator import Effect
from miners.rewrites.tables import packaged


class Planted:
    """Adds a sentence that makes the answer yes."""

    name = "planted"
    effect: Effect = "unknown"
    style = "quiet"

    def __init__(self, table: Sentences | None = None, *, styles: Collection[str] | None = HARMLESS_STYLES) -> None:
        """Takes the sentences to draw from.

        Args:
            table: None = the sentences that ship for the default task.
            styles: `meta["style"]` of benign rows that are rewritten; what follows a dream or a rehearsal might belong
                to it. Rows without a style always are. None = all.
        """
        self._sentences = (packaged(Sentences, "planted") if table is None else table).sentences
        self._styles = styles

    def effect_on(self, label: int) -> Effect:
        """A benign text becomes a yes."""
        return "keeps" if label else "flips"

    def rewrite(self, parent: LabelledText, rng: np.random.Generator) -> tuple[Text, dict[str, Any]] | None:
        """The text with the sentence behind it; None for benign texts that might take it back."""
        style = parent.meta.get("style", "none")
        if parent.label == 0 and self._styles is not None and style not in self._styles:
            return None
        index = int(rng.integers(len(self._sentences)))
        return Text(f"{parent.text.strip()} {self._sentences[index]}", parent.context), {"sentence": index}
