r"""Tables of phrases and what is said instead, with the grammar of each phrase in its pattern.

A pattern is a regular expression that matches only where the replacement fits: it names the objects, possessives and
what may follow. `\1` in a replacement is the pattern's first group.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from pydantic import Field, field_validator

from miners.rewrites.english import like
from miners.rewrites.tables import Table


class Phrase(Table):
    """One phrase.

    Attributes:
        pattern: regular expression, matched without regard to case.
        say: what may stand instead.
    """

    pattern: str
    say: tuple[str, ...] = Field(min_length=1)

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"{pattern!r} is no regular expression: {error}") from None
        return pattern


class Phrases(Table):
    """A table of phrases."""

    entries: tuple[Phrase, ...] = Field(min_length=1)


class Replacer:
    """Puts for each phrase of a table one of the things to say instead."""

    def __init__(self, phrases: Sequence[Phrase]) -> None:
        """Compiles the patterns."""
        self._patterns = [(re.compile(phrase.pattern, re.IGNORECASE), phrase.say) for phrase in phrases]

    def matches(self, text: str) -> list[tuple[re.Match[str], tuple[str, ...]]]:
        """Phrases found, in order and apart; of those that overlap the first of the table counts."""
        found: list[tuple[re.Match[str], tuple[str, ...]]] = []
        for pattern, say in self._patterns:
            for match in pattern.finditer(text):
                if all(match.end() <= other.start() or other.end() <= match.start() for other, _ in found):
                    found.append((match, say))
        return sorted(found, key=lambda pair: pair[0].start())

    def replaced(self, text: str, rng: np.random.Generator, *, most: int | None = None) -> tuple[str, list[str]]:
        """The text with at most `most` phrases (None: all) put otherwise, and what was put."""
        found = self.matches(text)
        if most is not None and len(found) > most:
            found = [found[index] for index in sorted(rng.permutation(len(found))[:most])]
        parts, at, said = [], 0, []
        for match, say in found:
            new = like(match.group(), match.expand(say[int(rng.integers(len(say)))]))
            parts += [text[at : match.start()], new]
            at = match.end()
            said.append(new)
        return "".join([*parts, text[at:]]), said
