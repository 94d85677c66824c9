"""Line breaks as in verse: the sentences run on over short lines, each with a capital at its start."""

from __future__ import annotations

from typing import Any

import numpy as np

from ensemble.text import LabelledText, Text
from miners.rewrites.operator import Effect

_LEAST_WORDS = 8


class Verse:
    """Breaks a text into lines of four to seven words, sooner where there is a comma or a full stop."""

    name = "verse"
    effect: Effect = "keeps"
    style = "form"

    def rewrite(self, parent: LabelledText, rng: np.random.Generator) -> tuple[Text, dict[str, Any]] | None:
        """The text as verse; None where it is too short for two lines."""
        words = parent.text.split()
        if len(words) < _LEAST_WORDS:
            return None
        lines: list[list[str]] = [[]]
        longest = int(rng.integers(5, 8))
        for word in words:
            if len(lines[-1]) >= longest or (len(lines[-1]) > 2 and lines[-1][-1][-1] in ".,;:!?"):
                lines.append([])
            lines[-1].append(word)
        if len(lines[-1]) == 1:
            last = lines.pop()
            lines[-1] += last
        text = Text("\n".join(_opened(" ".join(line)) for line in lines), parent.context)
        return (text, {"lines": len(lines)}) if text.id != parent.id else None


def _opened(line: str) -> str:
    """The line with its first letter, behind a quote perhaps, as a capital."""
    place = next((index for index, letter in enumerate(line) if letter.isalpha()), 0)
    return line[:place] + line[place].upper() + line[place + 1 :]
