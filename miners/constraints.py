"""What a rewrite must keep to before a call is spent on it: length, newness, meaning, fluency."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal, Protocol

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from ensemble.near_duplicates import DEFAULT_THRESHOLD, SeenTexts
from ensemble.scorer import FloatArray
from ensemble.text import Text

Why = Literal["", "length", "duplicate", "meaning", "fluency"]
"""What a rewrite fails by; empty if it passes."""

_REMEMBERED = 4_096
"""Texts whose numbers are kept; an embedding takes 3 kB."""


class Fluency(Protocol):
    """How a language model reads texts."""

    def __call__(self, texts: Sequence[str]) -> FloatArray:
        """Mean log-probability a token in nats, shape (len(texts),), each at most 0."""


class Meaning(Protocol):
    """Where texts stand in meaning."""

    def __call__(self, texts: Sequence[Text]) -> FloatArray:
        """Embeddings of length 1, shape (len(texts), width)."""


class Limits(BaseModel):
    """How far a rewrite may go from its parent.

    Attributes:
        perplexity_ratio: most that the perplexity a token may be of the parent's.
        shortest: least length in characters, as a share of the parent's.
        longest: most length.
        meaning: least cosine of the sentence embeddings, -1 to 1.
        near_duplicate: Jaccard similarity of word triples from which a text counts as one that is kept already.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    perplexity_ratio: float = Field(default=2.0, gt=0)
    shortest: float = Field(default=0.5, gt=0, le=1)
    longest: float = Field(default=2.0, ge=1)
    meaning: float = Field(default=0.7, ge=-1, le=1)
    near_duplicate: float = Field(default=DEFAULT_THRESHOLD, gt=0, le=1)


@dataclass(frozen=True)
class Check:
    """What became of one rewrite.

    Attributes:
        why: what it fails by.
        length_ratio: characters, of the parent's.
        meaning: cosine with the parent; None where an earlier test failed or nothing measures it.
        perplexity_ratio: of the parent's perplexity a token; None as above.
    """

    why: Why
    length_ratio: float
    meaning: float | None = None
    perplexity_ratio: float | None = None

    @property
    def passes(self) -> bool:
        """Whether it keeps to all limits."""
        return not self.why


Pair = tuple[Text, Text]
"""Parent and rewrite."""


class Constraints:
    """Checks batches of rewrites, the cheap tests first. It spends no call of a member.

    Args:
        limits: see `Limits`.
        fluency: None leaves that test out.
        meaning: None leaves that test out.
        seen: texts that are there already; grows by `keep`. None starts empty.
    """

    def __init__(
        self,
        limits: Limits | None = None,
        *,
        fluency: Fluency | None = None,
        meaning: Meaning | None = None,
        seen: SeenTexts | None = None,
    ) -> None:
        self.limits = limits or Limits()
        self._fluency = None if fluency is None else _Remembered(partial(_read, fluency))
        self._meaning = None if meaning is None else _Remembered(partial(_placed, meaning))
        self._seen = SeenTexts(self.limits.near_duplicate) if seen is None else seen
        self._taken = 0

    def check(self, pairs: Sequence[Pair]) -> list[Check]:
        """What each (parent, rewrite) keeps to, in order. Nothing is remembered as seen; that is what `keep` is for."""
        return self._measured(pairs, self.screen(pairs), self._fluency, self._reads)

    def screen(self, pairs: Sequence[Pair]) -> list[Check]:
        """The same without fluency, which takes a language model many times as long as all the rest."""
        lengths = [len(rewrite.text) / max(1, len(parent.text)) for parent, rewrite in pairs]
        checks = [Check(self._length(ratio), ratio) for ratio in lengths]
        checks = self._new(pairs, checks)
        return self._measured(pairs, checks, self._meaning, self._drift)

    def take_read(self) -> int:
        """Texts that the language model read since the last call."""
        read = 0 if self._fluency is None else self._fluency.measured
        taken, self._taken = self._taken, read
        return read - taken

    def keep(self, texts: Iterable[Text]) -> None:
        """Remembers texts; what is nearly one of them fails from now on."""
        self._seen.add(texts)

    def _length(self, ratio: float) -> Why:
        return "" if self.limits.shortest <= ratio <= self.limits.longest else "length"

    def _new(self, pairs: Sequence[Pair], checks: list[Check]) -> list[Check]:
        passing = [i for i, check in enumerate(checks) if check.passes]
        for i, sameness in zip(passing, self._seen.compare([pairs[i][1] for i in passing]), strict=True):
            same = sameness != "new" or pairs[i][0].id == pairs[i][1].id
            checks[i] = replace(checks[i], why="duplicate" if same else "")
        return checks

    def _measured(
        self,
        pairs: Sequence[Pair],
        checks: list[Check],
        measure: _Remembered | None,
        judge: Callable[[Check, FloatArray, FloatArray], Check],
    ) -> list[Check]:
        """Measures parents and rewrites of what still passes, and judges each pair."""
        passing = [i for i, check in enumerate(checks) if check.passes]
        if measure is None or not passing:
            return checks
        numbers = measure([text for i in passing for text in pairs[i]])
        for place, i in enumerate(passing):
            checks[i] = judge(checks[i], numbers[2 * place], numbers[2 * place + 1])
        return checks

    def _drift(self, check: Check, parent: FloatArray, rewrite: FloatArray) -> Check:
        cosine = float(parent @ rewrite)
        return replace(check, meaning=cosine, why="" if cosine >= self.limits.meaning else "meaning")

    def _reads(self, check: Check, parent: FloatArray, rewrite: FloatArray) -> Check:
        ratio = float(np.exp(parent[0] - rewrite[0]))
        return replace(check, perplexity_ratio=ratio, why="" if ratio <= self.limits.perplexity_ratio else "fluency")


class _Remembered:
    """Numbers of texts, each measured once: a parent comes again with every rewrite."""

    def __init__(self, measure: Callable[[Sequence[Text]], FloatArray]) -> None:
        self._measure = measure
        self._known: dict[str, FloatArray] = {}
        self.measured = 0

    def __call__(self, texts: Sequence[Text]) -> list[FloatArray]:
        new = list({text.id: text for text in texts if text.id not in self._known}.values())
        if len(self._known) + len(new) > _REMEMBERED:
            self._known.clear()
            new = list({text.id: text for text in texts}.values())
        self.measured += len(new)
        if new:
            self._known |= dict(zip((text.id for text in new), self._measure(new), strict=True))
        return [self._known[text.id] for text in texts]


def _read(fluency: Fluency, texts: Sequence[Text]) -> FloatArray:
    return fluency([text.text for text in texts])[:, None]


def _placed(meaning: Meaning, texts: Sequence[Text]) -> FloatArray:
    return meaning(texts)
