"""Understatement: a calm remark beside the text, which itself stays word for word.

The remarks play down and take nothing back ("nobody made much of it", never "nobody was hurt"), so a hurt that is told
is still told. Classifiers that weigh the tone of a whole passage pass such texts.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ensemble.text import LabelledText, Text
from miners.rewrites.frames import Frames, framed
from miners.rewrites.operator import Effect
from miners.rewrites.tables import packaged


class Understatement:
    """Adds a remark that plays down what is told."""

    name = "understatement"
    effect: Effect = "keeps"
    style = "quiet"

    def __init__(self, table: Frames | None = None) -> None:
        """Takes the remarks to draw from; None = those that ship."""
        self._table = packaged(Frames, "understatement") if table is None else table

    def rewrite(self, parent: LabelledText, rng: np.random.Generator) -> tuple[Text, dict[str, Any]] | None:
        """The text with a remark."""
        return framed(self._table, parent, rng)
