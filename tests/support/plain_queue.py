"""What the queue shall do, said as plainly as it can be: dictionaries, and a sort of everything at each lease."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple


@dataclass
class PlainItem:
    """An item, by what decides who is served it.

    Attributes:
        given: what each rater answered, in order of the answers.
        live: leases held now.
        expiries: leases that ran out since the last answer; `skips` likewise raters who would not judge it.
        skipped_by: everybody who ever would not.
        told: whether it has had a label.
    """

    priority: float
    arrival: int
    needed: int
    given: dict[str, str] = field(default_factory=dict)
    live: set[str] = field(default_factory=set)
    expiries: int = 0
    skips: int = 0
    skipped_by: set[str] = field(default_factory=set)
    dead: bool = False
    told: bool = False

    @property
    def done(self) -> bool:
        """Whether it has all its answers."""
        return len(self.given) >= self.needed and not self.dead

    @property
    def free(self) -> bool:
        """Whether somebody more may be asked."""
        return not self.dead and len(self.given) + len(self.live) < self.needed

    @property
    def label(self) -> str | None:
        """Majority; a tie is yes; nobody decided is unsure."""
        if not self.told:
            return None
        yes, no = (list(self.given.values()).count(value) for value in ("yes", "no"))
        return "unsure" if yes + no == 0 else "yes" if yes >= no else "no"


@dataclass
class PlainLease:
    """A lease and what became of it: live, answered, released or expired."""

    item: str
    rater: str
    deadline: float
    state: str = "live"


class Receipt(NamedTuple):
    """What an answer is acknowledged with."""

    item: str
    answers: int
    needed: int
    label: str | None


class Refused(NamedTuple):
    """The name of the error that is raised instead."""

    error: str


class PlainQueue:
    """The model. Time is what it is told; leases whose deadline has passed are over at once."""

    def __init__(self, max_expiries: int, max_skips: int) -> None:
        self.now, self._max_expiries, self._max_skips = 0.0, max_expiries, max_skips
        self.items: dict[str, PlainItem] = {}
        self.leases: dict[str, PlainLease] = {}
        self.seen: dict[str, set[str]] = {}
        self._open: set[str] = set()
        self._receipts: dict[str, tuple[Receipt, str]] = {}
        self._firsts: dict[str, str] = {}

    @property
    def looked_at(self) -> int:
        """Items that are open or held."""
        return len(self._open)

    def enqueue(self, name: str, priority: float, needed: int) -> str:
        """Adds an item, or raises an open one."""
        known = self.items.get(name)
        if known is None:
            self.items[name] = PlainItem(priority, len(self.items), needed)
            self._open.add(name)
            return "added"
        if known.dead or known.done or priority <= known.priority:
            return "known"
        known.priority = priority
        return "raised"

    def due(self, rater: str, count: int) -> list[str]:
        """The items that the rater must be served: best first, ties by arrival, none that the rater has had."""
        seen = self.seen.get(rater, set())
        free = [name for name in self._open if self.items[name].free and name not in seen]
        return sorted(free, key=lambda name: (-self.items[name].priority, self.items[name].arrival))[:count]

    def grant(self, lease: str, name: str, rater: str, seconds: float) -> None:
        """The rater holds the item."""
        self.leases[lease] = PlainLease(name, rater, self.now + seconds)
        self.items[name].live.add(lease)
        self.seen.setdefault(rater, set()).add(name)

    def travel(self, seconds: float) -> int:
        """Time passes; how many leases ran out."""
        self.now += seconds
        over = [name for item in self._open for name in self.items[item].live]
        over = [name for name in over if self.leases[name].deadline <= self.now]
        for name in over:
            lease = self.leases[name]
            self._give_back(name, "expired")
            self.seen[lease.rater].discard(lease.item)
            item = self.items[lease.item]
            item.expiries += 1
            if item.expiries >= self._max_expiries and not item.done:
                item.dead = True
            self.close(lease.item)
        return len(over)

    def renew(self, name: str, rater: str, seconds: float) -> str | Refused:
        """Holds on."""
        if refused := self._refusal(name, rater):
            return refused
        self.leases[name].deadline = self.now + seconds
        return "held"

    def release(self, name: str, rater: str, *, skip: bool) -> str | Refused:
        """Gives it back; who skips is not asked again."""
        refused = self._refusal(name, rater)
        lease = self.leases.get(name)
        if lease is None or lease.rater != rater or lease.state == "answered":
            return refused or Refused("")
        if lease.state == "live":
            self._give_back(name, "released")
            self.seen[rater].discard(lease.item)
        if skip:
            self.seen[rater].add(lease.item)
            self._skip(lease.item, rater)
        return "given back"

    def _skip(self, name: str, rater: str) -> None:
        item = self.items[name]
        if rater not in item.skipped_by:
            item.skipped_by.add(rater)
            item.skips += 1
            item.dead = item.dead or (item.skips >= self._max_skips and not item.done)
            self.close(name)

    def answer(self, name: str, rater: str, value: str) -> Receipt | Refused:
        """Takes the answer, once."""
        lease = self.leases.get(name)
        if lease is not None and lease.rater == rater and lease.state == "answered":
            receipt, now = self._receipts[name]
            return receipt if value in {self._firsts[name], now} else Refused("AnswerConflictError")
        if refused := self._refusal(name, rater):
            return refused
        lease = self.leases[name]
        self._give_back(name, "answered")
        item = self.items[lease.item]
        item.dead, item.expiries, item.skips = False, 0, 0
        item.given[rater] = value
        self._firsts[name] = value
        return self._settle(name, value)

    def amend(self, name: str, rater: str, value: str) -> Receipt | Refused:
        """Corrects an answer."""
        lease = self.leases.get(name)
        if lease is None or lease.state != "answered":
            return Refused("UnknownLeaseError")
        if lease.rater != rater:
            return Refused("NotYoursError")
        receipt, now = self._receipts[name]
        if value == now:
            return receipt
        self.items[lease.item].given[rater] = value
        return self._settle(name, value)

    def reprioritise(self, name: str, priority: float) -> bool:
        """Ranks an open item anew."""
        item = self.items[name]
        if item.dead or item.done:
            return False
        item.priority = priority
        return True

    def order(self, name: str, needed: int, priority: float) -> bool:
        """Wants more answers."""
        item = self.items[name]
        if item.dead:
            return False
        if item.needed < needed:
            item.needed, item.priority, item.expiries, item.skips = needed, priority, 0, 0
            self._open.add(name)
        return True

    def revive(self, name: str) -> bool:
        """Opens a dead item."""
        item = self.items[name]
        was, item.dead = item.dead, False
        if was:
            item.expiries = item.skips = 0
            self._open.add(name)
        return was

    def close(self, name: str) -> None:
        """Looks no more at an item that nobody holds and nobody is to have: only for speed."""
        item = self.items[name]
        if (item.done or item.dead) and not item.live:
            self._open.discard(name)

    def _refusal(self, name: str, rater: str) -> Refused | None:
        lease = self.leases.get(name)
        if lease is None:
            return Refused("UnknownLeaseError")
        if lease.rater != rater:
            return Refused("NotYoursError")
        errors = {"answered": "AnswerConflictError", "released": "LeaseExpiredError", "expired": "LeaseExpiredError"}
        return Refused(errors[lease.state]) if lease.state in errors else None

    def _give_back(self, name: str, state: str) -> None:
        lease = self.leases[name]
        lease.state = state
        self.items[lease.item].live.discard(name)

    def _settle(self, name: str, value: str) -> Receipt:
        lease = self.leases[name]
        item = self.items[lease.item]
        item.told = item.told or item.done
        receipt = Receipt(lease.item, len(item.given), item.needed, item.label)
        self._receipts[name] = (receipt, value)
        self.close(lease.item)
        return receipt
