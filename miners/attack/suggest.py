"""What may be done to one word of a text: replace it, put a word before or behind it, leave it out.

A language model says which words fit; the gradient of the deployed member foretells, at no cost, which replacements
move it most; only those that promise most are scored. What is offered is sorted by the score after the change.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ensemble.errors import InputError
from ensemble.scorer import FloatArray
from ensemble.text import Text
from miners.attack.edits import Edit
from miners.rewrites.neighbours import cased

Kind = Literal["replace", "before", "after", "remove"]

_ENDS = ".!?\u2026"
_LIKELY: Mapping[Kind, float] = {"replace": 7.0, "before": 4.0, "after": 4.0}
"""Nats that a word may be less likely, by what stands left of it, than the likeliest."""

_WORSE = 1.0
"""Nats a token that a word and what follows it may be less likely than the best one judged."""

WORSE_THAN_LIKELIEST = 1.5
"""The same where the best one is what the language model finds likeliest there, whatever it does to the score."""

_PER_WORD = 2
"""Of the replacements of one word so many are judged where the whole text is looked over: where the gradient is wrong
about a word, it is about all of them."""

_LEFT_CHARS = 400
"""What is read of the text left of a gap where many gaps are looked at."""


@dataclass(frozen=True)
class Change:
    """One change that may be made.

    Attributes:
        kind: what is done to the word.
        word: what is put in; empty where the word is left out.
        edit: the same as a step from the text as it stands.
        text: the whole text after it.
        fluency: mean log-probability a token of the new word and what follows, in nats; None where nothing is put in.
        effect: foretold change of the deployed member's raw logit, to first order; None where nobody foretold it.
    """

    kind: Kind
    word: str
    edit: Edit
    text: str
    fluency: float | None = None
    effect: float | None = None


@dataclass(frozen=True)
class Place:
    """A word of a text, or a place between two characters where words may be put in.

    Attributes:
        text: the text and its context.
        start, end: the word, in characters of the text; equal for a place without a word.
    """

    text: Text
    start: int
    end: int

    def checked(self) -> Place:
        """Itself.

        Raises:
            InputError: it does not lie within the text.
        """
        if not 0 <= self.start <= self.end <= len(self.text.text):
            raise InputError(
                f"{self.start} to {self.end} is no part of {len(self.text.text):,} characters", field="end"
            )
        return self

    @property
    def word(self) -> str:
        """What stands there."""
        return self.text.text[self.start : self.end]

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """What a language model can fill in there."""
        return ("replace", "before", "after") if self.word.strip() else ("before",)

    def gaps(self) -> list[tuple[str, str]]:
        """What stands left and right of each gap, in the order of `kinds`; the context counts as standing left."""
        text, before = self.text.text, f"{self.text.context} " if self.text.context else ""
        left, right = before + text[: self.start], text[self.end :]
        behind = f" {text[self.start :].lstrip()}"
        found = {"replace": (left, right), "before": (left, behind), "after": (before + text[: self.end], right)}
        return [found[kind] for kind in self.kinds]

    def removal(self) -> list[Change]:
        """The word left out, where there is one and something else remains."""
        rest = self.text.text[: self.start] + self.text.text[self.end :]
        return [self.change("remove")] if self.word.strip() and rest.strip() else []

    def change(self, kind: Kind, word: str = "", fluency: float | None = None, effect: float | None = None) -> Change:
        """The change that puts a word there."""
        text = self.text.text
        if kind == "replace":
            new = cased(word, self.word)
            edit = Edit(at=self.start, removed=self.word, inserted=new, by="suggestion")
        elif kind == "remove":
            new, edit = "", self._removal()
        elif kind == "after":
            new = word
            edit = Edit(at=self.end, inserted=f" {word}", by="suggestion")
        else:
            new = cased(word, "A") if self._begins_sentence() else word
            edit = self._insertion(new)
        return Change(kind, new, edit, edit.apply(text), fluency, effect)

    def _insertion(self, word: str) -> Edit:
        """Puts a word before the place, and keeps one space on either side."""
        text = self.text.text
        space = " " if self.start and not text[self.start - 1].isspace() else ""
        behind = (
            " " if self.start < len(text) and (text[self.start].isalnum() or text[self.start] in "'\"\u201c(") else ""
        )
        return Edit(at=self.start, inserted=f"{space}{word}{behind}", by="suggestion")

    def _removal(self) -> Edit:
        """Takes the word out with one of the spaces beside it; a sentence goes on beginning with a capital."""
        text, start, end = self.text.text, self.start, self.end
        if end < len(text) and text[end] == " ":
            end += 1
        elif start and text[start - 1] == " ":
            start -= 1
        removed, inserted = text[start:end], ""
        if self._begins_sentence() and end < len(text) and text[end].islower():
            removed, inserted, end = text[start : end + 1], text[end].upper(), end + 1
        return Edit(at=start, removed=removed, inserted=inserted, by="suggestion")

    def _begins_sentence(self) -> bool:
        before = self.text.text[: self.start].rstrip("\"'\u201c\u2018( \n\t")
        return not before or before[-1] in _ENDS


def candidates_of(place: Place, kind: Kind, likely: Sequence[tuple[str, float]]) -> list[str]:
    """Of the likely words for a gap those that may be put in, the likeliest first: nothing is said twice."""
    beside = {part.casefold().strip(".,;:!?\"'") for part in _around(place)}
    best = max((logs for _, logs in likely), default=0.0)
    return [word for word, logs in likely if word.casefold() not in beside and logs >= best - _LIKELY[kind]]


def anywhere(
    text: Text, spans: Sequence[tuple[int, int]], saliency: FloatArray, free: Collection[str], count: int
) -> list[Place]:
    """Words of a text that may be changed without touching what its answer hangs on, those that hold it up most first.

    Args:
        text: the text.
        spans: its words, in characters.
        saliency: the part of the raw logit that each holds up, shape (words,).
        free: see `miners.rewrites.carriers`.
        count: how many at most.
    """
    order = np.argsort(-np.abs(saliency), kind="stable")
    places = [Place(text, *spans[i]) for i in order]
    return [place for place in places if place.word.lower() in free][:count]


def near_left(left: str) -> str:
    """The end of what stands left of a gap, from a word on: what stands further off hardly says what fits."""
    return left if len(left) <= _LEFT_CHARS else left[-_LEFT_CHARS:].partition(" ")[2]


def most_promising(
    candidates: Sequence[Sequence[str]], effects: Sequence[FloatArray | None], count: int
) -> dict[int, list[tuple[str, float]]]:
    """The replacements, wherever they stand, that are foretold to bring the logit down most; not many of one word.

    Returns:
        By the number of the place, words with their effect.
    """
    foretold = [
        (float(effect), number, word)
        for number, found in enumerate(effects)
        if found is not None
        for word, effect in zip(candidates[number], found, strict=True)
        if effect < 0
    ]
    chosen: dict[int, list[tuple[str, float]]] = {}
    left = count
    for effect, number, word in sorted(foretold):
        own = chosen.get(number, [])
        if left and len(own) < _PER_WORD:
            chosen[number] = [*own, (word, effect)]
            left -= 1
    return chosen


def promising(words: Sequence[str], effects: FloatArray | None, count: int) -> list[tuple[str, float | None]]:
    """The words that are foretold to bring the member's logit down most, with their effect; else the likeliest."""
    if effects is None:
        return [(word, None) for word in words[:count]]
    return [(words[i], float(effects[i])) for i in np.argsort(effects, kind="stable")[:count]]


def fluent(changes: Sequence[Change], count: int) -> list[Change]:
    """At most so many of the changes of one kind, without those that read much worse than the best, in order."""
    return reads_well(changes, max((change.fluency or 0.0 for change in changes), default=0.0))[:count]


def reads_well(changes: Sequence[Change], best: float, worse: float = _WORSE) -> list[Change]:
    """Those that do not read much worse than what reads best in the place, in nats a token."""
    return [change for change in changes if (change.fluency or 0.0) >= best - worse]


def _around(place: Place) -> list[str]:
    """The word itself and those beside it: nothing is said twice."""
    left, right = place.text.text[: place.start].split(), place.text.text[place.end :].split()
    return [place.word, *left[-1:], *right[:1]]
