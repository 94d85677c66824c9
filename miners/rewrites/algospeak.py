"""Algospeak: "unalived", "pew pew", "st@bbed"; what people write where a platform hides the plain word."""

from __future__ import annotations

from typing import Any

import numpy as np

from ensemble.text import LabelledText, Text
from miners.rewrites.operator import Effect
from miners.rewrites.phrases import Phrases, Replacer
from miners.rewrites.tables import packaged


class Algospeak:
    """Says harm in the words that moderated platforms have bred."""

    name = "algospeak"
    effect: Effect = "keeps"
    style = "disguise"

    def __init__(self, table: Phrases | None = None) -> None:
        """Takes the words; None = those that ship for the default task."""
        self._replacer = Replacer((packaged(Phrases, "algospeak") if table is None else table).entries)

    def rewrite(self, parent: LabelledText, rng: np.random.Generator) -> tuple[Text, dict[str, Any]] | None:
        """The text in those words; None where it has no word that they stand for."""
        text, said = self._replacer.replaced(parent.text, rng)
        return (Text(text, parent.context), {"said": said}) if said else None
