"""Worlds in which a queue is tested: in memory, on a real server, and on a real server that runs each script twice."""

import json
import re
import time
from collections import Counter
from dataclasses import dataclass, field

import pytest

from ensemble.verdict import Verdict
from miners.candidate import Provenance
from miners.queue.connect import connect
from miners.queue.embedded import EmbeddedServer
from miners.queue.memory import MemoryQueue
from miners.queue.redis_queue import RedisQueue
from miners.queue.scripts import Scripts
from miners.queue.types import NewItem

TASK = "injury"
VERDICT = Verdict(
    id="v", probability=0.4, decision="pass", disagreement=0.3, miss_score=0.4, members={}, degraded=[], review=True
)
KNOWN_KEYS = re.compile(
    r"\{hungjury:[\w.-]+\}:(i:.+|ids|ready|leases|l:[0-9a-f]{32}-\d+|q:[0-9a-f]{32}|seen:.+|a:.+|log|labelled|plants|gold"
    r"|tags|skills|family:.+|marks|skipped|dead|by:.+|indexed|found:(FN|FP|all)|changes|hook:[0-9a-f]{16}|raters|stats|seq"
    r"|deep|cursor|behind:.+)"
    r"|\{hungjury:[\w.-]+\}:traffic:(salt|windows|cleared|[ktns]:\d+)"
    r"|\{hungjury\}:(keys:(ids|k:[0-9a-f]{12})|campaigns:(names|c:.+|b:\d+:.+))"
    r"|\{hungjury\}:(sessions:(s:[0-9a-f]{64}|k:[\w-]+)|audit:(log|t:[0-9a-f]{32}))"
)


def new_item(item_id, priority=0.5, **changes):
    """A valid item; its id stands in its text."""
    fields = {
        "id": item_id,
        "task": TASK,
        "text": f"text of {item_id}",
        "priority": priority,
        "selection_probability": 0.25,
        "deployed": "encoder",
        "deployed_passed": True,
        "verdict": VERDICT,
        "provenance": Provenance(source="corpus:tests", family=item_id),
    }
    return NewItem(**(fields | changes))


class TwiceScripts(Scripts):
    """Runs each script twice and returns the second reply, as redis-py does when the first reply is lost."""

    def call(self, verb, *args):
        if verb != "sweep":  # its reply counts what it did, which is nothing the second time
            super().call(verb, *args)
        return super().call(verb, *args)


