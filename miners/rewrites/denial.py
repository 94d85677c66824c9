"""Denial and hypothesis: "It is not true that ...", "If they had set out sooner ..."; nobody was hurt after all.

Each frame says outright that what it holds did not happen and that nobody came to harm, so an injury is taken back for
certain, and a benign text stays benign. Another task brings frames of its own.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ensemble.text import LabelledText, Text
from miners.rewrites.frames import Frames, framed
from miners.rewrites.operator import Effect
from miners.rewrites.tables import packaged


class Denial:
    """Sets a text whole, or as a that-clause, into words that deny it."""

    name = "denial"
    effect: Effect = "unknown"
    style = "denied"

    def __init__(self, table: Frames | None = None) -> None:
        """Takes the frames to draw from; None = those that ship for the default task."""
        self._table = packaged(Frames, "denial") if table is None else table

    def effect_on(self, label: int) -> Effect:
        """What is denied turns yes into no; no stays."""
        return "flips" if label else "keeps"

    def rewrite(self, parent: LabelledText, rng: np.random.Generator) -> tuple[Text, dict[str, Any]] | None:
        """The text denied."""
        return framed(self._table, parent, rng)
