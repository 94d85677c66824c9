"""Counting a task's keyword groups in a text."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from ensemble.scorer import FloatArray
from ensemble.tasks.task import Lexicon


class LexiconMatcher:
    """Compiled keyword groups; `*` at the end of a pattern matches any ending."""

    def __init__(self, lexicon: Lexicon) -> None:
        self.groups = tuple(lexicon.groups)
        self._patterns = [_compile(group.patterns) for group in lexicon.groups.values()]

    def counts(self, texts: Sequence[str]) -> FloatArray:
        """Hits of every group, shape (len(texts), groups), >= 0; overlapping patterns of one group count once."""
        lowered = [text.lower().replace("\u2019", "'") for text in texts]
        hits = [[sum(1 for _ in pattern.finditer(text)) for pattern in self._patterns] for text in lowered]
        return np.array(hits, dtype=np.float64).reshape(len(texts), len(self._patterns))


def _compile(patterns: Sequence[str]) -> re.Pattern[str]:
    """One alternation, longest pattern first, so that a phrase wins over a word that begins it."""
    ordered = sorted(patterns, key=len, reverse=True)
    return re.compile(r"\b(?:" + "|".join(_one(pattern) for pattern in ordered) + r")\b") if ordered else _NEVER


def _one(pattern: str) -> str:
    words = re.escape(pattern.rstrip("*").lower()).replace(r"\ ", r"\s+")
    return words + (r"\w*" if pattern.endswith("*") else "")


_NEVER = re.compile(r"(?!)")
