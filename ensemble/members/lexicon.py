"""Counting a task's keyword groups in a text, with an eye for negation and figures of speech.

A word says yes neither where it is denied ("nobody was hurt") nor where it belongs to a phrase that means something
else ("killing time"). Denied hits are counted apart; hits inside a phrase that speaks against yes are not counted.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from ensemble.scorer import FloatArray
from ensemble.tasks.task import Lexicon

_NEGATORS = r"(?:not|no|never|without|nobody|none|neither|nor|nothing|hardly|barely|scarcely|cannot|failed\s+to|\w+n't)"
_DENIED = re.compile(rf"\b{_NEGATORS}(?:\s+[\w'-]+){{0,3}}\s+$")
"""A negator and at most three more words, with no punctuation between, right before a hit."""

_REACH_CHARS = 60
"""Of what stands before a hit, as much is searched for a negator."""


class LexiconMatcher:
    """Compiled keyword groups; `*` at the end of a pattern matches any ending."""

    def __init__(self, lexicon: Lexicon) -> None:
        self.groups = tuple(lexicon.groups)
        self._patterns = [_compile(group.patterns) for group in lexicon.groups.values()]
        self._against = [group.weight < 0 for group in lexicon.groups.values()]
        phrases = [p for group in lexicon.groups.values() if group.weight < 0 for p in group.patterns if " " in p]
        self._phrases = _compile(phrases)

    def counts(self, texts: Sequence[str]) -> FloatArray:
        """Hits of every group, then denied hits of every group: shape (len(texts), 2 groups), >= 0.

        Overlapping patterns of one group count once. In groups of negative weight every hit is plain.
        """
        counted = [self._counted(text.lower().replace("\u2019", "'")) for text in texts]
        return np.array(counted, dtype=np.float64).reshape(len(texts), 2 * len(self._patterns))

    def _counted(self, text: str) -> list[int]:
        covered = [match.span() for match in self._phrases.finditer(text)]
        plain, denied = [0] * len(self._patterns), [0] * len(self._patterns)
        for place, (pattern, against) in enumerate(zip(self._patterns, self._against, strict=True)):
            for match in pattern.finditer(text):
                start, end = match.span()
                if against:
                    plain[place] += 1
                elif _DENIED.search(text[max(0, start - _REACH_CHARS) : start]):
                    denied[place] += 1
                elif not any(first <= start and end <= last for first, last in covered):
                    plain[place] += 1
        return [*plain, *denied]


def _compile(patterns: Sequence[str]) -> re.Pattern[str]:
    """One alternation, longest pattern first, so that a phrase wins over a word that begins it."""
    ordered = sorted(patterns, key=len, reverse=True)
    return re.compile(r"\b(?:" + "|".join(_one(pattern) for pattern in ordered) + r")\b") if ordered else _NEVER


def _one(pattern: str) -> str:
    words = re.escape(pattern.rstrip("*").lower()).replace(r"\ ", r"\s+")
    return words + (r"\w*" if pattern.endswith("*") else "")


_NEVER = re.compile(r"(?!)")
