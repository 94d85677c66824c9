"""Which train rows a judge is shown as examples: balanced, short, and unlike each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ensemble.tasks.task import FewShot
from ensemble.text import LabelledText, normalise

PER_LABEL = 8
"""Examples of each label; prompts show as many of them as they want, the first first."""

_DRAWN = 40
"""Rows of a label among which the examples are chosen; the most different of all would all be odd ones."""

_SHORT_CHARS, _SHORTEST_CHARS = 240, 20
"""Texts of this length are preferred: every example is read before every text, and a fragment shows nothing."""


def choose_examples(rows: Sequence[LabelledText], *, seed: int = 0) -> list[LabelledText]:
    """Up to `PER_LABEL` train rows of each label, yes and no in turn.

    Each is the one least like those of its label before it, in words shared, among short rows drawn at random; families
    and, as far as they reach, groups differ.

    Args:
        rows: train rows; meta names "family" and "group".
        seed: draws.
    """
    chosen = [_diverse([row for row in rows if row.label == label], seed) for label in (1, 0)]
    return [row for pair in zip(*chosen, strict=False) for row in pair]


def as_few_shot(rows: Sequence[LabelledText]) -> tuple[FewShot, ...]:
    """Rows as examples of a prompt."""
    return tuple(FewShot(context=row.context, text=row.text, label=1 if row.label else 0) for row in rows)


def _diverse(rows: Sequence[LabelledText], seed: int) -> list[LabelledText]:
    ordered = [rows[i] for i in np.random.default_rng(seed).permutation(len(rows))]
    ordered.sort(key=lambda row: _length_class(row.text))
    first: dict[str, LabelledText] = {}
    for row in ordered:
        first.setdefault(row.meta["family"], row)
    drawn = list(first.values())[:_DRAWN]
    chosen: list[LabelledText] = []
    while drawn and len(chosen) < PER_LABEL:
        used = {row.meta["group"] for row in chosen}
        best = max(drawn, key=lambda row: (row.meta["group"] not in used, -_likeness(row, chosen)))
        chosen.append(best)
        drawn.remove(best)
    return chosen


def _length_class(text: str) -> int:
    """0 for a short text, else how far it is from one; the draw decides within a class."""
    length = len(text)
    return 0 if _SHORTEST_CHARS <= length <= _SHORT_CHARS else abs(length - _SHORT_CHARS) + 1


def _likeness(row: LabelledText, others: Sequence[LabelledText]) -> float:
    """The highest share of words that the row has in common with another (Jaccard), in [0, 1]; 0 without others."""
    words = _words(row.text)
    return max((len(words & _words(other.text)) / len(words | _words(other.text)) for other in others), default=0.0)


def _words(text: str) -> frozenset[str]:
    return frozenset(normalise(text).casefold().split())
