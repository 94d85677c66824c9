"""The attack bench without HTTP: suggestions made, scored and sorted out of parts that live in other processes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

from ensemble.members.writing import fit, likely_next
from ensemble.scorer import FloatArray
from ensemble.text import Text
from miners.attack.goal import margin
from miners.attack.saliency import Looked, Looks
from miners.attack.suggest import Change, Kind, Place, candidates_of, fluent, promising
from service.errors import NoAnswerError
from service.panel import WireText

if TYPE_CHECKING:  # it needs torch
    from ensemble.members.language_model import LanguageModel

Deployed: TypeAlias = Callable[[Sequence[WireText]], Awaitable[FloatArray]]
"""The deployed member's P(yes), shape (texts,); MemberUnavailableError where it does not answer."""


class Words(Protocol):
    """The language model, wherever it runs; see `ensemble.members.writing`."""

    async def likely(self, lefts: Sequence[str], count: int) -> list[list[tuple[str, float]]]:
        """Words that may follow each text, with their log-probability, the likeliest first."""

    async def fit(self, gaps: Sequence[tuple[str, str, Sequence[str]]]) -> list[list[float]]:
        """How well words fit into gaps (left, right, words), in nats a token."""


class Saliency(Protocol):
    """The deployed member's gradients, wherever they are computed; see `miners.attack.saliency`."""

    async def look(self, text: WireText) -> Looked:
        """Which words hold the answer up."""

    async def effects(self, text: WireText, start: int, candidates: Sequence[str]) -> tuple[FloatArray | None, int]:
        """What candidates in a word's place would do, and the gradient passes made."""


@dataclass(frozen=True)
class Limits:
    """How many changes of a word are made and scored.

    Attributes:
        likely: tokens that the language model looks at for each gap.
        replacements, insertions: words that the deployed member scores: in the word's place, and beside it.
        judged: how many times as many are judged by how they read.
        more: how many times as many of all there are where more is asked for.
    """

    likely: int = 150
    replacements: int = 3
    insertions: int = 1
    judged: float = 2.0
    more: int = 4


@dataclass(frozen=True)
class Offer:
    """A change with the deployed member's P(yes) after it, and how far that is under the threshold."""

    change: Change
    probability: float
    margin: float
    passed: bool


@dataclass(frozen=True)
class Spent:
    """What suggestions cost.

    Attributes:
        member_calls: texts that the deployed member scored.
        gradient_passes: of its twin; each counts as two calls.
        language_model_texts: texts that the language model read.
    """

    member_calls: int
    gradient_passes: int
    language_model_texts: int


class AttackBench:
    """What is offered to a person who attacks the deployed member."""

    def __init__(
        self,
        deployed: Deployed,
        threshold: float,
        *,
        words: Words | None,
        saliency: Saliency | None,
        limits: Limits | None = None,
    ) -> None:
        """Joins the parts.

        Args:
            deployed: the member to fool.
            threshold: its P(yes) from which it flags.
            words: the language model; None = no suggestions.
            saliency: the gradients; None = no saliency, and suggestions go by likelihood alone.
            limits: how many changes are made and scored.
        """
        self._deployed, self.threshold = deployed, threshold
        self._words, self.saliency, self._limits = words, saliency, limits or Limits()

    async def suggest(self, place: Place, *, more: bool = False) -> tuple[list[Offer], Spent]:
        """The changes of a place that promise most, the one that the deployed member passes most surely first.

        With `more`, several times as many.

        Raises:
            InputError: the place is not in the text.
            MemberUnavailableError: there is no language model, or a part does not answer.
        """
        changes, spent = await self.candidates(place, more=more)
        offers = await self.scored(changes, place.text.context)
        return offers, Spent(len(changes), spent.gradient_passes, spent.language_model_texts)

    async def candidates(self, place: Place, *, guided: bool = True, more: bool = False) -> tuple[list[Change], Spent]:
        """Changes of a place that read well, by kind, not yet scored; with `guided` chosen by the gradient.

        Raises:
            InputError, MemberUnavailableError: as `suggest`.
        """
        if self._words is None:
            raise NoAnswerError("no member group here has a language model that could suggest words")
        gaps = place.checked().gaps()
        likely = await self._words.likely([left for left, _ in gaps], self._limits.likely)
        chosen, passes = [], 0
        for kind, found in zip(place.kinds, likely, strict=True):
            words = candidates_of(place, kind, found)
            effects = None
            if guided and kind == "replace" and self.saliency is not None:
                effects, passes = await self.saliency.effects(_wire(place), place.start, words)
            chosen.append(promising(words, effects, round(self._limits.judged * self._count(place, kind, more))))
        asked = [(*gap, [word for word, _ in part]) for gap, part in zip(gaps, chosen, strict=True)]
        fits = await self._words.fit(asked)
        changes: dict[Kind, list[Change]] = {}
        for kind, part, scores in zip(place.kinds, chosen, fits, strict=True):
            made = [place.change(kind, word, how, move) for (word, move), how in zip(part, scores, strict=True)]
            changes[kind] = fluent(made, self._count(place, kind, more))
        swaps = changes.pop("replace", [])
        beside = sorted((one for part in changes.values() for one in part), key=lambda one: -(one.fluency or 0.0))
        read = len(gaps) + sum(map(len, chosen))
        kept = [*swaps, *beside[: self._count(place, "before", more)], *place.removal()]
        return kept, Spent(0, passes, read)

    async def scored(self, changes: Sequence[Change], context: str) -> list[Offer]:
        """Changes with the deployed member's score after each, the lowest first."""
        if not changes:
            return []
        found = await self._deployed([(change.text, context) for change in changes])
        offers = [
            Offer(change, float(p), margin(float(p), self.threshold), bool(p < self.threshold))
            for change, p in zip(changes, found, strict=True)
        ]
        return sorted(offers, key=lambda offer: offer.probability)

    def _count(self, place: Place, kind: Kind, more: bool) -> int:
        """How many changes of a kind; where there is no word, what is put in takes the place of replacements."""
        limits = self._limits
        few = limits.replacements if kind == "replace" or "replace" not in place.kinds else limits.insertions
        return few * limits.more if more else few


def _wire(place: Place) -> WireText:
    return place.text.text, place.text.context


class LocalSaliency:
    """Gradients in this process, for notebooks, benchmarks and tests."""

    def __init__(self, looks: Looks) -> None:
        """Takes what looks."""
        self._looks = looks

    async def look(self, text: WireText) -> Looked:
        """See `Saliency`."""
        return self._looks.look(Text(*text))

    async def effects(self, text: WireText, start: int, candidates: Sequence[str]) -> tuple[FloatArray | None, int]:
        """See `Saliency`."""
        return self._looks.effects(Text(*text), start, candidates)


class LocalWords:
    """A language model in this process, for the same."""

    def __init__(self, model: LanguageModel) -> None:
        """Takes the loaded model."""
        self._model = model

    async def likely(self, lefts: Sequence[str], count: int) -> list[list[tuple[str, float]]]:
        """See `Words`."""
        return likely_next(self._model, lefts, count=count)

    async def fit(self, gaps: Sequence[tuple[str, str, Sequence[str]]]) -> list[list[float]]:
        """See `Words`."""
        return fit(self._model, gaps)
