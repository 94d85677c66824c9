"""What the queue in memory keeps of an item, a lease and an answer. Times are milliseconds since the epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from miners.queue.codec import moment
from miners.queue.types import (
    Answer,
    AnswerValue,
    FindingKind,
    Item,
    ItemState,
    Mark,
    NewAnswer,
    NewItem,
    Receipt,
    Skip,
)

Place: TypeAlias = tuple[float, int, str]
"""Where an item stands: negated priority, order of arrival, id; the smallest is served first."""


@dataclass
class ItemRecord:
    """An item; `answers` are ids in order of arrival, `place` is None while it is not waiting.

    `told` is how many answers were behind its label when that was last noted as set, `skipped` how many skips
    came since the last answer.
    """

    new: NewItem
    order: int
    at: int
    state: ItemState = "open"
    live: int = 0
    expiries: int = 0
    skips: list[Skip] = field(default_factory=list)
    skipped: int = 0
    answers: list[str] = field(default_factory=list)
    place: Place | None = None
    label: AnswerValue | None = None
    retired: bool = False
    confidence: float | None = None
    ambiguity: float | None = None
    told: int = 0
    finding: FindingKind | None = None
    found_order: int = 0
    found_at: int = 0
    died_order: int = 0

    def shown(self, answers: Sequence[Answer], mark: Mark | None = None) -> Item:
        """As the ledger shows it."""
        return Item(
            new=self.new,
            state=self.state,
            live=self.live,
            enqueued_at=moment(self.at),
            answers=tuple(answers),
            skips=tuple(self.skips),
            label=self.label,
            retired=self.retired,
            confidence=self.confidence,
            ambiguity=self.ambiguity,
            finding=self.finding,
            found_at=moment(self.found_at) if self.finding else None,
            mark=mark,
        )


@dataclass
class LeaseRecord:
    """A lease; its state is live, answered, released or expired."""

    id: str
    item: str
    rater: str
    deadline: int
    state: str = "live"


@dataclass
class AnswerRecord:
    """An answer; `first` is what it said when it was given, `receipt` the one last given out."""

    item: str
    rater: str
    first: str
    body: NewAnswer
    at: int
    history: list[dict[str, Any]] = field(default_factory=list)
    receipt: Receipt = field(init=False)

    def replace(self, body: NewAnswer, now: int) -> None:
        """Puts another body in place, and the old one into the history."""
        self.history.append({**self.body.model_dump(mode="json"), "at": moment(self.at).isoformat()})
        self.body, self.at = body, now

    def shown(self, answer_id: str) -> Answer:
        """As the ledger shows it."""
        return Answer(
            answer_id=answer_id,
            item_id=self.item,
            rater=self.rater,
            body=self.body,
            at=moment(self.at),
            history=tuple(self.history),
        )


@dataclass
class Stats:
    """Leases ever granted, how they ended other than by an answer, and answers that were given elsewhere."""

    granted: int = 0
    released: int = 0
    expired: int = 0
    recorded: int = 0

    def count(self, how: str) -> None:
        """One more ended as "released" or "expired"."""
        setattr(self, how, getattr(self, how) + 1)
