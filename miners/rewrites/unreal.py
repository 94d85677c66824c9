"""Unreal: the text as a dream, a film, a novel, a game or a fear, so that what it tells never happened.

The guideline of the default task calls dreams, performances and books inside the text no. So an injury is taken back by
construction, word for word as it stands, and a benign text stays benign. Another task brings frames of its own.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ensemble.text import LabelledText, Text
from miners.rewrites.frames import Frames, framed
from miners.rewrites.operator import Effect
from miners.rewrites.tables import packaged


class Unreal:
    """Sets a text whole into words that take back whatever it tells."""

    name = "unreal"
    effect: Effect = "unknown"
    style = "unreal"

    def __init__(self, table: Frames | None = None) -> None:
        """Takes the frames to draw from; None = those that ship for the default task."""
        self._table = packaged(Frames, "unreal") if table is None else table

    def effect_on(self, label: int) -> Effect:
        """What is taken back turns yes into no; no stays."""
        return "flips" if label else "keeps"

    def rewrite(self, parent: LabelledText, rng: np.random.Generator) -> tuple[Text, dict[str, Any]] | None:
        """The text as something that never happened."""
        return framed(self._table, parent, rng)
