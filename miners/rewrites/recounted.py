"""Recounted: somebody who was there tells the text in direct speech; what happened has happened all the same."""

from __future__ import annotations

from typing import Any

import numpy as np

from ensemble.text import LabelledText, Text
from miners.rewrites.frames import Frames, framed
from miners.rewrites.operator import Effect
from miners.rewrites.tables import packaged


class Recounted:
    """Has a witness tell the text, word for word."""

    name = "recounted"
    effect: Effect = "keeps"
    style = "recounted"

    def __init__(self, table: Frames | None = None) -> None:
        """Takes the frames to draw from; None = those that ship, which suit any question about what happened."""
        self._table = packaged(Frames, "recounted") if table is None else table

    def rewrite(self, parent: LabelledText, rng: np.random.Generator) -> tuple[Text, dict[str, Any]] | None:
        """The text as told; None where its quotes cannot stand inside others."""
        return framed(self._table, parent, rng)
