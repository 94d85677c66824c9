"""Counting a task's keyword groups in a text, with an eye for negation and figures of speech.

A word says yes neither where it is denied ("nobody was hurt") nor where it belongs to a phrase that means something
else ("killing time"). Denied hits are counted apart; hits inside a phrase that speaks against yes are not counted.

A pattern can only match where a word of the text is its first word, or begins as that does. So each word is asked for
its patterns, of which most have none, rather than each group's expression searched through the whole text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import chain

import numpy as np

from ensemble.scorer import FloatArray
from ensemble.tasks.task import Lexicon

_NEGATORS = r"(?:not|no|never|without|nobody|none|neither|nor|nothing|hardly|barely|scarcely|cannot|failed\s+to|\w+n't)"
_DENIED = re.compile(rf"\b{_NEGATORS}(?:\s+[\w'-]+){{0,3}}\s+$")
"""A negator and at most three more words, with no punctuation between, right before a hit."""

_REACH_CHARS = 60
"""Of what stands before a hit, as much is searched for a negator."""


_WORD = re.compile(r"\w+")

_REMEMBERED, _LONGEST = 1 << 14, 40
"""Words of texts whose patterns are remembered, at most, and their length: memory stays bounded."""


class LexiconMatcher:
    """Compiled keyword groups; `*` at the end of a pattern matches any ending."""

    def __init__(self, lexicon: Lexicon) -> None:
        self.groups = tuple(lexicon.groups)
        self._against = [group.weight < 0 for group in lexicon.groups.values()]
        phrases = [p for group in lexicon.groups.values() if group.weight < 0 for p in group.patterns if " " in p]
        self._finder = _Finder([*(group.patterns for group in lexicon.groups.values()), phrases])

    def counts(self, texts: Sequence[str]) -> FloatArray:
        """Hits of every group, then denied hits of every group: shape (len(texts), 2 groups), >= 0.

        Overlapping patterns of one group count once. In groups of negative weight every hit is plain.
        """
        counted = [self._counted(text.lower().replace("\u2019", "'")) for text in texts]
        return np.array(counted, dtype=np.float64).reshape(len(texts), 2 * len(self.groups))

    def _counted(self, text: str) -> list[int]:
        found, groups = self._finder(text), len(self.groups)
        covered = found.pop(groups, [])
        plain, denied = [0] * groups, [0] * groups
        for place, spans in found.items():
            for start, end in spans:
                if self._against[place]:
                    plain[place] += 1
                elif _DENIED.search(text[max(0, start - _REACH_CHARS) : start]):
                    denied[place] += 1
                elif not any(first <= start and end <= last for first, last in covered):
                    plain[place] += 1
        return [*plain, *denied]


class _Finder:
    """Where the patterns of several groups stand in a text; within a group none overlap, and the longest wins."""

    def __init__(self, groups: Sequence[Sequence[str]]) -> None:
        """Takes the patterns of every group."""
        self._exact: dict[str, list[tuple[int, int, str]]] = {}
        self._begun: dict[str, list[tuple[int, int, str]]] = {}
        self._apart: dict[int, re.Pattern[str]] = {}
        for place, patterns in enumerate(groups):
            if all(_WORD.match(pattern) for pattern in patterns):
                for number, pattern in enumerate(patterns):
                    self._learn(pattern.lower(), place, number)
            else:  # one begins with a sign, so that words do not tell where it may stand
                self._apart[place] = _compile(patterns)
        self._lengths = sorted({len(begin) for begin in self._begun})
        self._known: dict[str, list[tuple[int, re.Pattern[str]]]] = {}

    def _learn(self, pattern: str, place: int, number: int) -> None:
        first = pattern[: _WORD.match(pattern).end()]  # type: ignore[union-attr]  # the caller has looked
        open_ended = pattern.endswith("*") and first == pattern.rstrip("*")
        (self._begun if open_ended else self._exact).setdefault(first, []).append((place, number, pattern))

    def __call__(self, text: str) -> dict[int, list[tuple[int, int]]]:
        """Spans by number of the group, ascending; groups without any are left out, mostly."""
        found = {place: [match.span() for match in pattern.finditer(text)] for place, pattern in self._apart.items()}
        for word in _WORD.finditer(text):
            for place, pattern in self._of(word[0]):
                spans, start = found.setdefault(place, []), word.start()
                if (not spans or spans[-1][1] <= start) and (match := pattern.match(text, start)):
                    spans.append(match.span())
        return found

    def _of(self, word: str) -> list[tuple[int, re.Pattern[str]]]:
        """The groups that a word may begin a pattern of, each with the patterns concerned."""
        known = self._known.get(word)
        if known is None:
            begun = [self._begun.get(word[:length], []) for length in self._lengths if length <= len(word)]
            grouped: dict[int, list[str]] = {}
            for place, _, pattern in sorted([*self._exact.get(word, []), *chain(*begun)]):
                grouped.setdefault(place, []).append(pattern)
            known = [(place, _compile(patterns)) for place, patterns in grouped.items()]
            if len(self._known) < _REMEMBERED and len(word) <= _LONGEST:
                self._known[word] = known
        return known


def _compile(patterns: Sequence[str]) -> re.Pattern[str]:
    """One alternation, longest pattern first, so that a phrase wins over a word that begins it."""
    ordered = sorted(patterns, key=len, reverse=True)
    return re.compile(r"\b(?:" + "|".join(_one(pattern) for pattern in ordered) + r")\b") if ordered else _NEVER


def _one(pattern: str) -> str:
    words = re.escape(pattern.rstrip("*").lower()).replace(r"\ ", r"\s+")
    return words + (r"\w*" if pattern.endswith("*") else "")


_NEVER = re.compile(r"(?!)")
