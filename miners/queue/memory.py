"""The queue in this process: the same behaviour as on Redis, for notebooks and tests. It is gone with the process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from miners.queue.checks import (
    MAX_AMENDMENTS,
    check_count,
    check_items,
    check_mark,
    check_name,
    check_needed,
    check_priority,
    check_reason,
    gold_places,
    lease_ms,
    request_key,
)
from miners.queue.codec import moment
from miners.queue.codes import Code, refuse, refuse_full, refuse_moved, refuse_record
from miners.queue.labels import aggregate, as_of_any, finding_of, said
from miners.queue.memory_ledger import MemoryLedger
from miners.queue.memory_records import AnswerRecord, ItemRecord, LeaseRecord
from miners.queue.types import (
    EnqueueOutcome,
    FindingChange,
    Judgement,
    Lease,
    Mark,
    NewAnswer,
    NewItem,
    Receipt,
    Skip,
)


class MemoryQueue(MemoryLedger):
    """`Queue` and `Ledger` of one task in memory; thread-safe by one lock.

    Args:
        task: name of the task.
        waiting_limit: most items that may wait at once.
        max_expiries: an item whose leases ran out so often in a row, without an answer, is dead until `revive`.
        max_skips: likewise one that so many raters skipped.
        gold_share: probability that a lease is gold, where there is any that the rater has not had.
        clock: seconds since the epoch.

    Unlike the one on Redis it never forgets leases and requests, and inserting costs O(n) moves.
    """

    def enqueue(self, items: Sequence[NewItem], *, looked: int | None = None) -> list[EnqueueOutcome]:
        """Adds items; see `RedisQueue.enqueue`."""
        check_items(items, self._task)
        with self._lock:
            fresh = len({item.id for item in items} - self._items.keys())
            if fresh and looked is not None and len(self._items) > looked:
                refuse_moved(len(self._items), looked)
            if fresh and len(self._ready) + fresh > self._limit:
                refuse_full(len(self._ready), self._limit)
            return [self._put(item) for item in items]

    def lease(
        self,
        rater: str,
        *,
        count: int = 1,
        seconds: float = 300.0,
        request_id: str,
        tags: Collection[str] = (),
    ) -> list[Lease]:
        """Leases the best items that this rater has not seen; see `RedisQueue.lease`."""
        request, ms = request_key(rater, request_id), lease_ms(seconds)
        check_count(count)
        with self._lock:
            self.sweep(len(self._leases))
            if request not in self._requests:
                gold = self._gold_for(rater, *gold_places(request, count, self._gold_share))
                chosen = self._unseen(rater, count - len(gold), frozenset(tags))
                for place, item in gold:
                    chosen.insert(min(place, len(chosen)), item)
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

    def release(self, lease_id: str, rater: str, *, skip: bool = False, reason: str = "") -> None:
        """Gives the item back; see `RedisQueue.release`."""
        check_reason(reason)
        with self._lock:
            lease = self._own(lease_id, rater)
            if lease.state == "answered":
                refuse(Code.CONFLICT, lease_id)
            if lease.state == "live" and lease.deadline <= self._now():
                self._expire(lease)
            if lease.state == "live":
                self._give_back(lease, "released")
            if skip:
                self._seen[rater].add(lease.item)
                self._note_skip(self._items[lease.item], rater, reason)
            self._place(self._items[lease.item])

    def answer(self, lease_id: str, rater: str, body: NewAnswer) -> Receipt:
        """Stores the answer; see `RedisQueue.answer`."""
        with self._lock:
            old = self._answers.get(lease_id)
            if old is not None and self._own(lease_id, rater).state == "answered":
                if said(body) not in (old.first, said(old.body)):
                    refuse(Code.CONFLICT, lease_id)
                return old.receipt
            lease = self._held(lease_id, rater)
            _check_spans(body, self._items[lease.item])
            lease.state = "answered"
            return self._record(lease_id, self._items[lease.item], rater, body)

    def record(self, item_id: str, rater: str, body: NewAnswer, *, answer_id: str) -> Receipt:
        """Stores an answer that was given elsewhere; see `Queue`."""
        check_name(rater, "rater")
        check_name(answer_id, "answer_id")
        with self._lock:
            old = self._answers.get(answer_id)
            if old is not None:
                if old.rater != rater:
                    refuse(Code.NOT_YOURS, answer_id)
                if old.item != item_id or said(body) not in (old.first, said(old.body)):
                    refuse_record(item_id, rater)
                return old.receipt
            item = self._known(item_id)
            _check_spans(body, item)
            if item_id in self._seen.setdefault(rater, set()):
                refuse_record(item_id, rater)
            self._seen[rater].add(item_id)
            self._raters.add(rater)
            self._stats.recorded += 1
            wanted = len(item.answers) + 1 + item.live
            if item.new.needed < wanted and not item.new.gold:
                item.new = item.new.model_copy(update={"needed": wanted})
            item.live += 1  # as if it had been leased: what follows gives that back
            return self._record(answer_id, item, rater, body)

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
            item = self._items[answer.item]
            _check_spans(body, item)
            graver, told = body.severity != answer.body.severity, len(self._labelled)
            answer.replace(body, self._now())
            answer.receipt = self._settle(answer_id, item, answer.receipt.answers)
            told_of = item.label is not None and not item.new.plant and item.new.truth is None
            if graver and told_of and len(self._labelled) == told:
                self._labelled.append(item.new.id)
            return answer.receipt

    def mark(self, family: str, mark: Mark | None) -> None:
        """Says what a family is for; see `Queue`."""
        check_mark(family, mark)
        with self._lock:
            self._marks.pop(family, None)
            if mark is not None:
                self._marks[family] = mark

    def reprioritise(
        self, item_id: str, priority: float, *, why: str = "", parts: dict[str, float] | None = None
    ) -> bool:
        """Ranks an open item anew; see `RedisQueue.reprioritise`."""
        with self._lock:
            item = self._known(item_id)
            if item.state != "open" or item.new.gold:
                return False
            ranked = {"priority": float(priority)} | ({} if parts is None else {"why": why, "parts": parts})
            item.new = item.new.model_copy(update=ranked)
            self._place(item)
            return True

    def order(
        self, item_id: str, needed: int, priority: float, *, why: str = "", parts: dict[str, float] | None = None
    ) -> bool:
        """Wants more answers for an item; see `Queue`."""
        ordered = {"needed": check_needed(needed), "priority": check_priority(priority)}
        with self._lock:
            item = self._known(item_id)
            if item.state == "dead" or item.new.gold:
                return False
            if item.new.needed < needed:
                item.new = item.new.model_copy(update=ordered | ({} if parts is None else {"why": why, "parts": parts}))
                item.state, item.expiries, item.skipped = "open", 0, 0
                self._place(item)
            return True

    def relabel(self, item_id: str, judgement: Judgement) -> bool:
        """Sets the label to what a model makes of the answers; see `Queue`."""
        with self._lock:
            item = self._known(item_id)
            said = Counter(self._answers[answer].body.answer for answer in item.answers)
            same = (said["yes"], said["no"], said["unsure"]) == (judgement.yes, judgement.no, judgement.unsure)
            if item.label is None or item.new.plant or not same:
                return False
            item.confidence, item.ambiguity = judgement.confidence, judgement.ambiguity
            if item.label != judgement.label:
                item.label = judgement.label
                self._labelled.append(item_id)
                self._find(item)
            return True

    def retire(self, item_id: str) -> bool:
        """Serves gold no more; see `Queue`."""
        with self._lock:
            item = self._known(item_id)
            if item_id in self._gold:
                self._gold.remove(item_id)
                item.retired = True
            return item.new.gold

    def revive(self, item_id: str) -> bool:
        """Opens a dead item again; see `RedisQueue.revive`."""
        with self._lock:
            item = self._known(item_id)
            if item.state != "dead":
                return False
            item.state, item.expiries, item.skipped = "open", 0, 0
            self._place(item)
            return True

    def _put(self, item: NewItem) -> EnqueueOutcome:
        if item.author:
            self._seen.setdefault(item.author, set()).add(item.id)
        known = self._items.get(item.id)
        if known is None:
            self._items[item.id] = record = ItemRecord(new=item, order=self._next(), at=self._now())
            if item.gold:
                self._gold.append(item.id)
            self._place(record)
            return "added"
        if known.state != "open" or known.new.gold or item.priority <= known.new.priority:
            return "known"
        ranked = {"priority": item.priority, "why": item.why, "parts": item.parts}
        known.new = known.new.model_copy(update=ranked)
        self._place(known)
        return "raised"

    def _unseen(self, rater: str, count: int, tags: frozenset[str]) -> list[ItemRecord]:
        seen = self._seen.get(rater, set())
        unseen = (self._items[place[2]] for place in self._ready if place[2] not in seen)
        return [item for item in unseen if tags.issuperset(item.new.tags)][:count]

    def _gold_for(self, rater: str, places: Sequence[int], turn: int) -> list[tuple[int, ItemRecord]]:
        """Places and what to serve there; see `lua/gold.lua`."""
        if not self._gold or not self._ready:
            return []
        first = turn % len(self._gold)
        seen = self._seen.get(rater, set())
        unseen = [name for name in (*self._gold[first:], *self._gold[:first]) if name not in seen]
        return [(place, self._items[name]) for place, name in zip(places, unseen, strict=False)]

    def _grant(self, lease_id: str, item: ItemRecord, rater: str, ms: int) -> str:
        self._leases[lease_id] = LeaseRecord(lease_id, item.new.id, rater, self._now() + ms)
        self._seen.setdefault(rater, set()).add(item.new.id)
        self._raters.add(rater)
        self._stats.granted += 1
        item.live += 1
        self._place(item)
        return lease_id

    def _note_skip(self, item: ItemRecord, rater: str, reason: str) -> None:
        if any(before.rater == rater for before in item.skips):
            return
        item.skips.append(Skip(rater=rater, reason=reason, at=moment(self._now())))
        item.skipped += 1
        if item.skipped >= self._max_skips and item.state == "open" and not item.new.gold:
            item.state, item.died_order = "dead", self._next()

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

    def _record(self, answer_id: str, item: ItemRecord, rater: str, body: NewAnswer) -> Receipt:
        item.live -= 1
        item.expiries = item.skipped = 0
        item.answers.append(answer_id)
        if not item.new.gold:
            item.state = "done" if len(item.answers) >= item.new.needed else "open"
        self._answers[answer_id] = record = AnswerRecord(item.new.id, rater, said(body), body, self._now())
        self._place(item)
        record.receipt = self._settle(answer_id, item)
        return record.receipt

    def _settle(self, answer_id: str, item: ItemRecord, number: int | None = None) -> Receipt:
        """Brings label and finding up to date once there are answers enough, and from then on with each."""
        new = item.new
        if new.truth is not None:
            value = self._answers[answer_id].body.answer
            place, label = as_of_any(new.needed, new.truth, value, number or len(item.answers))
            return Receipt(answer_id=answer_id, item_id=new.id, answers=place, needed=new.needed, label=label)
        if item.state == "done" or item.label is not None:
            label = aggregate([self._answers[answer].body.answer for answer in item.answers])
            if label != item.label or item.confidence is not None or item.told < len(item.answers):
                item.label, item.told, item.confidence, item.ambiguity = label, len(item.answers), None, None
                if not item.new.plant:
                    self._labelled.append(item.new.id)
            self._find(item)
        return Receipt(
            answer_id=answer_id,
            item_id=item.new.id,
            answers=len(item.answers),
            needed=item.new.needed,
            label=item.label,
        )

    def _find(self, item: ItemRecord) -> None:
        """Brings the finding up to date with the label."""
        finding = None if item.new.plant else finding_of(item.label, passed=item.new.deployed_passed)
        if finding != item.finding:
            change = {"item_id": item.new.id, "before": item.finding, "after": finding, "at": moment(self._now())}
            self._changes.append(FindingChange.model_validate(change))
            item.finding, item.found_order, item.found_at = finding, self._next(), self._now()

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


def _check_spans(body: NewAnswer, item: ItemRecord) -> None:
    if body.spans and body.spans[-1].end > len(item.new.text):
        refuse(Code.BEYOND, item.new.id, len(item.new.text))
