"""Which words of a text a disguise changes: those that give it away, and some others with them.

Somebody who wants to get past a filter disguises the words that the filter listens to. Where a task has a lexicon these
are its words; a text without any has a few of its longer words disguised, so that benign twins look alike.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

from ensemble.tasks.task import Lexicon

_WORD = re.compile(r"[^\W\d_]{3,}")
_NEVER = re.compile(r"(?!)")

_LEAST = 4
"""Letters of a word that is not loud; nobody takes the trouble to disguise "the"."""

Span = tuple[int, int]


class Targets:
    """Finds the words to change."""

    def __init__(self, lexicon: Lexicon | None = None, *, share: float = 0.15) -> None:
        """Compiles the lexicon's words for yes.

        Args:
            lexicon: groups of positive weight give the loud words; None = none are loud.
            share: of the other words, in [0, 1], how many are changed as well.
        """
        groups = [] if lexicon is None else [group for group in lexicon.groups.values() if group.weight > 0]
        self._loud = _compiled([pattern for group in groups for pattern in group.patterns])
        self._share = share

    def spans(self, text: str, rng: np.random.Generator, applies: Callable[[str], bool]) -> list[Span]:
        """Places (start, end) of the words to change, in order: all loud ones, and a share of the others, at least one.

        Only words that `applies` takes, of three letters or more, four where they are not loud; empty without any.
        """
        words = [match.span() for match in _WORD.finditer(text) if applies(match.group())]
        loud = [span for span in words if self._is_loud(text, span)]
        others = [span for span in words if span not in set(loud) and span[1] - span[0] >= _LEAST]
        count = min(len(others), max(round(self._share * len(words)), 0 if loud else 1))
        drawn = [others[index] for index in rng.permutation(len(others))[:count]]
        return sorted([*loud, *drawn])

    def any_loud(self, text: str) -> bool:
        """Whether any word of the text is loud."""
        return any(self._loud.fullmatch(match.group().lower()) for match in _WORD.finditer(text))

    def _is_loud(self, text: str, span: Span) -> bool:
        return self._loud.fullmatch(text[span[0] : span[1]].lower()) is not None


def _compiled(patterns: list[str]) -> re.Pattern[str]:
    """The single words among the patterns; a phrase gives itself away by its words together."""
    words = [
        re.escape(pattern.rstrip("*").lower()) + (r"\w*" if pattern.endswith("*") else "")
        for pattern in patterns
        if " " not in pattern
    ]
    return re.compile("|".join(sorted(words, key=len, reverse=True))) if words else _NEVER


def changed(text: str, spans: list[Span], change: Callable[[str], str]) -> str:
    """The text with what stands at each span changed; spans must be in order and apart."""
    parts, at = [], 0
    for start, end in spans:
        parts += [text[at:start], change(text[start:end])]
        at = end
    return "".join([*parts, text[at:]])
