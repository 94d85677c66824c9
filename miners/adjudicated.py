"""How independent the members are on the texts that people have labelled, kept up with as labels come in.

Mined texts were chosen because members differ on them, so plain shares over them say nothing of all texts. Each was
queued with a known probability q; weighing it by 1/q makes the shares estimates for all texts that the campaigns
scored, as far as every queued text has its label. Both kinds of figures are given, with what they stand on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from ensemble.evaluation.independence import Independence, independence
from ensemble.evaluation.intervals import effective_rows
from ensemble.evaluation.kinds import KindRates, kind_rates
from ensemble.scorer import FloatArray, Member
from miners.queue.protocol import Ledger
from miners.queue.types import Item

PAGE = 200
"""Items read from the store at once."""

MOST_ITEMS = 200_000
"""Labelled items remembered; beyond it the first labelled is forgotten."""

FEW_ITEMS, FEW_MISSES = 100, 10
"""Below these a report warns."""

_UNEVEN = 1 / 3
"""Effective share of the items below which a report warns of uneven weights."""

Use = Literal["used", "unsure", "other versions", "incomplete"]


@dataclass(frozen=True)
class Labelled:
    """What is remembered of a labelled item.

    Attributes:
        use: whether it counts, or why not.
        probabilities: P(yes) by the members of today, in their order; empty where it does not count.
        label: 1 = yes.
        weight: 1 / q.
    """

    use: Use
    probabilities: tuple[float, ...] = ()
    label: int = 0
    weight: float = 1.0


class LiveIndependence(BaseModel):
    """How differently the members err on labelled texts of the queue.

    Attributes:
        deployed: the member whose failures are hunted.
        thresholds: by member, P(yes) from which it votes yes.
        versions: of the members; only texts scored by all of them, at these versions, count.
        items: texts that count.
        positives: of these, labelled yes.
        unsure: texts whose raters could not say; they do not count.
        other_versions: texts scored by other versions of the members; they do not count.
        incomplete: texts that some member has not scored; they do not count.
        waiting: queued texts that still wait for an answer.
        effective_items: how many texts of equal weight the weighted figures stand on.
        unweighted: as over these texts alone; None where there is none.
        weighted: each text weighing 1/q: an estimate for all texts that the campaigns scored.
        kinds: over these texts alone, how often each kind of disagreement occurs, and how often the deployed member is
            wrong there.
        warnings: what limits the figures, in sentences.
    """

    model_config = ConfigDict(frozen=True)

    deployed: str
    thresholds: dict[str, float]
    versions: dict[str, str]
    items: int
    positives: int
    unsure: int
    other_versions: int
    incomplete: int
    waiting: int = 0
    effective_items: float
    unweighted: Independence | None
    weighted: Independence | None
    kinds: tuple[KindRates, ...] = ()
    warnings: tuple[str, ...] = ()


class Adjudicated:
    """The labelled items of one queue, as the members of today see them. Not thread-safe."""

    def __init__(
        self, members: Sequence[Member], *, deployed: str, thresholds: Mapping[str, float], most: int = MOST_ITEMS
    ) -> None:
        """Knows nothing yet.

        Args:
            members: of today, with their versions.
            deployed: name of the member whose failures are hunted.
            thresholds: by member, P(yes) from which it votes yes.
            most: items remembered.
        """
        self._members, self._deployed, self._most = tuple(members), deployed, most
        self._thresholds = {member.name: thresholds[member.name] for member in members}
        self._known: dict[str, Labelled] = {}
        self._read = 0
        self._figures: LiveIndependence | None = None

    def follow(self, ledger: Ledger) -> bool:
        """Reads the labels that were set or changed since the last call; whether there were any.

        Raises:
            StoreUnavailableError: the store does not answer; what was read so far stays.
        """
        before = self._read
        while page := ledger.labelled(offset=self._read, count=PAGE):
            for item in page:
                self._take(item)
            self._read += len(page)
            self._figures = None
        return self._read > before

    def report(self, waiting: int) -> LiveIndependence:
        """The figures as of the last `follow`; `waiting` queued texts still wait for an answer."""
        if self._figures is None:
            self._figures = self._measured()
        found = self._figures.model_copy(update={"waiting": waiting})
        return found.model_copy(update={"warnings": tuple(warnings(found))})

    def _measured(self) -> LiveIndependence:
        used = [one for one in self._known.values() if one.use == "used"]
        uses = Counter(one.use for one in self._known.values())
        weights = np.array([one.weight for one in used])
        return LiveIndependence(
            deployed=self._deployed,
            thresholds=self._thresholds,
            versions={member.name: member.version for member in self._members},
            items=len(used),
            positives=sum(one.label for one in used),
            unsure=uses["unsure"],
            other_versions=uses["other versions"],
            incomplete=uses["incomplete"],
            effective_items=effective_rows(weights),
            unweighted=self._independence(used, None),
            weighted=self._independence(used, weights),
            kinds=self._kinds(used),
        )

    def _take(self, item: Item) -> None:
        self._known[item.new.id] = self._seen(item)
        if len(self._known) > self._most:
            del self._known[next(iter(self._known))]

    def _seen(self, item: Item) -> Labelled:
        if item.label not in ("yes", "no"):
            return Labelled("unsure")
        scores = item.new.verdict.members
        given = [scores.get(member.name) for member in self._members]
        if any(score and score.version != by.version for score, by in zip(given, self._members, strict=True)):
            return Labelled("other versions")
        numbers = tuple(score.probability for score in given if score)
        if len(numbers) < len(self._members):
            return Labelled("incomplete")
        return Labelled("used", numbers, int(item.label == "yes"), 1 / _probability(item))

    def _independence(self, used: Sequence[Labelled], weights: FloatArray | None) -> Independence | None:
        if not used:
            return None
        return independence(
            *_table(used),
            members=[member.name for member in self._members],
            deployed=self._deployed,
            threshold=list(self._thresholds.values()),
            weights=weights,
        )

    def _kinds(self, used: Sequence[Labelled]) -> tuple[KindRates, ...]:
        if not used:
            return ()
        return kind_rates(
            *_table(used), members=self._members, deployed=self._deployed, threshold=list(self._thresholds.values())
        )


def _probability(item: Item) -> float:
    """That a text like it would have been queued, and given to every member before that."""
    return item.new.selection_probability * item.new.verdict.asked_probability


def _table(used: Sequence[Labelled]) -> tuple[FloatArray, FloatArray]:
    """Probabilities, shape (texts, members), and labels, shape (texts,)."""
    return np.array([one.probabilities for one in used]), np.array([one.label for one in used], dtype=np.float64)


def warnings(found: LiveIndependence) -> list[str]:
    """What limits a report's figures, the most important first."""
    if not found.items or found.unweighted is None:
        return ["No labelled text was scored by all members at their present versions.", *_left_out(found)]
    told = []
    if found.items < FEW_ITEMS:
        told.append(f"Only {found.items:,} labelled texts: the intervals are wide, and rare errors are not seen yet.")
    if found.positives in (0, found.items):
        told.append(f"Every label is {'yes' if found.positives else 'no'}: only one kind of error can show.")
    elif found.unweighted.misses < FEW_MISSES:
        told.append(f"Capture and unique shares stand on {found.unweighted.misses:,} misses of {found.deployed}.")
    if found.effective_items < _UNEVEN * found.items:
        told.append(f"Weights are uneven: weighted figures are worth {found.effective_items:.0f} texts.")
    if found.waiting:
        told.append(
            f"{found.waiting:,} queued texts wait for answers, those of low priority: until they have them, weighted"
            " figures lean towards texts of high priority."
        )
    return [*told, *_left_out(found)]


def _left_out(found: LiveIndependence) -> list[str]:
    counts = {
        "scored by other versions of the members": found.other_versions,
        "not scored by every member": found.incomplete,
    }
    return [f"{count:,} labelled texts do not count: {why}." for why, count in counts.items() if count]
