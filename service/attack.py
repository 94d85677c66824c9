"""The attack bench without HTTP: suggestions made, scored and sorted out of parts that live in other processes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

from ensemble.errors import MemberUnavailableError
from ensemble.members.writing import fit, likely_next
from ensemble.scorer import FloatArray
from ensemble.text import Text
from miners.attack.goal import margin
from miners.attack.saliency import Looked, Looks
from miners.attack.suggest import (
    WORSE_THAN_LIKELIEST,
    Change,
    Kind,
    Place,
    anywhere,
    candidates_of,
    fluent,
    most_promising,
    near_left,
    promising,
    reads_well,
)
from miners.rewrites.carriers import free_words
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

    async def free(self) -> Collection[str]:
        """Lower-case words on which the answer does not hang, see `miners.rewrites.carriers`."""


class Saliency(Protocol):
    """The deployed member's gradients, wherever they are computed; see `miners.attack.saliency`."""

    async def look(self, text: WireText) -> Looked:
        """Which words hold the answer up."""

    async def effects(
        self, text: WireText, places: Sequence[tuple[int, Sequence[str]]]
    ) -> tuple[list[FloatArray | None], int]:
        """What candidates in words' places would do, and the gradient passes made."""


@dataclass(frozen=True)
class Limits:
    """How many changes of a word are made and scored.

    Attributes:
        likely: tokens that the language model looks at for each gap.
        replacements, insertions: words that the deployed member scores: in the word's place, and beside it.
        judged: how many times as many are judged by how they read.
        more: how many times as many of all there are where more is asked for.
        places: words of a text that are looked at where changes are wanted anywhere in it.
        judged_anywhere: `judged` for these.
        read: of a word's likeliest replacements so many are read too, for what is judged to be measured by.
    """

    likely: int = 150
    replacements: int = 3
    insertions: int = 1
    judged: float = 2.0
    more: int = 4
    places: int = 24
    judged_anywhere: float = 4.0
    read: int = 3


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
                (effects,), passes = await self.saliency.effects(_wire(place.text), [(place.start, words)])
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

    async def anywhere(self, text: Text, *, more: bool = False) -> tuple[list[Offer], Spent]:
        """The replacements that promise most wherever they stand in a text, sorted as `suggest` does.

        Words on which the answer hangs, as far as rules say, are neither touched nor put in. Only what is foretold to
        bring the score down, and reads nearly as well as what the language model would say, is scored.

        Raises:
            NoAnswerError: there is no language model, or the deployed member has no gradients.
            MemberUnavailableError: a part does not answer.
        """
        changes, spent = await self._anywhere(text, self._limits.replacements * (self._limits.more if more else 1))
        offers = await self.scored(changes, text.context)
        return offers, Spent(len(changes), spent.gradient_passes, spent.language_model_texts)

    async def _anywhere(self, text: Text, count: int) -> tuple[list[Change], Spent]:
        if self._words is None:
            raise NoAnswerError("no member group here has a language model that could suggest words")
        if self.saliency is None:
            raise NoAnswerError("the deployed member has no gradients to tell where to change a text; choose a word")
        looked, free = await asyncio.gather(self.saliency.look(_wire(text)), self._words.free())
        places = anywhere(text, looked.spans, looked.saliency, free, self._limits.places)
        if not places:
            return [], Spent(0, looked.passes, 0)
        gaps = [(near_left(left), right) for place in places for left, right in place.gaps()[:1]]
        likely = await self._words.likely([left for left, _ in gaps], self._limits.likely)
        words = [
            [word for word in candidates_of(place, "replace", found) if word.lower() in free]
            for place, found in zip(places, likely, strict=True)
        ]
        effects, passes = await self.saliency.effects(
            _wire(text), [(place.start, found) for place, found in zip(places, words, strict=True)]
        )
        if any(words) and all(found is None for found in effects):
            raise MemberUnavailableError("the gradients do not answer")
        chosen = most_promising(words, effects, round(self._limits.judged_anywhere * count))
        measure = {number: [word for word, _ in likely[number][: self._limits.read]] for number in chosen}
        asked = [(*gaps[n], [*(word for word, _ in part), *measure[n]]) for n, part in chosen.items()]
        changes: list[Change] = []
        for (number, part), (_, _, read), fits in zip(chosen.items(), asked, await self._words.fit(asked), strict=True):
            fluency = dict(zip(read, fits, strict=True))
            made = [places[number].change("replace", word, fluency[word], effect) for word, effect in part]
            changes += reads_well(made, max(fits), WORSE_THAN_LIKELIEST)
        changes.sort(key=lambda change: change.effect or 0.0)
        spent = Spent(0, looked.passes + passes, len(gaps) + sum(len(read) for _, _, read in asked))
        return changes[:count], spent

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


def _wire(text: Text) -> WireText:
    return text.text, text.context


class LocalSaliency:
    """Gradients in this process, for notebooks, benchmarks and tests."""

    def __init__(self, looks: Looks) -> None:
        """Takes what looks."""
        self._looks = looks

    async def look(self, text: WireText) -> Looked:
        """See `Saliency`."""
        return self._looks.look(Text(*text))

    async def effects(
        self, text: WireText, places: Sequence[tuple[int, Sequence[str]]]
    ) -> tuple[list[FloatArray | None], int]:
        """See `Saliency`."""
        return self._looks.effects(Text(*text), places)


class LocalWords:
    """A language model in this process, for the same."""

    def __init__(self, model: LanguageModel, carriers: Sequence[str] = ()) -> None:
        """Takes the loaded model, and the task's words on which the answer hangs, as stems."""
        self._model, self._carriers = model, carriers
        self._free: frozenset[str] | None = None

    async def likely(self, lefts: Sequence[str], count: int) -> list[list[tuple[str, float]]]:
        """See `Words`."""
        return likely_next(self._model, lefts, count=count)

    async def fit(self, gaps: Sequence[tuple[str, str, Sequence[str]]]) -> list[list[float]]:
        """See `Words`."""
        return fit(self._model, gaps)

    async def free(self) -> Collection[str]:
        """See `Words`."""
        if self._free is None:
            self._free = frozenset(free_words(self._model, self._carriers))
        return self._free
