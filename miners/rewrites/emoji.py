"""Emoji for things, as in a rebus: people read the picture, models a symbol that they saw in other company."""

from __future__ import annotations

from typing import Any

import numpy as np

from ensemble.text import LabelledText, Text
from miners.rewrites.operator import Effect
from miners.rewrites.phrases import Phrases, Replacer
from miners.rewrites.tables import packaged


class Emoji:
    """Puts an emoji for each everyday thing that has one."""

    name = "emoji"
    effect: Effect = "keeps"
    style = "disguise"

    def __init__(self, table: Phrases | None = None) -> None:
        """Takes words and their emoji; None = those that ship."""
        self._replacer = Replacer((packaged(Phrases, "emoji") if table is None else table).entries)

    def rewrite(self, parent: LabelledText, rng: np.random.Generator) -> tuple[Text, dict[str, Any]] | None:
        """The text with emoji; None where it names nothing that has one."""
        text, said = self._replacer.replaced(parent.text, rng)
        return (Text(text, parent.context), {"emoji": len(said)}) if said else None
