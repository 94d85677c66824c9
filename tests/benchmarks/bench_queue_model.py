"""The queue against a plain model of what it shall do: a million random operations of 50 raters, and the order served.

Raters crash with leases in hand, answer twice and otherwise, come back late, touch what is not theirs; items are added,
ranked anew, ordered again, revived. Time passes by moving all deadlines. Every reply must be the model's.

Environment:
    HUNGJURY_QUEUE_OPERATIONS: how many (default 1,000,000).
"""

import os
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

import pytest
from plain_queue import PlainQueue, Receipt, Refused
from queue_items import queue_items
from scipy.stats import spearmanr

from miners.errors import QueueError
from miners.queue.connect import Store
from miners.queue.embedded import EmbeddedServer
from miners.queue.redis_queue import RedisQueue
from miners.queue.types import NewAnswer

OPERATIONS = int(os.environ.get("HUNGJURY_QUEUE_OPERATIONS", "1000000"))
RATERS = [f"rater{number}" for number in range(50)]
WAITING, STEP, MAX_EXPIRIES, MAX_SKIPS = 400, 10_000.0, 5, 3
"""Items kept waiting; seconds by which time moves, so long that the time of the run itself does not matter."""


@dataclass
class Simulation:
    """Both queues and the raters' memories.

    Attributes:
        hands: leases that each rater believes to hold; a crash empties them.
        past: the newest leases of everybody, answered or not.
        wrong: what differed from the model, by kind.
    """

    store: Store
    rng: random.Random
    template: object
    model: PlainQueue = field(default_factory=lambda: PlainQueue(MAX_EXPIRIES, MAX_SKIPS))
    hands: dict[str, list[str]] = field(default_factory=lambda: {rater: [] for rater in RATERS})
    past: list[tuple[str, str]] = field(default_factory=list)
    wrong: Counter[str] = field(default_factory=Counter)
    done: Counter[str] = field(default_factory=Counter)
    acknowledged: dict[str, tuple[str, str]] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.queue = RedisQueue(self.store.client, "injury", max_expiries=MAX_EXPIRIES, max_skips=MAX_SKIPS)

    def run(self, operations: int) -> None:
        """As many operations."""
        kinds = {
            self.lease: 24, self.answer: 40, self.again: 6, self.renew: 4, self.release: 5, self.crash: 2,
            self.amend: 3, self.stranger: 1, self.enqueue: 24, self.rank: 5, self.order: 1, self.revive: 1,
            self.travel: 0.25,
        }  # fmt: skip
        chosen = self.rng.choices(list(kinds), list(kinds.values()), k=operations)
        for kind in chosen:
            kind()
            self.done[kind.__name__] += 1

    def both(self, kind: str, ours: object, plain: object) -> None:
        """Counts what is not the same."""
        if ours != plain:
            self.wrong[kind] += 1
            if self.wrong[kind] <= 3:
                print(f"  {kind}: {ours} instead of {plain}")

    def call(self, call):
        """A reply of the real queue in the model's words."""
        try:
            found = call()
        except QueueError as error:
            return Refused(type(error).__name__)
        if hasattr(found, "answers"):
            return Receipt(found.item_id, found.answers, found.needed, found.label)
        return found

    def lease(self) -> None:
        rater, count = self.rng.choice(RATERS), self.rng.choice((1, 1, 1, 2))
        seconds = STEP * (self.rng.randrange(8) + 0.5)
        request = f"{self.rng.getrandbits(64):x}"
        found = self.queue.lease(rater, count=count, seconds=seconds, request_id=request)
        if self.rng.random() < 0.05:  # the reply was lost, and the client asks again
            self.both("lease again", self.queue.lease(rater, count=count, seconds=seconds, request_id=request), found)
        due = self.model.due(rater, count)
        self.both("lease", [lease.item_id for lease in found], due)
        for lease in found:
            item = self.model.items[lease.item_id]
            self.wrong["double lease"] += any(self.model.leases[held].rater == rater for held in item.live)
            self.wrong["repeat to a rater"] += lease.item_id in self.model.seen.get(rater, ())
            self.wrong["over-collection"] += not item.free
            self.model.grant(lease.lease_id, lease.item_id, rater, seconds)
            self.hands[rater].append(lease.lease_id)
            self.past.append((lease.lease_id, rater))
        del self.past[:-2_000]

    def held(self) -> tuple[str, str] | None:
        """A rater who believes to hold something, and one of the leases."""
        rater = self.rng.choice(RATERS)
        return (rater, self.rng.choice(self.hands[rater])) if self.hands[rater] else None

    def answer(self) -> None:
        if (found := self.held()) is not None:
            rater, lease = found
            self.hands[rater].remove(lease)
            self.say(lease, rater)

    def again(self) -> None:
        """Submitted twice, the same or otherwise, or long after."""
        if self.past:
            self.say(*self.rng.choice(self.past))

    def say(self, lease: str, rater: str) -> None:
        value = self.rng.choice(("yes", "no", "no", "unsure"))
        ours = self.call(lambda: self.queue.answer(lease, rater, NewAnswer(answer=value)))
        self.both("answer", ours, self.model.answer(lease, rater, value))
        if isinstance(ours, Receipt):
            self.acknowledged.setdefault(lease, (ours.item, rater))

    def amend(self) -> None:
        if self.past:
            lease, rater = self.rng.choice(self.past)
            value = self.rng.choice(("yes", "no", "unsure"))
            ours = self.call(lambda: self.queue.amend(lease, rater, NewAnswer(answer=value)))
            self.both("amend", ours, self.model.amend(lease, rater, value))

    def renew(self) -> None:
        if (found := self.held()) is not None:
            rater, lease = found
            seconds = STEP * (self.rng.randrange(8) + 0.5)
            ours = self.call(lambda: self.queue.renew(lease, rater, seconds=seconds) and "held")
            self.both("renew", ours, self.model.renew(lease, rater, seconds))

    def release(self) -> None:
        if (found := self.held()) is not None:
            rater, lease = found
            self.hands[rater].remove(lease)
            skip = self.rng.random() < 0.3
            ours = self.call(lambda: self.queue.release(lease, rater, skip=skip) or "given back")
            self.both("release", ours, self.model.release(lease, rater, skip=skip))

    def crash(self) -> None:
        self.hands[self.rng.choice(RATERS)].clear()

    def stranger(self) -> None:
        """Somebody else's lease, or none at all."""
        lease = self.rng.choice(self.past)[0] if self.past and self.rng.random() < 0.5 else "0" * 32 + "-0"
        known = self.model.leases.get(lease)
        rater = self.rng.choice([name for name in RATERS if known is None or name != known.rater])
        ours = self.call(lambda: self.queue.answer(lease, rater, NewAnswer(answer="yes", note="mine")))
        self.both("stranger", ours, Refused("UnknownLeaseError" if known is None else "NotYoursError"))

    def enqueue(self) -> None:
        old = self.names and (self.rng.random() < 0.3 or self.model.looked_at > 2 * WAITING)
        name = self.rng.choice(self.names[-2 * WAITING :]) if old else f"i{len(self.names)}"
        priority, needed = round(self.rng.random(), 2), self.rng.choice((1, 1, 2, 3))
        (ours,) = self.queue.enqueue(
            [self.template.model_copy(update={"id": name, "priority": priority, "needed": needed})]
        )
        self.both("enqueue", ours, self.model.enqueue(name, priority, needed))
        if not old:
            self.names.append(name)

    def recent(self) -> str:
        return self.rng.choice(self.names[-2 * WAITING :])

    def rank(self) -> None:
        name, priority = self.recent(), round(self.rng.random(), 2)
        self.both("rank", self.queue.reprioritise(name, priority), self.model.reprioritise(name, priority))

    def order(self) -> None:
        name, needed, priority = self.recent(), self.rng.randrange(1, 5), round(self.rng.random(), 2)
        self.both("order", self.queue.order(name, needed, priority), self.model.order(name, needed, priority))

    def revive(self) -> None:
        name = self.recent()
        self.both("revive", self.queue.revive(name), self.model.revive(name))

    def travel(self) -> None:
        """Time passes: all deadlines move. What ran out is taken back at once, so that both count it alike."""
        leases = self.store.client.zrange("{hungjury:injury}:leases", 0, -1, withscores=True)
        if leases:
            moved = {lease: deadline - STEP * 1000 for lease, deadline in leases}
            self.store.client.zadd("{hungjury:injury}:leases", moved)
        self.both("expired", self.queue.sweep(100_000), self.model.travel(STEP))

    def compare(self) -> None:
        """All that both know, at the end."""
        answered = {answer.answer_id: (answer.item_id, answer.rater) for answer in self.queue.answers()}
        self.wrong["lost answers"] += len(self.acknowledged.items() - answered.items())
        self.wrong["answers from nowhere"] += len(answered.keys() - self.acknowledged.keys())
        stored = 0
        for item in self.queue.items():
            plain = self.model.items[item.new.id]
            state = "dead" if plain.dead else "done" if plain.done else "open"
            ours = (item.state, item.live, len(item.answers), item.label, item.new.needed, item.new.priority)
            told = (state, len(plain.live), len(plain.given), plain.label, plain.needed, plain.priority)
            self.both("item at the end", ours, told)
            stored += 1
        self.wrong["lost items"] += len(self.model.items) - stored


