"""Script: the text as a scene of a film, a play or a game.

Whether somebody who is hurt in a scene is hurt, or whether it is a performance, raters may see either way; so the label
of the rewrite is unknown, and people must say.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ensemble.text import LabelledText, Text
from miners.rewrites.frames import Frames, framed
from miners.rewrites.operator import Effect
from miners.rewrites.tables import packaged


class Script:
    """Sets a text whole into a script."""

    name = "script"
    effect: Effect = "unknown"
    style = "form"

    def __init__(self, table: Frames | None = None) -> None:
        """Takes the forms to draw from; None = those that ship."""
        self._table = packaged(Frames, "script") if table is None else table

    def rewrite(self, parent: LabelledText, rng: np.random.Generator) -> tuple[Text, dict[str, Any]] | None:
        """The text in one of the forms."""
        return framed(self._table, parent, rng)
