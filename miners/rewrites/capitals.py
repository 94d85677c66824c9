"""All in capitals, as a headline or an angry post; models that know cases read other tokens."""

from __future__ import annotations

from typing import Any

import numpy as np

from ensemble.text import LabelledText, Text
from miners.rewrites.operator import Effect


class Capitals:
    """Writes a text in capitals."""

    name = "capitals"
    effect: Effect = "keeps"
    style = "disguise"

    def rewrite(self, parent: LabelledText, rng: np.random.Generator) -> tuple[Text, dict[str, Any]] | None:  # noqa: ARG002 (nothing to draw)
        """The text in capitals; None where it has no small letter."""
        text = Text(parent.text.upper(), parent.context)
        return (text, {}) if text.id != parent.id else None
