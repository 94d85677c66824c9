"""What the queue in memory keeps, what its passing of time does, and what admins read from it."""

from __future__ import annotations

import bisect
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

from miners.queue.checks import check_name, check_share, check_task
from miners.queue.codec import finding_in
from miners.queue.codes import refuse_item
from miners.queue.memory_records import AnswerRecord, ItemRecord, LeaseRecord, Place, Stats
from miners.queue.types import Answer, Counts, Finding, FindingChange, FindingKind, Item, Judged, Mark


class MemoryLedger:
    """`Ledger` of one task in memory; `MemoryQueue` adds the verbs."""

    def __init__(
        self,
        task: str,
        *,
        waiting_limit: int = 1_000_000,
        max_expiries: int = 20,
        max_skips: int = 5,
        gold_share: float = 0.0,
        clock: Callable[[], float] = lambda: datetime.now(UTC).timestamp(),
    ) -> None:
        self._task = check_task(task)
        self._limit = waiting_limit
        self._max_expiries = max_expiries
        self._max_skips = max_skips
        self._gold_share = check_share(gold_share)
        self._gold: list[str] = []
        self._clock = clock
        self._lock = threading.RLock()
        self._items: dict[str, ItemRecord] = {}
        self._ready: list[Place] = []
        self._leases: dict[str, LeaseRecord] = {}
        self._requests: dict[str, list[str]] = {}
        self._answers: dict[str, AnswerRecord] = {}
        self._labelled: list[str] = []
        self._changes: list[FindingChange] = []
        self._seen: dict[str, set[str]] = {}
        self._raters: set[str] = set()
        self._marks: dict[str, Mark] = {}
        self._stats = Stats()
        self._order = 0

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
                raters=len(self._raters),
                leases_granted=self._stats.granted,
                leases_released=self._stats.released,
                leases_expired=self._stats.expired,
                answers_recorded=self._stats.recorded,
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

    def finding_changes(self, *, offset: int = 0, count: int = 100) -> list[FindingChange]:
        """What became of findings, oldest first."""
        with self._lock:
            return self._changes[offset : offset + count]

    def arrived(self, *, offset: int = 0, count: int = 200) -> list[Item]:
        """Items in order of arrival; see `Ledger`."""
        with self._lock:
            return [self._shown_item(item) for item in list(self._items.values())[offset : offset + count]]

    def labelled(self, *, offset: int = 0, count: int = 200) -> list[Item]:
        """Items in the order in which their labels were set; see `Ledger`."""
        with self._lock:
            return [self._shown_item(self._items[item]) for item in self._labelled[offset : offset + count]]

    def skipped(self, *, offset: int = 0, count: int = 200) -> list[Item]:
        """Items that raters would not judge; see `Ledger`."""
        with self._lock:
            found = sorted((item for item in self._items.values() if item.skips), key=_by_skips, reverse=True)
            return [self._shown_item(item) for item in found[offset : offset + count]]

    def dead(self, *, offset: int = 0, count: int = 200) -> list[Item]:
        """Items that nobody is asked about any more; see `Ledger`."""
        with self._lock:
            found = [item for item in self._items.values() if item.state == "dead"]
            found.sort(key=lambda item: item.died_order, reverse=True)
            return [self._shown_item(item) for item in found[offset : offset + count]]

    def judged(self, rater: str, *, offset: int = 0, count: int = 200) -> Judged:
        """Items that a rater has answered; see `Ledger`."""
        check_name(rater, "rater")
        with self._lock:
            own = [self._items[answer.item] for answer in self._answers.values() if answer.rater == rater][::-1]
            shown = tuple(self._shown_item(item) for item in own[offset : offset + count])
            return Judged(total=len(own), items=shown)

    def look_up(self, item_ids: Sequence[str]) -> list[Item]:
        """Those of these items that there are; see `Ledger`."""
        with self._lock:
            return [self._shown_item(self._items[each]) for each in item_ids if each in self._items]

    def family(self, family: str, *, offset: int = 0, count: int = 200) -> list[Item]:
        """Items of a family that have a parent; see `Ledger`."""
        with self._lock:
            origins = ((item, item.new.provenance) for item in self._items.values())
            made = [item for item, origin in origins if origin.parent and origin.family == family]
            return [self._shown_item(item) for item in made[offset : offset + count]]

    def marks(self) -> dict[str, Mark]:
        """All marks, by family."""
        with self._lock:
            return dict(self._marks)

    def plants(self) -> Iterator[Item]:
        """Items that drills planted, in order of arrival."""
        with self._lock:
            shown = [self._shown_item(item) for item in self._items.values() if item.new.plant]
        yield from shown

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

    def _place(self, item: ItemRecord) -> None:
        """Puts an item into the ranking or takes it out, as its fields say."""
        if item.place is not None:
            del self._ready[bisect.bisect_left(self._ready, item.place)]
            item.place = None
        due = item.state == "open" and item.live + len(item.answers) < item.new.needed
        if due and not item.new.gold:
            item.place = (-item.new.priority, item.order, item.new.id)
            bisect.insort(self._ready, item.place)

    def _give_back(self, lease: LeaseRecord, how: str) -> None:
        lease.state = how
        self._stats.count(how)
        self._items[lease.item].live -= 1
        self._seen[lease.rater].discard(lease.item)

    def _expire(self, lease: LeaseRecord) -> None:
        item = self._items[lease.item]
        self._give_back(lease, "expired")
        item.expiries += 1
        if item.expiries >= self._max_expiries and item.state == "open" and not item.new.gold:
            item.state, item.died_order = "dead", self._next()
        self._place(item)

    def _shown_item(self, item: ItemRecord) -> Item:
        mark = self._marks.get(item.new.provenance.family)
        return item.shown([self._answers[answer].shown(answer) for answer in item.answers], mark)

    def _shown_finding(self, item: ItemRecord) -> Finding:
        found = finding_in(self._shown_item(item))
        if found is None:
            raise ValueError(f"item {item.new.id} is no finding")
        return found


def _by_skips(item: ItemRecord) -> tuple[int, str]:
    return len(item.skips), item.new.id
