"""The queue's two faces: what raters and miners do to it, and what admins read from it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Protocol

from miners.queue.types import (
    Answer,
    Counts,
    EnqueueOutcome,
    Finding,
    FindingChange,
    FindingKind,
    Item,
    Judged,
    Judgement,
    Lease,
    Mark,
    NewAnswer,
    NewItem,
    Receipt,
)


class Queue(Protocol):
    """A ranked, leased queue with k answers per item, for one task.

    Highest priority first, ties in order of arrival; at most one live lease per (item, rater); at most k live or given
    answers per item; never twice to the same rater; an expired or released lease returns at its old priority. Time is
    the store's clock. Every call is safe to repeat: ids chosen by the caller make the second time a no-op with the
    same result. Thread-safe.
    """

    def enqueue(self, items: Sequence[NewItem], *, looked: int | None = None) -> list[EnqueueOutcome]:
        """Adds items; a known id keeps its item and takes the higher priority.

        With `looked`, new items are only added if no more than that many have ever arrived, else ArrivalsError: who has
        compared them with the first `looked` of `Ledger.arrived` adds nothing that somebody else added meanwhile.
        """

    def lease(
        self,
        rater: str,
        *,
        count: int = 1,
        seconds: float = 300.0,
        request_id: str,
        tags: Collection[str] = (),
    ) -> list[Lease]:
        """Up to `count` items that this rater has not seen; repeated with one `request_id`, the same leases again.

        Of items that want tags only those whose tags are all among `tags`, which are the rater's own.
        """

    def renew(self, lease_id: str, rater: str, *, seconds: float = 300.0) -> Lease:
        """Holds on for another `seconds` from now."""

    def release(self, lease_id: str, rater: str, *, skip: bool = False, reason: str = "") -> None:
        """Gives the item back; with `skip` this rater is not offered it again. Repeating is harmless.

        A skip is noted on the item with its `reason`, the first of each rater. An item that has been skipped by so many
        raters, with no answer in between, that it seems beyond judging is dead.
        """

    def answer(self, lease_id: str, rater: str, body: NewAnswer) -> Receipt:
        """Stores the answer durably. Same lease, same body: the same receipt; another body: AnswerConflictError.

        Here and wherever a body comes in: InputError where its spans reach beyond the text.
        """

    def record(self, item_id: str, rater: str, body: NewAnswer, *, answer_id: str) -> Receipt:
        """Stores durably an answer that was given elsewhere, by a rater who has not had the item here.

        An item that has all its answers takes it as one more, and its label follows. Repeated with the same
        `answer_id` and body it is the same receipt.

        Raises:
            UnknownItemError: no such item.
            AnswerConflictError: the rater has had the item here, or the answer's id stands for something else.
            NotYoursError: the answer's id is that of another rater's.
        """

    def order(
        self, item_id: str, needed: int, priority: float, *, why: str = "", parts: dict[str, float] | None = None
    ) -> bool:
        """Wants `needed` answers for an item, 1 to 100, which is served at `priority` until it has them.

        A done item is open again; label and finding stand until further answers say otherwise. An item that wants so
        many already stays as it is. With `parts`, the reasons are replaced as well.

        Returns:
            Whether it wants so many now; a dead item does not.

        Raises:
            UnknownItemError: no such item.
            InputError: a bad argument.
        """

    def revive(self, item_id: str) -> bool:
        """Opens a dead item again, with its counts of expiries and skips at nought.

        Returns:
            Whether it was dead.

        Raises:
            UnknownItemError: no such item.
        """

    def retire(self, item_id: str) -> bool:
        """Serves gold no more; what was answered stays, and measures nobody any longer.

        Returns:
            Whether it is gold; retiring it again changes nothing.

        Raises:
            UnknownItemError: no such item.
        """

    def relabel(self, item_id: str, judgement: Judgement) -> bool:
        """Sets the label of a labelled item to what a model of its raters makes of the answers; the finding follows.

        The next answer, or a correction, brings the majority back until the model has seen it.

        Returns:
            Whether it was set; it is not where the item has no label yet, has other answers by now, or was planted.

        Raises:
            UnknownItemError: no such item.
        """

    def amend(self, answer_id: str, rater: str, body: NewAnswer) -> Receipt:
        """Corrects one's own answer; the old body is kept in its history; the label follows."""

    def mark(self, family: str, mark: Mark | None) -> None:
        """Says what a whole family of texts is for, those that come later included; None takes that back.

        Raises:
            InputError: no mark, or no name of a family that can be kept.
        """


class Ledger(Protocol):
    """What admins read."""

    def counts(self) -> Counts:
        """The queue in numbers."""

    def top(self, count: int) -> list[Item]:
        """The items that would be served next to a new rater, best first."""

    def item(self, item_id: str) -> Item:
        """One item with its whole history; UnknownItemError if there is none."""

    def findings(self, *, kind: FindingKind | None = None, offset: int = 0, count: int = 100) -> list[Finding]:
        """Newest first."""

    def finding_changes(self, *, offset: int = 0, count: int = 100) -> list[FindingChange]:
        """What became of findings, oldest first; the order only grows at its end."""

    def arrived(self, *, offset: int = 0, count: int = 200) -> list[Item]:
        """Items in order of arrival, as they are now; the order only grows at its end."""

    def labelled(self, *, offset: int = 0, count: int = 200) -> list[Item]:
        """Items as they are now, in the order in which labels were set.

        Once more for every change of a label, for every further answer behind it that was ordered, and where a
        correction changed only its severity.

        The order only grows at its end, so that a reader who has seen n goes on with `offset` n. Plants are left out.
        """

    def look_up(self, item_ids: Sequence[str]) -> list[Item]:
        """Those of these items that there are, in that order."""

    def family(self, family: str, *, offset: int = 0, count: int = 200) -> list[Item]:
        """Items of a family that were made from another text (they have a parent), in order of arrival."""

    def marks(self) -> dict[str, Mark]:
        """All marks, by family."""

    def plants(self) -> Iterator[Item]:
        """Items that drills planted, in order of arrival."""

    def skipped(self, *, offset: int = 0, count: int = 200) -> list[Item]:
        """Items that raters would not judge, those that most of them skipped first."""

    def dead(self, *, offset: int = 0, count: int = 200) -> list[Item]:
        """Items that nobody is asked about any more, as leases ran out or raters skipped too often; newest first."""

    def judged(self, rater: str, *, offset: int = 0, count: int = 200) -> Judged:
        """Items that a rater has answered, newest answer first."""

    def answers(self) -> Iterator[Answer]:
        """Every accepted answer in its current form, oldest first."""

    def items(self) -> Iterator[Item]:
        """Every item, plants too, in no particular order, without holding the store up."""
