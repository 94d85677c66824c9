"""What all disguises of single words share: loud words and a few others are changed, the rest stays letter for letter.

A disguise is meant for machines. It must stay readable for people, or their answer is worth nothing, and it must be
another text by `ensemble.text.identity`, which folds Unicode compatibility forms, or it would count as seen.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from ensemble.tasks.task import Lexicon
from ensemble.text import LabelledText, Text
from miners.rewrites.operator import Effect
from miners.rewrites.words import Targets, changed


class Disguise(ABC):
    """Changes how some words are written, never which words they are."""

    name: str
    effect: Effect = "keeps"
    style = "disguise"

    def __init__(self, lexicon: Lexicon | None = None, *, share: float = 0.15) -> None:
        """Takes the words to disguise first, and the share of all words, in [0, 1], that is disguised with them."""
        self._targets = Targets(lexicon, share=share)

    def rewrite(self, parent: LabelledText, rng: np.random.Generator) -> tuple[Text, dict[str, Any]] | None:
        """The text with some words disguised; None where it has no word that this can be done to."""
        self._prepare(rng)
        spans = self._targets.spans(parent.text, rng, self._applies)
        if not spans:
            return None
        text = Text(changed(parent.text, spans, lambda word: self._change(word, rng)), parent.context)
        return (text, {"words": len(spans)}) if text.id != parent.id else None

    def _prepare(self, rng: np.random.Generator) -> None:  # noqa: B027 (most disguises have nothing to draw per text)
        """Draws what is the same for all words of one text."""

    @abstractmethod
    def _applies(self, word: str) -> bool:
        """Whether a word of three letters or more can be disguised."""

    @abstractmethod
    def _change(self, word: str, rng: np.random.Generator) -> str:
        """The word in disguise."""
