"""Distractors: alarming sentences in which nobody comes to harm, set beside a text.

In a benign text they tempt a classifier to flag; in a quiet injury they draw the eye, and what the model attends to,
away from it. Both labels get the same sentences in the same number.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from pydantic import Field

from ensemble.text import LabelledText, Text
from miners.rewrites.operator import Effect
from miners.rewrites.tables import Table, packaged


class Sentences(Table):
    """A table of whole sentences that sound like yes and are no, each on its own."""

    sentences: tuple[str, ...] = Field(min_length=3)


class Distractors:
    """Puts one to three alarming, harmless sentences before and after a text."""

    name = "distractors"
    effect: Effect = "keeps"
    style = "alarming"

    def __init__(self, table: Sentences | None = None) -> None:
        """Takes the sentences to draw from; None = those that ship for the default task."""
        self._sentences = (packaged(Sentences, "distractors") if table is None else table).sentences

    def rewrite(self, parent: LabelledText, rng: np.random.Generator) -> tuple[Text, dict[str, Any]] | None:
        """The text with distractors around it."""
        count = int(rng.integers(1, 4))
        chosen = rng.permutation(len(self._sentences))[:count].tolist()
        before = int(rng.integers(0, count + 1))
        added = [self._sentences[index] for index in chosen]
        text = " ".join([*added[:before], parent.text.strip(), *added[before:]])
        return Text(text, parent.context), {"distractors": chosen, "before": before}