@dataclass
class World:
    """One kind of queue and its clock."""

    kind: str
    client: object = None
    now: float = field(default_factory=time.time)

    def queue(self, task=TASK, **options):
        if self.kind == "memory":
            return MemoryQueue(task, clock=lambda: self.now, **options)
        queue = RedisQueue(self.client, task, **options)
        if self.kind == "redis-twice":
            queue._scripts.__class__ = TwiceScripts
        return queue

    def travel(self, seconds):
        """Lets time pass: on a server, by moving every deadline back, for no clock but its own counts there."""
        self.now += seconds
        if self.client is not None:
            for key in self.client.keys("*:leases"):
                for lease, deadline in self.client.zrange(key, 0, -1, withscores=True):
                    self.client.zadd(key, {lease: deadline - round(seconds * 1000)})


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    with EmbeddedServer(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture
def client(server):
    """A client on an empty server. Afterwards every key must be a known one and the records must agree."""
    with connect(server.url) as connected:
        connected.flushall()
        yield connected
        check_keys(connected)
        check_records(connected, f"{{hungjury:{TASK}}}:")


@pytest.fixture(params=["memory", "redis", "redis-twice"])
def world(request):
    kind = request.param
    return World(kind, None if kind == "memory" else request.getfixturevalue("client"))


@pytest.fixture
def queue(world):
    return world.queue()


@pytest.fixture(name="new_item", scope="session")
def new_item_factory():
    return new_item


@pytest.fixture(name="check_records", scope="session")
def check_records_function():
    return check_records


def check_keys(client):
    """No key but the known ones; what is only kept for a while has an end."""
    for key in client.keys("*"):
        assert KNOWN_KEYS.fullmatch(key), f"unknown key {key}"
        given_back = ":l:" in key and client.hget(key, "state") != "live"
        if ":q:" in key or given_back or re.search(":traffic:[ktns]:|:sessions:|:audit:t:", key):
            assert client.pttl(key) > 0, f"{key} never goes away"
        else:
            assert client.pttl(key) == -1, f"{key} goes away"


def check_records(client, prefix):
    """What is written down more than once says the same everywhere."""
    ready = dict(client.zrange(prefix + "ready", 0, -1, withscores=True))
    leases = client.zrange(prefix + "leases", 0, -1)
    live = live_leases(client, prefix, leases)
    states, answers, waiting = Counter(), [], 0
    labelled = client.lrange(prefix + "labelled", 0, -1)
    plants = client.lrange(prefix + "plants", 0, -1)
    for item_id in client.lrange(prefix + "ids", 0, -1):
        item = client.hgetall(f"{prefix}i:{item_id}")
        given = item["ans"].split()
        answers += given
        stored = [client.hgetall(f"{prefix}a:{answer}") for answer in given]
        need, act, done = int(item["need"]), int(item["act"]), int(item["done"])
        assert act == live[item_id]
        assert done == len(given)
        assert len({answer["rater"] for answer in stored}) == done, "a rater answered twice"
        gold = item["passed"] == "p" and "truth" in item
        assert gold or act + done <= need, "more than the wanted answers live or given"
        for value in ("yes", "no", "unsure"):
            assert int(item[value]) == sum(answer["value"] == value for answer in stored)
        severities = [int(answer["severity"]) for answer in stored if answer["severity"]]
        assert (int(item["sev_sum"]), int(item["sev_n"])) == (sum(severities), len(severities))
        for answer in stored:
            json.loads(answer["body"])
            assert client.sismember(f"{prefix}seen:{answer['rater']}", item_id)
        assert gold or (item["state"] == "done") == (done == need)
        assert (item["state"] == "gold") == gold
        assert (item_id in client.lrange(prefix + "gold", 0, -1)) == (gold and "retired" not in item)
        check_family(client, prefix, item_id, json.loads(item["new"])["provenance"])
        planted = item["passed"] == "p"
        assert (item_id in plants) == planted
        assert (item_id in labelled) == ("label" in item and not planted)
        due = item["state"] == "open" and act + done < need
        assert (item["slot"] in ready) == due
        waiting += due
        if due:
            assert ready[item["slot"]] == -float(item["prio"])
        indexed = {kind: client.zscore(prefix + kind, item_id) is not None for kind in ("found:FN", "found:FP", "dead")}
        finding = item.get("finding")
        assert indexed == {"found:FN": finding == "FN", "found:FP": finding == "FP", "dead": item["state"] == "dead"}
        states[item["state"]] += 1
    assert waiting == len(ready)
    assert sorted(answers) == sorted(client.lrange(prefix + "log", 0, -1))
    stats = Counter({name: int(value) for name, value in client.hgetall(prefix + "stats").items()})
    assert stats["done"] == states["done"]
    assert client.zcard(prefix + "dead") == states["dead"]
    assert stats["granted"] == len(answers) - stats["recorded"] + stats["released"] + stats["expired"] + len(leases)
    check_orders(client, prefix)


def live_leases(client, prefix, leases):
    """How many there are of each item, all of different raters."""
    live = Counter()
    for lease in leases:
        held = client.hgetall(f"{prefix}l:{lease}")
        assert held["state"] == "live"
        assert client.sismember(f"{prefix}seen:{held['rater']}", held["item"])
        live[held["item"]] += 1
        assert live[held["item"], held["rater"]] == 0, "two live leases of one rater on one item"
        live[held["item"], held["rater"]] += 1
    return live


def check_family(client, prefix, item_id, origin):
    """What was made from another text stands once in its family's list, and nothing else does."""
    relatives = client.lrange(f"{prefix}family:{origin['family']}", 0, -1)
    assert relatives.count(item_id) == bool(origin["parent"])


def check_changes(client, prefix):
    """Each change of a finding begins where the one before ended, and they come to what the items say."""
    findings = {}
    for text in client.lrange(prefix + "changes", 0, -1):
        item_id, before, after, _ = json.loads(text)
        assert before == findings.get(item_id, "") != after
        findings[item_id] = after
    for item_id in client.lrange(prefix + "ids", 0, -1):
        assert findings.get(item_id, "") == (client.hget(f"{prefix}i:{item_id}", "finding") or "")


def check_orders(client, prefix):
    """What is kept beside the items: how raters look through the ranking, and what became of findings."""
    check_changes(client, prefix)
    check_cursors(client, prefix)


def check_cursors(client, prefix):
    """Whatever waits at or before a rater's cursor was seen by that rater or is noted as being behind it."""
    order = client.zrange(prefix + "ready", 0, -1, withscores=True)
    wanted = {item: set(tags.split()) for item, tags in client.hgetall(prefix + "tags").items()}
    for rater, score in client.zrange(prefix + "deep", 0, -1, withscores=True):
        tags = set((client.hget(prefix + "skills", rater) or "").split())
        cursor = (score, client.hget(prefix + "cursor", rater))
        behind = client.zrange(f"{prefix}behind:{rater}", 0, -1)
        for slot, at in order:
            if (at, slot) <= cursor and slot not in behind and wanted.get(slot[17:], set()) <= tags:
                assert client.sismember(f"{prefix}seen:{rater}", slot[17:])
