"""Any sequence of calls has the same outcome on Redis and in memory."""

import time
from collections import Counter

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ensemble.errors import InputError
from miners.candidate import Provenance
from miners.errors import MinerError
from miners.queue.connect import connect
from miners.queue.memory import MemoryQueue
from miners.queue.redis_queue import RedisQueue
from miners.queue.scripts import source
from miners.queue.types import MARKS, Judgement, NewAnswer, Span

RATERS = st.sampled_from(["ann", "bob", "cid"])
BODIES = st.builds(
    NewAnswer,
    answer=st.sampled_from(["yes", "no", "unsure"]),
    severity=st.none() | st.integers(0, 4),
    note=st.none() | st.just("note"),
    spans=st.sampled_from([(), (), (Span(start=0, end=4),), (Span(start=2, end=10),), (Span(start=8, end=11),)]),
)
PRIORITIES = st.sampled_from([-1.0, 0.0, 0.5, 0.5 + 2**-53, 1e300])
REACHED: Counter[str] = Counter()
IDS = [f"i{number}" for number in range(8)]
GOLD = ["g1", "g2"]
FAMILIES = ["even", "odd"]


def origin(item_id):
    """Every second text was made from another one of its family."""
    number = int(item_id[1:])
    return Provenance(source="tests", family=FAMILIES[number % 2], parent="i0" if number % 4 > 1 else None)


