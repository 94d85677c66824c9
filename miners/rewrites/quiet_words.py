"""Quiet words: the words that give a text away, by quieter ones that mean the same thing there.

"The knife" becomes "the tool" and "screamed" becomes "made a sound". Words whose loss would take the evidence with them
(an ambulance, a scar) are not in the table, so that a hurt which is told is still told.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ensemble.text import LabelledText, Text
from miners.rewrites.operator import Effect
from miners.rewrites.phrases import Phrases, Replacer
from miners.rewrites.tables import packaged


class QuietWords:
    """Replaces loud words, all that it knows."""

    name = "quiet-words"
    effect: Effect = "keeps"
    style = "quiet"

    def __init__(self, table: Phrases | None = None) -> None:
        """Takes the words; None = those that ship for the default task."""
        self._replacer = Replacer((packaged(Phrases, "quiet_words") if table is None else table).entries)

    def rewrite(self, parent: LabelledText, rng: np.random.Generator) -> tuple[Text, dict[str, Any]] | None:
        """The text in quieter words; None where it has no loud one."""
        text, said = self._replacer.replaced(parent.text, rng)
        return (Text(text, parent.context), {"said": said}) if said else None