@pytest.mark.timeout(4 * 3600)
def test_a_million_operations(tmp_path):
    """Prints what was done and what differed from the model; nothing may."""
    with EmbeddedServer(tmp_path / "redis") as server, Store(server.url) as store:
        store.client.config_set("appendfsync", "everysec")  # what is kept across kills is measured elsewhere
        simulation = Simulation(store, random.Random(0), next(queue_items(0, 1)))
        for _ in range(WAITING):
            simulation.enqueue()
        began = time.monotonic()
        simulation.run(OPERATIONS)
        simulation.compare()
        counts = simulation.queue.counts()
        print(
            f"\n{OPERATIONS:,} operations of {len(RATERS)} raters in {time.monotonic() - began:.0f} s: "
            f"{dict(simulation.done)}"
        )
        print(f"  {len(simulation.names):,} items, {counts}")
    names = ("double lease", "over-collection", "repeat to a rater", "lost answers", "lost items")
    print("  " + ", ".join(f"{name}: {simulation.wrong[name]}" for name in names) + " (target 0)")
    differing = {kind: count for kind, count in simulation.wrong.items() if count}
    print(f"  replies that were not the model's: {differing or 0}")
    assert not differing
    assert counts.leases_granted == counts.answers + counts.leases_released + counts.leases_expired + counts.leased


@pytest.mark.timeout(3600)
def test_order_served(tmp_path):
    """Prints how the order in which 20 raters at once are served goes by priority; target Spearman 0.99."""
    served: list[str] = []
    with EmbeddedServer(tmp_path / "redis") as server, Store(server.url) as store:
        queue = store.queue("injury")
        made = list(queue_items(0, 5_000))
        queue.enqueue(made)

        def work(rater: str) -> None:
            with Store(server.url) as own:
                mine, number = own.queue("injury"), 0
                while leases := mine.lease(rater, request_id=f"{number}"):
                    served.append(leases[0].item_id)
                    mine.answer(leases[0].lease_id, rater, NewAnswer(answer="no"))
                    number += 1

        threads = [threading.Thread(target=work, args=(rater,)) for rater in RATERS[:20]]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    priorities = {item.id: item.priority for item in made}
    rank = spearmanr(range(len(served)), [-priorities[name] for name in served]).statistic
    print(f"\n{len(served):,} items served to 20 raters at once: Spearman {rank:.5f} (target 0.99)")
    assert len(set(served)) == len(served) == len(made)