class Twins(RuleBasedStateMachine):
    """Does everything to both queues and compares all that can be seen of them."""

    server = new_item = check_records = None
    eager_cursors = False

    @initialize(needed=st.lists(st.integers(1, 3), min_size=4, max_size=4), passed=st.booleans())
    def begin(self, needed, passed):
        self.client = connect(self.server.url)
        self.client.flushall()
        self.now = time.time()
        limits = {"max_expiries": 2, "max_skips": 2, "waiting_limit": 12, "gold_share": 0.4}
        self.redis = RedisQueue(self.client, "injury", **limits)
        if self.eager_cursors:
            self.use_cursors_at_once()
        self.memory = MemoryQueue("injury", clock=lambda: self.now, **limits)
        self.leases, self.requests = ["ghost"], 0
        start = [
            self.new_item(item_id, needed=need, deployed_passed=passed, provenance=origin(item_id))
            for item_id, need in zip(IDS, needed, strict=False)
        ]
        self.both(lambda queue: queue.enqueue(start))

    def use_cursors_at_once(self):
        """Small queues then run through what else only long ones do."""
        text = source("claim").replace("CURSOR_AFTER = 32", "CURSOR_AFTER = 0")
        text = text.replace("BEHIND_LIMIT = 1000", "BEHIND_LIMIT = 2").replace("want + 8", "1").replace("= 256", "= 2")
        self.redis._scripts._scripts["claim"] = self.client.register_script(text)

    def teardown(self):
        if hasattr(self, "client"):
            self.same_everything()
            REACHED.update({name: value > 0 for name, value in self.memory.counts().model_dump().items()})
            REACHED["tie"] += any(
                sorted(a.body.answer for a in item.answers) == ["no", "yes"] for item in self.memory.items()
            )
            REACHED["marked"] += any(item.mark for item in self.memory.items())
            REACHED["spans"] += any(answer.body.spans for answer in self.memory.answers())
            REACHED["skipped to death"] += any(
                item.state == "dead" and len(item.skips) > 1 for item in self.memory.skipped()
            )
            self.check_records(self.client, "{hungjury:injury}:")
            self.client.close()

    def both(self, call):
        outcomes = [self.outcome(call, queue) for queue in (self.redis, self.memory)]
        assert outcomes[0] == outcomes[1]
        return outcomes[0]

    @staticmethod
    def outcome(call, queue):
        try:
            return call(queue)
        except (MinerError, InputError) as error:
            return type(error), str(error)

    @rule(
        ids=st.sets(st.sampled_from(IDS), min_size=1),
        priority=PRIORITIES,
        needed=st.integers(1, 3),
        passed=st.booleans(),
        looked=st.none() | st.integers(0, len(IDS)),
        author=st.just("") | RATERS,
        tags=st.sampled_from([(), (), ("de",), ("de", "law")]),
    )
    def enqueue(self, ids, priority, needed, passed, looked, author, tags):
        items = [
            self.new_item(
                item_id,
                priority,
                needed=needed,
                deployed_passed=passed,
                why=f"why {priority}",
                author=author,
                tags=tags,
                provenance=origin(item_id),
            )
            for item_id in sorted(ids)
        ]
        self.both(lambda queue: queue.enqueue(items, looked=looked))

    @rule(item_id=st.sampled_from(GOLD), truth=st.integers(0, 1), needed=st.integers(1, 3))
    def enqueue_gold(self, item_id, truth, needed):
        provenance = Provenance(source="gold", family=item_id, expected_label=truth)
        item = self.new_item(item_id, needed=needed, plant="gold", gold=True, provenance=provenance)
        self.both(lambda queue: queue.enqueue([item]))

    @rule(item_id=st.sampled_from([*GOLD, IDS[0]]))
    def retire(self, item_id):
        self.both(lambda queue: queue.retire(item_id))

    @rule(
        rater=RATERS,
        count=st.integers(1, 4),
        again=st.sampled_from([False, False, False, True]),
        tags=st.sampled_from([(), ("law",), ("law", "de"), ("de",)]),
    )
    def lease(self, rater, count, again, tags=("de", "law")):
        self.requests += not again
        request = f"r{self.requests}"
        found = self.both(
            lambda queue: [
                (lease.lease_id, lease.item_id)
                for lease in queue.lease(rater, count=count, seconds=100, request_id=request, tags=tags)
            ]
        )
        REACHED["gold"] += any(name in GOLD for _, name in found)
        self.leases += [lease_id for lease_id, _ in found if lease_id not in self.leases]

    @rule(data=st.data(), rater=RATERS, body=BODIES)
    def answer(self, data, rater, body):
        lease = self.any_lease(data)
        self.both(lambda queue: queue.answer(lease, rater, body))

    @precondition(lambda self: len(self.leases) > 1)
    @rule(data=st.data(), body=BODIES)
    def answer_own(self, data, body):
        lease, owner = self.owned_lease(data)
        self.both(lambda queue: queue.answer(lease, owner, body))

    @rule(rater=RATERS, bodies=st.lists(BODIES, min_size=1, max_size=4))
    def work(self, rater, bodies):
        """A rater takes the best items and answers them, as nearly always."""
        before = len(self.leases)
        self.lease(rater, len(bodies), again=False)
        for lease, body in zip(self.leases[before:], bodies, strict=False):
            self.both(lambda queue, lease=lease, body=body: queue.answer(lease, rater, body))

    @precondition(lambda self: len(self.leases) > 1)
    @rule(data=st.data(), body=BODIES)
    def amend_own(self, data, body):
        lease, owner = self.owned_lease(data)
        self.both(lambda queue: queue.amend(lease, owner, body))

    @precondition(lambda self: len(self.leases) > 1)
    @rule(
        data=st.data(), skip=st.booleans(), reason=st.sampled_from(["", 'not "English" \\ \U0001f600', "distressing"])
    )
    def release_own(self, data, skip, reason):
        lease, owner = self.owned_lease(data)
        self.both(lambda queue: queue.release(lease, owner, skip=skip, reason=reason))

    @rule(really=st.sampled_from([True] + [False] * 2), reason=st.sampled_from(["", "in French"]))
    def nobody_can(self, really, reason):
        """One rater after another skips the best item, now and then."""
        for rater in ("ann", "bob") if really else ():
            before = len(self.leases)
            self.lease(rater, 1, again=False)
            for lease in self.leases[before:]:
                self.both(lambda queue, lease=lease, who=rater: queue.release(lease, who, skip=True, reason=reason))

    @rule(data=st.data(), rater=RATERS, verb=st.sampled_from(["renew", "release"]))
    def touch(self, data, rater, verb):
        lease = self.any_lease(data)
        if verb == "release":
            self.both(lambda queue: queue.release(lease, rater))
        else:
            self.both(lambda queue: queue.renew(lease, rater, seconds=100).item_id)

    @rule(item_id=st.sampled_from(IDS + GOLD), priority=PRIORITIES)
    def reprioritise(self, item_id, priority):
        self.both(lambda queue: queue.reprioritise(item_id, priority, why="anew", parts={"p": priority}))

    @rule(item_id=st.sampled_from(IDS + GOLD), needed=st.integers(1, 4), priority=PRIORITIES)
    def order(self, item_id, needed, priority):
        self.both(lambda queue: queue.order(item_id, needed, priority, why="once more", parts={"p": priority}))

    @rule(
        item_id=st.sampled_from(IDS + GOLD), rater=RATERS, body=BODIES, answer=st.sampled_from(["x1", "x2", "x3", "x4"])
    )
    def record(self, item_id, rater, body, answer):
        self.both(lambda queue: queue.record(item_id, rater, body, answer_id=answer))

    @rule(data=st.data(), label=st.sampled_from(["yes", "no", "unsure"]), off=st.sampled_from([0, 0, 1]))
    def relabel(self, data, label, off):
        """What a model makes of the answers, now and then of answers that are not those of the item."""
        known = {item.new.id: item for item in self.memory.items()}
        labelled = [name for name, item in known.items() if item.label]
        item_id = data.draw(st.sampled_from(labelled or IDS))
        said = Counter(answer.body.answer for answer in known[item_id].answers) if item_id in known else Counter()
        counts = {"yes": said["yes"] + off, "no": said["no"], "unsure": said["unsure"]}
        judgement = Judgement(label=label, confidence=0.9 + 2**-53, ambiguity=1e-7, **counts)
        REACHED["relabelled"] += self.both(lambda queue: queue.relabel(item_id, judgement)) is True

    @rule(
        family=st.sampled_from([*FAMILIES, "", "fam ily/\n\U0001f600"]), mark=st.none() | st.sampled_from([*MARKS, "?"])
    )
    def mark(self, family, mark):
        self.both(lambda queue: queue.mark(family, mark))

    @rule(item_id=st.sampled_from(IDS))
    def revive(self, item_id):
        self.both(lambda queue: queue.revive(item_id))

    @rule(seconds=st.sampled_from([60, 101]))
    def time_passes(self, seconds):
        self.now += seconds
        for lease, deadline in self.client.zrange("{hungjury:injury}:leases", 0, -1, withscores=True):
            self.client.zadd("{hungjury:injury}:leases", {lease: deadline - seconds * 1000})

    @rule(limit=st.integers(1, 5))
    def sweep(self, limit):
        self.both(lambda queue: queue.sweep(limit))

    @invariant()
    def same_counts(self):
        if hasattr(self, "client"):
            self.both(lambda queue: queue.counts())

    @rule()
    def same_everything(self):
        self.both(lambda queue: [item.new.id for item in queue.top(100)])
        self.both(lambda queue: [timeless(item.model_dump()) for item in queue.items()])
        self.both(lambda queue: [timeless(answer.model_dump()) for answer in queue.answers()])
        self.both(lambda queue: [timeless(finding.model_dump()) for finding in queue.findings()])
        self.both(lambda queue: [timeless(change.model_dump()) for change in queue.finding_changes(offset=1)])
        self.both(lambda queue: [item.new.id for item in queue.labelled(offset=1)])
        self.both(lambda queue: queue.marks())
        self.both(lambda queue: [item.new.id for item in queue.look_up(["i3", "nobody", "i2"])])
        for family in FAMILIES:
            self.both(lambda queue, family=family: [item.new.id for item in queue.family(family, offset=1, count=2)])
        self.both(lambda queue: [item.new.id for item in queue.skipped(offset=1)])
        self.both(lambda queue: {item.new.id for item in queue.dead()})  # leases that end together on one clock only
        for rater in ("ann", "bob"):
            self.both(lambda queue, rater=rater: timeless(queue.judged(rater, offset=1, count=3).model_dump()))

    def any_lease(self, data):
        return data.draw(st.sampled_from(self.leases))

    def owned_lease(self, data):
        lease = data.draw(st.sampled_from(self.leases[1:]))
        return lease, self.memory._leases[lease].rater


def timeless(value):
    """Without times, which differ between the two clocks."""
    if isinstance(value, dict):
        return {key: timeless(part) for key, part in value.items() if key not in ("at", "enqueued_at", "found_at")}
    return [timeless(part) for part in value] if isinstance(value, list | tuple) else value


@pytest.mark.parametrize("eager", [False, True])
def test_same_as_twin(server, new_item, check_records, eager):
    """Redis and memory agree after any calls, with cursors as shipped and with cursors from the first seen item on."""

    class Machine(Twins):
        eager_cursors = eager

    Machine.server, Machine.new_item = server, staticmethod(new_item)
    Machine.check_records = staticmethod(check_records)
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=120,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
            database=None,
            phases=[Phase.generate],  # shrinking on a real server takes minutes; forty steps can be read
        ),
    )
    print(f"runs that ended with each: {dict(REACHED)}")
    wanted = (
        "done",
        "dead",
        "findings_fn",
        "findings_fp",
        "leases_expired",
        "tie",
        "spans",
        "skipped to death",
        "relabelled",
        "gold",
        "marked",
    )
    assert min(REACHED[name] for name in wanted) > 0
