"""Euphemism: "let some daylight into him" for "shot him"; what happened to the body is still said."""

from __future__ import annotations

from typing import Any

import numpy as np

from ensemble.text import LabelledText, Text
from miners.rewrites.operator import Effect
from miners.rewrites.phrases import Phrases, Replacer
from miners.rewrites.tables import packaged


class Euphemism:
    """Says harm in gentler words, phrase by phrase."""

    name = "euphemism"
    effect: Effect = "keeps"
    style = "quiet"

    def __init__(self, table: Phrases | None = None) -> None:
        """Takes the phrases; None = those that ship for the default task."""
        self._replacer = Replacer((packaged(Phrases, "euphemism") if table is None else table).entries)

    def rewrite(self, parent: LabelledText, rng: np.random.Generator) -> tuple[Text, dict[str, Any]] | None:
        """The text with all its plain phrases put gently; None where it has none."""
        text, said = self._replacer.replaced(parent.text, rng)
        return (Text(text, parent.context), {"said": said}) if said else None
