"""The queue in this process: the same behaviour as on Redis, for notebooks and tests. It is gone with the process."""

from __future__ import annotations

import bisect
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

from miners.queue.checks import MAX_AMENDMENTS, check_count, check_items, check_name, check_task, lease_ms, request_key
from miners.queue.codec import moment
from miners.queue.codes import Code, refuse, refuse_full, refuse_item
from miners.queue.labels import aggregate, finding_of, mean_severity, said
from miners.queue.memory_records import AnswerRecord, ItemRecord, LeaseRecord, Place, Stats
from miners.queue.types import (
    Answer,
    Counts,
    EnqueueOutcome,
    Finding,
    FindingKind,
    Item,
    Lease,
    NewAnswer,
    NewItem,
    Receipt,
)


class MemoryQueue:
    """`Queue` and `Ledger` of one task in memory; thread-safe by one lock.

    Args:
        task: name of the task.
        waiting_limit: most items that may wait at once.
        max_expiries: an item whose leases ran out so often in a row, without an answer, is dead until `revive`.
        clock: seconds since the epoch.

    Unlike the one on Redis it never forgets leases and requests, and inserting costs O(n) moves.
    """

    def __init__(
        self,
        task: str,
        *,
        waiting_limit: int = 1_000_000,
        max_expiries: int = 20,
        clock: Callable[[], float] = lambda: datetime.now(UTC).timestamp(),
    ) -> None:
        self._task = check_task(task)
        self._limit = waiting_limit
        self._max_expiries = max_expiries
        self._clock = clock
        self._lock = threading.RLock()
        self._items: dict[str, ItemRecord] = {}
        self._ready: list[Place] = []
        self._leases: dict[str, LeaseRecord] = {}
        self._requests: dict[str, list[str]] = {}
        self._answers: dict[str, AnswerRecord] = {}
        self._seen: dict[str, set[str]] = {}
        self._stats = Stats()
        self._order = 0

    def enqueue(self, items: Sequence[NewItem]) -> list[EnqueueOutcome]:
        """Adds items; see `RedisQueue.enqueue`."""
        check_items(items, self._task)
        with self._lock:
            fresh = len({item.id for item in items} - self._items.keys())
            if fresh and len(self._ready) + fresh > self._limit:
                refuse_full(len(self._ready), self._limit)
            return [self._put(item) for item in items]

    def lease(self, rater: str, *, count: int = 1, seconds: float = 300.0, request_id: str) -> list[Lease]:
        """Leases the best items that this rater has not seen; see `RedisQueue.lease`."""
        request, ms = request_key(rater, request_id), lease_ms(seconds)
        check_count(count)
        with self._lock:
            self.sweep(len(self._leases))
            if request not in self._requests:
                chosen = self._unseen(rater, count)
                if not chosen:
                    return []
                self._requests[request] = [
                    self._grant(f"{request}-{at}", it, rater, ms) for at, it in enumerate(chosen)
                ]
            held = self._requests[request]
            return [self._shown(lease) for lease in held if self._leases[lease].state == "live"]

    def renew(self, lease_id: str, rater: str, *, seconds: float = 300.0) -> Lease:
        """Holds on for another `seconds` from now; see `RedisQueue.renew`."""
        ms = lease_ms(seconds)
        with self._lock:
            self._held(lease_id, rater).deadline = self._now() + ms
            return self._shown(lease_id)

    def release(self, lease_id: str, rater: str, *, skip: bool = False) -> None:
        """Gives the item back; see `RedisQueue.release`."""
        with self._lock:
            lease = self._own(lease_id, rater)
            if lease.state == "answered":
                refuse(Code.CONFLICT, lease_id)
            if lease.state == "live" and lease.deadline <= self._now():
                self._expire(lease)
            if lease.state == "live":
                self._give_back(lease, "released")
                self._place(self._items[lease.item])
            if skip:
                self._seen[rater].add(lease.item)

    def answer(self, lease_id: str, rater: str, body: NewAnswer) -> Receipt:
        """Stores the answer; see `RedisQueue.answer`."""
        with self._lock:
            old = self._answers.get(lease_id)
            if old is not None and self._own(lease_id, rater).state == "answered":
                if said(body) not in (old.first, said(old.body)):
                    refuse(Code.CONFLICT, lease_id)
                return old.receipt
            lease = self._held(lease_id, rater)
            lease.state = "answered"
            return self._record(lease_id, self._items[lease.item], rater, body)

    def amend(self, answer_id: str, rater: str, body: NewAnswer) -> Receipt:
        """Corrects an answer; see `RedisQueue.amend`."""
        check_name(rater, "rater")
        with self._lock:
            answer = self._answers.get(check_name(answer_id, "lease_id"))
            if answer is None:
                refuse(Code.UNKNOWN, answer_id)
            if answer.rater != rater:
                refuse(Code.NOT_YOURS, answer_id)
            if said(body) == said(answer.body):
                return answer.receipt
            if len(answer.history) >= MAX_AMENDMENTS:
                refuse(Code.TOO_OFTEN, answer_id)
            answer.replace(body, self._now())
            answer.receipt = self._settle(answer_id, self._items[answer.item])
            return answer.receipt

    def reprioritise(
        self, item_id: str, priority: float, *, why: str = "", parts: dict[str, float] | None = None
    ) -> bool:
        """Ranks an open item anew; see `RedisQueue.reprioritise`."""
        with self._lock:
            item = self._known(item_id)
            if item.state != "open":
                return False
            ranked = {"priority": float(priority)} | ({} if parts is None else {"why": why, "parts": parts})
            item.new = item.new.model_copy(update=ranked)
            self._place(item)
            return True

    def revive(self, item_id: str) -> bool:
        """Opens a dead item again; see `RedisQueue.revive`."""
        with self._lock:
            item = self._known(item_id)
            if item.state != "dead":
                return False
            item.state, item.expiries = "open", 0
            self._place(item)
            return True

    def sweep(self, limit: int = 1_000) -> int:
        """Returns the items of at most `limit` expired leases, the longest expired first; how many there were."""
        with self._lock:
            now = self._now()
            due = [lease for lease in self._leases.values() if lease.state == "live" and lease.deadline <= now]
            due = sorted(due, key=lambda lease: (lease.deadline, lease.id))[:limit]
            for lease in due:
                self._expire(lease)
            return len(due)

    def counts(self) -> Counts:
        """The queue in numbers."""
        with self._lock:
            self.sweep()
            records = self._items.values()
            return Counts(
                waiting=len(self._ready),
                leased=sum(lease.state == "live" for lease in self._leases.values()),
                done=sum(item.state == "done" for item in records),
                dead=sum(item.state == "dead" for item in records),
                answers=len(self._answers),
                findings_fn=sum(item.finding == "FN" for item in records),
                findings_fp=sum(item.finding == "FP" for item in records),
                raters=len(self._seen),
                leases_granted=self._stats.granted,
                leases_released=self._stats.released,
                leases_expired=self._stats.expired,
            )

    def top(self, count: int) -> list[Item]:
        """The items that would be served next to a new rater, best first."""
        with self._lock:
            self.sweep()
            return [self._shown_item(self._items[place[2]]) for place in self._ready[:count]]

    def item(self, item_id: str) -> Item:
        """One item with its whole history; UnknownItemError if there is none."""
        with self._lock:
            return self._shown_item(self._known(item_id))

    def findings(self, *, kind: FindingKind | None = None, offset: int = 0, count: int = 100) -> list[Finding]:
        """Newest first."""
        with self._lock:
            found = [item for item in self._items.values() if item.finding and kind in (None, item.finding)]
            found.sort(key=lambda item: -item.found_order)
            return [self._shown_finding(item) for item in found[offset : offset + count]]

    def answers(self) -> Iterator[Answer]:
        """Every accepted answer in its current form, oldest first."""
        with self._lock:
            shown = [answer.shown(answer_id) for answer_id, answer in self._answers.items()]
        yield from shown

    def items(self) -> Iterator[Item]:
        """Every item in order of arrival."""
        with self._lock:
            shown = [self._shown_item(item) for item in self._items.values()]
        yield from shown

    def _now(self) -> int:
        return int(self._clock() * 1000)

    def _next(self) -> int:
        self._order += 1
        return self._order

    def _known(self, item_id: str) -> ItemRecord:
        if item_id not in self._items:
            refuse_item(item_id)
        return self._items[item_id]

    def _put(self, item: NewItem) -> EnqueueOutcome:
        known = self._items.get(item.id)
        if known is None:
            self._items[item.id] = record = ItemRecord(new=item, order=self._next(), at=self._now())
            self._place(record)
            return "added"
        if known.state != "open" or item.priority <= known.new.priority:
            return "known"
        ranked = {"priority": item.priority, "why": item.why, "parts": item.parts}
        known.new = known.new.model_copy(update=ranked)
        self._place(known)
        return "raised"

    def _place(self, item: ItemRecord) -> None:
        """Puts an item into the ranking or takes it out, as its fields say."""
        if item.place is not None:
            del self._ready[bisect.bisect_left(self._ready, item.place)]
            item.place = None
        if item.state == "open" and item.live + len(item.answers) < item.new.needed:
            item.place = (-item.new.priority, item.order, item.new.id)
            bisect.insort(self._ready, item.place)

    def _unseen(self, rater: str, count: int) -> list[ItemRecord]:
        seen = self._seen.get(rater, set())
        return [self._items[place[2]] for place in self._ready if place[2] not in seen][:count]

    def _grant(self, lease_id: str, item: ItemRecord, rater: str, ms: int) -> str:
        self._leases[lease_id] = LeaseRecord(lease_id, item.new.id, rater, self._now() + ms)
        self._seen.setdefault(rater, set()).add(item.new.id)
        self._stats.granted += 1
        item.live += 1
        self._place(item)
        return lease_id

    def _own(self, lease_id: str, rater: str) -> LeaseRecord:
        check_name(rater, "rater")
        lease = self._leases.get(check_name(lease_id, "lease_id"))
        if lease is None:
            refuse(Code.UNKNOWN, lease_id)
        if lease.rater != rater:
            refuse(Code.NOT_YOURS, lease_id)
        return lease

    def _held(self, lease_id: str, rater: str) -> LeaseRecord:
        """A lease that the rater holds at this moment; else the reason why not is raised."""
        lease = self._own(lease_id, rater)
        if lease.state == "live" and lease.deadline <= self._now():
            self._expire(lease)
        if lease.state != "live":
            codes = {"answered": Code.CONFLICT, "released": Code.RELEASED, "expired": Code.EXPIRED}
            refuse(codes[lease.state], lease_id)
        return lease

    def _give_back(self, lease: LeaseRecord, how: str) -> None:
        lease.state = how
        self._stats.count(how)
        self._items[lease.item].live -= 1
        self._seen[lease.rater].discard(lease.item)

    def _expire(self, lease: LeaseRecord) -> None:
        item = self._items[lease.item]
        self._give_back(lease, "expired")
        item.expiries += 1
        if item.expiries >= self._max_expiries and item.state == "open":
            item.state = "dead"
        self._place(item)

    def _record(self, answer_id: str, item: ItemRecord, rater: str, body: NewAnswer) -> Receipt:
        item.live -= 1
        item.expiries = 0
        item.answers.append(answer_id)
        item.state = "done" if len(item.answers) >= item.new.needed else "open"
        self._answers[answer_id] = record = AnswerRecord(item.new.id, rater, said(body), body, self._now())
        self._place(item)
        record.receipt = self._settle(answer_id, item)
        return record.receipt

    def _settle(self, answer_id: str, item: ItemRecord) -> Receipt:
        """Brings label and finding up to date once there are answers enough."""
        if item.state == "done":
            item.label = aggregate([self._answers[answer].body.answer for answer in item.answers])
            finding = finding_of(item.label, passed=item.new.deployed_passed)
            if finding != item.finding:
                item.finding, item.found_order, item.found_at = finding, self._next(), self._now()
        return Receipt(
            answer_id=answer_id,
            item_id=item.new.id,
            answers=len(item.answers),
            needed=item.new.needed,
            label=item.label,
        )

    def _shown(self, lease_id: str) -> Lease:
        lease = self._leases[lease_id]
        new = self._items[lease.item].new
        return Lease(
            lease_id=lease_id,
            item_id=new.id,
            text=new.text,
            context=new.context,
            expires_at=moment(lease.deadline),
            task=self._task,
        )

    def _shown_item(self, item: ItemRecord) -> Item:
        return item.shown([self._answers[answer].shown(answer) for answer in item.answers])

    def _shown_finding(self, item: ItemRecord) -> Finding:
        shown = self._shown_item(item)
        if shown.finding is None:
            raise ValueError(f"item {shown.new.id} is no finding")
        severity = mean_severity([answer.body for answer in shown.answers])
        return Finding(kind=shown.finding, item=shown, severity=severity, at=moment(item.found_at))
