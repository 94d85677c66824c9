"""Which words of a text hold the deployed member's answer up, remembered for as long as somebody works on the text."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ensemble.scorer import FloatArray
from ensemble.sensitivity import Sensitivity
from ensemble.text import Text

KEPT = 128
"""Texts whose gradients are remembered, at 1.5 kB a word."""


class MidwayGuide(Protocol):
    """A member's gradients half-way between a text and nothing, see `EncoderTwin.look_midway`."""

    def look_midway(self, texts: Sequence[Text]) -> list[Sensitivity]:
        """One gradient pass a text, in order."""

    def effects(self, sensitivity: Sensitivity, word: int, candidates: Sequence[str]) -> FloatArray:
        """First-order change of the logit with each candidate in the word's place; costs no pass."""


@dataclass(frozen=True)
class Looked:
    """What one gradient pass says of a text.

    Attributes:
        spans: (start, end) of each word, in characters.
        saliency: the part of the raw logit that each word holds up, shape (words,); positive speaks for yes. Of a text
            that the member reads in windows, the words outside the one with the highest logit have 0.
        passes: gradient passes that were made for it; 0 where it was remembered.
    """

    spans: tuple[tuple[int, int], ...]
    saliency: FloatArray
    passes: int


class Looks:
    """A guide that remembers what it looked at. Not thread-safe."""

    def __init__(self, guide: MidwayGuide, keep: int = KEPT) -> None:
        """Has looked at nothing yet; `keep` is how many texts are remembered."""
        self._guide, self._keep = guide, keep
        self._seen: OrderedDict[str, tuple[str, Sensitivity]] = OrderedDict()

    def look(self, text: Text) -> Looked:
        """One gradient pass, or none where the text was looked at lately."""
        sensitivity, passes = self._sensitivity(text)
        return Looked(sensitivity.spans, sensitivity.saliency, passes)

    def effects(self, text: Text, places: Sequence[tuple[int, Sequence[str]]]) -> tuple[list[FloatArray | None], int]:
        """Foretold change of the raw logit with each candidate in the place of the word that begins at a character.

        Args:
            text: where they would stand.
            places: for each word its first character and the candidates.

        Returns:
            For each word an array of shape (candidates,), None where no word begins there or there are no candidates;
            and the gradient passes made.
        """
        sensitivity, passes = self._sensitivity(text)
        words = {start: number for number, (start, _) in enumerate(sensitivity.spans)}
        found = [
            self._guide.effects(sensitivity, words[start], candidates) if start in words and candidates else None
            for start, candidates in places
        ]
        return found, passes

    def _sensitivity(self, text: Text) -> tuple[Sensitivity, int]:
        # The identity of a text leaves its spacing open, on which the offsets depend.
        known = self._seen.get(text.id)
        if known is not None and known[0] == text.text:
            self._seen.move_to_end(text.id)
            return known[1], 0
        (found,) = self._guide.look_midway([text])
        self._seen[text.id] = (text.text, found)
        while len(self._seen) > self._keep:
            self._seen.popitem(last=False)
        return found, 1
