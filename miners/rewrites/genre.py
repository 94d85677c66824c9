"""Genre: the text as a letter, a report, a log entry, minutes; word for word, in a form that classifiers rarely saw.

The forms report what happened. One that makes up what it tells, such as a film script, is another operator: there the
label is not sure to stay.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ensemble.text import LabelledText, Text
from miners.rewrites.frames import Frames, framed
from miners.rewrites.operator import Effect
from miners.rewrites.tables import packaged


class Genre:
    """Sets a text whole into the form of another genre."""

    name = "genre"
    effect: Effect = "keeps"
    style = "form"

    def __init__(self, table: Frames | None = None) -> None:
        """Takes the forms to draw from; None = those that ship, which suit any question about what happens."""
        self._table = packaged(Frames, "genre") if table is None else table

    def rewrite(self, parent: LabelledText, rng: np.random.Generator) -> tuple[Text, dict[str, Any]] | None:
        """The text in one of the forms."""
        return framed(self._table, parent, rng)
