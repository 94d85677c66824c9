"""Figures of speech and their literal twins: "broke his word" for "broke his wrist", and back.

The hardest pairs for a classifier that counts words: nearly the same string, the opposite answer. A figure of speech
made literal is a yes for certain where it was told as a fact, not denied, feared, dreamt or played. The other way is
not certain, since the rest of a text may still show what happened ("... and a stranger tied it up with his scarf"):
there the label is unknown, though no loud word is left.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

import numpy as np
from pydantic import Field

from ensemble.tasks.task import Lexicon
from ensemble.text import LabelledText, Text
from miners.rewrites.operator import Effect
from miners.rewrites.phrases import Phrase, Replacer
from miners.rewrites.tables import Table, packaged
from miners.rewrites.words import Targets

FACTUAL_STYLES = frozenset({"figurative", "everyday", "emotional", "humorous", "tender", "thing", "none"})
"""Styles of benign rows that tell something as having happened."""

_UNREAL = re.compile(
    r"\b(?:not|never|no|nobody|none|nor|neither|without|almost|nearly|would|could|might|should|if|will|shall|can|may|"
    r"as though|dreamt|dreamed|pretended|threatened|\w+n['\u2019]t)\b",
    re.IGNORECASE,
)
_MOST_WORDS = 40


class Pairs(Table):
    """Phrases that mean a hurt, and phrases that only sound like one.

    Attributes:
        literal: hurts, and the figures of speech to say instead.
        figurative: figures of speech, and the hurts to say instead.
    """

    literal: tuple[Phrase, ...] = Field(min_length=1)
    figurative: tuple[Phrase, ...] = Field(min_length=1)


class Figurative:
    """Swaps one literal phrase for a figurative one, or the other way round."""

    name = "figurative"
    effect: Effect = "unknown"
    style = "figurative"

    def __init__(
        self,
        lexicon: Lexicon | None = None,
        table: Pairs | None = None,
        *,
        styles: Collection[str] | None = FACTUAL_STYLES,
    ) -> None:
        """Takes what it must know.

        Args:
            lexicon: words for yes; a yes text in which another one is left is not rewritten.
            table: None = the pairs that ship for the default task.
            styles: `meta["style"]` of benign rows that are rewritten. Rows without a style always are. None = all.
        """
        pairs = packaged(Pairs, "figurative") if table is None else table
        self._literal, self._figurative = Replacer(pairs.literal), Replacer(pairs.figurative)
        self._loud = Targets(lexicon)
        self._styles = styles

    def effect_on(self, label: int) -> Effect:
        """A benign text becomes a yes; what becomes of a yes text is not known."""
        return "unknown" if label else "flips"

    def rewrite(self, parent: LabelledText, rng: np.random.Generator) -> tuple[Text, dict[str, Any]] | None:
        """The text with the phrase swapped; None where there is none, or where it tells of something unreal."""
        if len(parent.text.split()) > _MOST_WORDS:
            return None
        made = self._to_no(parent, rng) if parent.label else self._to_yes(parent, rng)
        return None if made is None else (Text(made[0], parent.context), {"said": made[1]})

    def _to_no(self, parent: LabelledText, rng: np.random.Generator) -> tuple[str, list[str]] | None:
        """The only loud phrase of the text as a figure of speech, where little but the end of the sentence follows."""
        found = self._literal.matches(parent.text)
        if len(found) != 1:
            return None
        match = found[0][0]
        rest = parent.text[: match.start()] + parent.text[match.end() :]
        if self._loud.any_loud(rest) or not re.fullmatch(r"[^.;!?]{0,45}[.!?]?[\"']?", parent.text[match.end() :]):
            return None
        text, said = self._literal.replaced(parent.text, rng)
        return (text, said)

    def _to_yes(self, parent: LabelledText, rng: np.random.Generator) -> tuple[str, list[str]] | None:
        if self._styles is not None and parent.meta.get("style", "none") not in self._styles:
            return None
        if not self._figurative.matches(parent.text) or _UNREAL.search(parent.text):
            return None
        text, said = self._figurative.replaced(parent.text, rng, most=1)
        return (text, said)
