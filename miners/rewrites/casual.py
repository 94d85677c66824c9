"""Typed with one thumb: no capitals, no apostrophes, no full stop at the end, and the usual short forms."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from ensemble.text import LabelledText, Text
from miners.rewrites.operator import Effect

SHORT = {
    "and": "n",
    "are": "r",
    "because": "cuz",
    "before": "b4",
    "for": "4",
    "great": "gr8",
    "people": "ppl",
    "please": "pls",
    "said": "sed",
    "someone": "some1",
    "something": "smth",
    "thanks": "thx",
    "though": "tho",
    "through": "thru",
    "tomorrow": "tmrw",
    "tonight": "2nite",
    "with": "w",
    "without": "w/o",
    "you": "u",
    "your": "ur",
}
"""Words and how they are typed in a hurry."""

ENDINGS = ("", "", " lol", " omg", " smh", " ngl", "...")
"""What may close the message; none takes back what was said."""

_WORD = re.compile(r"[^\W\d_]+")


class Casual:
    """Writes a text as a message typed on a phone."""

    name = "casual"
    effect: Effect = "keeps"
    style = "casual"

    def rewrite(self, parent: LabelledText, rng: np.random.Generator) -> tuple[Text, dict[str, Any]] | None:
        """The text as a message; None where that changes nothing."""
        low = re.sub(r"(?<=\w)['\u2019](?=\w)", "", parent.text.strip().lower())
        short = _WORD.sub(lambda match: SHORT.get(match.group(), match.group()), low)
        typed = re.sub(r"[.;:]$", "", re.sub(r"\s*;", ",", short))
        ending = ENDINGS[int(rng.integers(len(ENDINGS)))]
        text = Text(typed + ending, parent.context)
        return (text, {"ending": ending.strip()}) if typed and text.id != parent.id else None
