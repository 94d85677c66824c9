"""The queue on Redis or Valkey: one atomic Lua script per verb, time by the server's clock.

Keys are described at the top of `lua/common.lua`. redis-py repeats a command whose reply was lost; every script is
therefore idempotent by an id that the caller chose.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from uuid import uuid4

import redis

from miners.queue import codec
from miners.queue.checks import (
    MAX_AMENDMENTS,
    check_count,
    check_items,
    check_mark,
    check_name,
    check_needed,
    check_priority,
    check_reason,
    check_share,
    check_task,
    gold_places,
    lease_ms,
    request_key,
)
from miners.queue.codes import Code, refuse, refuse_full, refuse_item, refuse_moved, refuse_record
from miners.queue.labels import said
from miners.queue.marks import RedisMarks
from miners.queue.scripts import Scripts
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

CHUNK = 256
CHUNK_BYTES = 1_000_000
PAGE = 200
INDEXED_AT_ONCE = 5_000
"""Answers that one script sorts by rater."""


class RedisQueue:
    """`Queue` and `Ledger` of one task on a Redis or Valkey server; thread-safe.

    Args:
        client: redis-py client with `decode_responses=True`, see `connect`.
        task: name of the task; keys begin with "{hungjury:<task>}:", one cluster slot.
        waiting_limit: most items that may wait at once.
        max_expiries: an item whose leases ran out so often in a row, without an answer, is dead until `revive`.
        max_skips: likewise one that so many raters skipped.
        gold_share: probability that a lease is gold, where there is any that the rater has not had.

    Every method raises StoreUnavailableError when the server does not answer.
    """

    def __init__(
        self,
        client: redis.Redis,
        task: str,
        *,
        waiting_limit: int = 1_000_000,
        max_expiries: int = 20,
        max_skips: int = 5,
        gold_share: float = 0.0,
    ) -> None:
        self._task = check_task(task)
        self._limit = waiting_limit
        self._max_skips = max_skips
        self._gold_share = check_share(gold_share)
        self._marks = RedisMarks(client, f"{{hungjury:{task}}}:")
        self._scripts = Scripts(client, f"{{hungjury:{task}}}:", max_expiries=max_expiries)

    def enqueue(self, items: Sequence[NewItem], *, looked: int | None = None) -> list[EnqueueOutcome]:
        """Adds items; see `Queue`. Long calls are cut into chunks, each added wholly or not at all.

        Raises:
            QueueFullError: the limit is reached, or the server is out of memory; chunks before it are in, and
                repeating the call is harmless.
            ArrivalsError: something arrived that the caller has not looked at; chunks before it are in.
            InputError: an item of another task.
        """
        check_items(items, self._task)
        outcomes: list[EnqueueOutcome] = []
        for chunk in codec.chunks(items, most=CHUNK, most_bytes=CHUNK_BYTES):
            found = self._enqueue_chunk(chunk, -1 if looked is None else looked + outcomes.count("added"))
            outcomes += found
        return outcomes

    def _enqueue_chunk(self, chunk: Sequence[NewItem], looked: int) -> list[EnqueueOutcome]:
        args = [part for item in chunk for part in codec.pack_item(item)]
        code, *reply = self._scripts.call("enqueue", uuid4().hex, self._limit, looked, *args)
        if code == Code.FULL:
            refuse_full(reply[0], self._limit)
        if code == Code.MOVED:
            refuse_moved(reply[0], looked)
        return reply

    def lease(
        self,
        rater: str,
        *,
        count: int = 1,
        seconds: float = 300.0,
        request_id: str,
        tags: Collection[str] = (),
    ) -> list[Lease]:
        """Leases the best items that this rater has not seen; see `Queue`.

        Raises:
            InputError: a bad argument, or a `request_id` from long ago.
        """
        request = request_key(rater, request_id)
        places, turn = gold_places(request, check_count(count), self._gold_share)
        listed = "".join(f"{place} " for place in places)
        asked = (request, rater, count, lease_ms(seconds), listed, turn, codec.spaced(tags))
        reply = self._scripts.ask("claim", request, *asked)
        return codec.unpack_leases(reply, self._task)

    def renew(self, lease_id: str, rater: str, *, seconds: float = 300.0) -> Lease:
        """Holds on for another `seconds` from now.

        Raises:
            UnknownLeaseError, NotYoursError, LeaseExpiredError: it is not held by this rater now.
            AnswerConflictError: it is answered already.
        """
        reply = self._ask("renew", lease_id, rater, lease_ms(seconds))
        return codec.unpack_lease(reply, self._task)

    def release(self, lease_id: str, rater: str, *, skip: bool = False, reason: str = "") -> None:
        """Gives the item back, as it stands in `Queue`; harmless for a lease that ran out.

        Raises:
            UnknownLeaseError, NotYoursError: no lease of this rater.
            AnswerConflictError: it is answered already.
        """
        self._ask("release", lease_id, rater, int(skip), check_reason(reason), self._max_skips)

    def answer(self, lease_id: str, rater: str, body: NewAnswer) -> Receipt:
        """Stores the answer; label and finding follow in the same write. The answer's id is its lease's id.

        Raises:
            UnknownLeaseError, NotYoursError, LeaseExpiredError: it is not held by this rater now.
            AnswerConflictError: it is answered already with another body.
        """
        return codec.unpack_receipt(self._ask("answer", lease_id, rater, said(body), *codec.answer_args(body)))

    def record(self, item_id: str, rater: str, body: NewAnswer, *, answer_id: str) -> Receipt:
        """Stores an answer that was given elsewhere; see `Queue`."""
        check_name(rater, "rater")
        args = (check_name(answer_id, "answer_id"), item_id, rater, said(body), *codec.answer_args(body))
        code, *reply = self._scripts.call("record", *args)
        if code == Code.UNKNOWN:
            refuse_item(item_id)
        if code == Code.CONFLICT:
            refuse_record(item_id, rater)
        if code != Code.OK:
            refuse(Code(code), answer_id, *reply)
        return codec.unpack_receipt(reply)

    def amend(self, answer_id: str, rater: str, body: NewAnswer) -> Receipt:
        """Corrects an answer; label and finding follow in the same write.

        Raises:
            UnknownLeaseError, NotYoursError: no answer of this rater.
            AnswerConflictError: it was corrected too often.
        """
        args = (said(body), *codec.answer_args(body), MAX_AMENDMENTS)
        return codec.unpack_receipt(self._ask("amend", answer_id, rater, *args))

    def reprioritise(
        self, item_id: str, priority: float, *, why: str = "", parts: dict[str, float] | None = None
    ) -> bool:
        """Ranks an open item anew, higher or lower; with `parts`, the reasons are replaced as well.

        Returns:
            Whether it was open; done and dead items stay as they are.

        Raises:
            UnknownItemError: no such item.
        """
        rank = "" if parts is None else codec.rank_json(why, parts)
        return self._on_item("reprioritise", item_id, repr(float(priority)), repr(-float(priority)), rank)

    def order(
        self, item_id: str, needed: int, priority: float, *, why: str = "", parts: dict[str, float] | None = None
    ) -> bool:
        """Wants more answers for an item; see `Queue`."""
        rank = "" if parts is None else codec.rank_json(why, parts)
        wanted, priority = check_needed(needed), check_priority(priority)
        return self._on_item("order", item_id, str(wanted), repr(priority), repr(-priority), rank)

    def relabel(self, item_id: str, judgement: Judgement) -> bool:
        """Sets the label to what a model makes of the answers; see `Queue`."""
        found = (judgement.label, judgement.confidence, judgement.ambiguity)
        counts = (judgement.yes, judgement.no, judgement.unsure)
        return self._on_item("relabel", item_id, *map(str, (*found, *counts)))

    def retire(self, item_id: str) -> bool:
        """Serves gold no more; see `Queue`."""
        return self._on_item("retire", item_id)

    def revive(self, item_id: str) -> bool:
        """Opens a dead item again.

        Returns:
            Whether it was dead.

        Raises:
            UnknownItemError: no such item.
        """
        return self._on_item("revive", item_id)

    def sweep(self, limit: int = 1_000) -> int:
        """Returns the items of at most `limit` expired leases; how many there were. Leasing does so by itself."""
        return int(self._scripts.ask("sweep", "", limit)[0])

    def counts(self) -> Counts:
        """The queue in numbers, taken at one moment."""
        return Counts(**dict(zip(Counts.model_fields, self._scripts.ask("counts", ""), strict=True)))

    def top(self, count: int) -> list[Item]:
        """The items that would be served next to a new rater, best first."""
        ids = self._scripts.ask("page", "", "top", 0, count)
        return self.look_up(ids)

    def item(self, item_id: str) -> Item:
        """One item with its whole history; UnknownItemError if there is none."""
        found = self.look_up([item_id])
        if not found:
            refuse_item(item_id)
        return found[0]

    def findings(self, *, kind: FindingKind | None = None, offset: int = 0, count: int = 100) -> list[Finding]:
        """Newest first."""
        ids = self._scripts.ask("page", "", kind or "all", offset, count)
        return [finding for item in self.look_up(ids) if (finding := codec.finding_in(item)) is not None]

    def look_up(self, item_ids: Sequence[str]) -> list[Item]:
        """Those of these items that there are; see `Ledger`."""
        return [item for at in range(0, len(item_ids), PAGE) for item in self._read(item_ids[at : at + PAGE])]

    def family(self, family: str, *, offset: int = 0, count: int = 200) -> list[Item]:
        """Items of a family that have a parent; see `Ledger`."""
        return self.look_up(self._scripts.ask("page", "", f"family:{family}", offset, count))

    def mark(self, family: str, mark: Mark | None) -> None:
        """Says what a family is for; see `Queue`."""
        check_mark(family, mark)
        self._marks.put(family, mark)

    def marks(self) -> dict[str, Mark]:
        """All marks, by family."""
        return self._marks.all()

    def finding_changes(self, *, offset: int = 0, count: int = 100) -> list[FindingChange]:
        """What became of findings, oldest first."""
        return [codec.unpack_change(text) for text in self._scripts.ask("page", "", "changes", offset, count)]

    def arrived(self, *, offset: int = 0, count: int = 200) -> list[Item]:
        """Items in order of arrival; see `Ledger`."""
        return self.look_up(self._scripts.ask("page", "", "ids", offset, count))

    def labelled(self, *, offset: int = 0, count: int = 200) -> list[Item]:
        """Items in the order in which their labels were set; see `Ledger`."""
        return self.look_up(self._scripts.ask("page", "", "labelled", offset, count))

    def skipped(self, *, offset: int = 0, count: int = 200) -> list[Item]:
        """Items that raters would not judge; see `Ledger`."""
        return self.look_up(self._scripts.ask("page", "", "skipped", offset, count))

    def dead(self, *, offset: int = 0, count: int = 200) -> list[Item]:
        """Items that nobody is asked about any more; see `Ledger`."""
        return self.look_up(self._scripts.ask("page", "", "dead", offset, count))

    def judged(self, rater: str, *, offset: int = 0, count: int = 200) -> Judged:
        """Items that a rater has answered; see `Ledger`."""
        check_name(rater, "rater")
        behind = 1
        while behind:
            behind, total, *ids = self._scripts.ask("judged", "", rater, offset, count, INDEXED_AT_ONCE)
        return Judged(total=total, items=tuple(self.look_up(ids)))

    def plants(self) -> Iterator[Item]:
        """Items that drills planted, in order of arrival, a page at a time."""
        for ids in self._pages("plants"):
            yield from self._read(ids)

    def answers(self) -> Iterator[Answer]:
        """Every accepted answer in its current form, oldest first."""
        for ids in self._pages("log"):
            for flat in self._scripts.ask("answers", "", *ids):
                yield codec.unpack_answer(flat)

    def items(self) -> Iterator[Item]:
        """Every item in order of arrival, a page at a time."""
        for ids in self._pages("ids"):
            yield from self._read(ids)

    def _ask(self, verb: str, lease_id: str, rater: str, *args: str | int) -> list[str]:
        check_name(rater, "rater")
        return self._scripts.ask(verb, lease_id, check_name(lease_id, "lease_id"), rater, *args)

    def _on_item(self, verb: str, item_id: str, *args: str) -> bool:
        code, *reply = self._scripts.call(verb, item_id, *args)
        if code != Code.OK:
            refuse_item(item_id)
        return bool(reply[0])

    def _pages(self, which: str) -> Iterator[list[str]]:
        """Pages of an ordering that only ever grows at its end."""
        offset = 0
        while ids := self._scripts.ask("page", "", which, offset, PAGE):
            yield ids
            offset += len(ids)

    def _read(self, ids: Sequence[str]) -> list[Item]:
        """A page of items, with what their families are marked as."""
        found = [codec.unpack_item(whole) for whole in self._scripts.ask("items", "", *ids) if whole] if ids else []
        marks = self._marks.of([item.new.provenance.family for item in found])
        return [
            item if mark is None else item.model_copy(update={"mark": mark})
            for item, mark in zip(found, marks, strict=True)
        ]
