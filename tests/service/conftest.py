"""The HTTP application in this process: queue and keys in memory, scores from a small rule."""

import math
from dataclasses import dataclass

import pytest
from starlette.testclient import TestClient

from ensemble.errors import MemberUnavailableError
from ensemble.tasks.task import load_task
from ensemble.text import identity
from ensemble.verdict import MemberScore, Verdict
from miners.candidate import Provenance
from miners.queue.api_keys import KeyStore, MemoryKeyRecords
from miners.queue.memory import MemoryQueue
from miners.queue.types import NewItem
from service.config import validate_config
from service.http import build_api
from service.services import Services


def verdict_of(text, name):
    """The more often a text says "hurt", the surer the one member is; "spared" leaves the judge out by choice."""
    spared = "spared" in text
    probability = 1 / (1 + math.exp(2 - 4 * text.count("hurt")))
    vote = "yes" if probability >= 0.5 else "no"
    return Verdict(
        id=name,
        probability=probability,
        decision="flag" if vote == "yes" else "pass",
        disagreement=0.0,
        miss_score=probability if vote == "no" else 0.0,
        members={"words": MemberScore(probability=probability, vote=vote, version="0" * 12)},
        degraded=[],
        review=False,
        skipped=["judge"] if spared else [],
        asked_probability=0.02 if spared else 1.0,
    )


class Rule:
    """Scores by counting a word; can be told to be down."""

    def __init__(self):
        self.down = False
        self.broken = False

    async def __call__(self, texts, ids):
        if self.down:
            raise MemberUnavailableError("no member answered; try again")
        if self.broken:
            raise RuntimeError("a secret detail of the inside")
        return [
            verdict_of(text, name or identity(text, context)) for (text, context), name in zip(texts, ids, strict=True)
        ]


class Clock:
    """Seconds that pass when told to."""

    def __init__(self):
        self.now = 1_800_000_000.0

    def __call__(self):
        return self.now


def new_item(number, *, priority=0.0, needed=2, text=None):
    """An item for the queue."""
    text = text or f"text number {number}"
    return NewItem(
        id=identity(text),
        task="injury",
        text=text,
        priority=priority,
        needed=needed,
        selection_probability=0.5,
        deployed="words",
        deployed_passed=True,
        verdict=verdict_of(text, identity(text)),
        provenance=Provenance(source="corpus:test", family=f"family {number}"),
        why="a secret reason",
    )


@pytest.fixture(name="new_item")
def new_item_function():
    """Makes items for the queue."""
    return new_item


@dataclass
class World:
    """The application, a client of it, and what stands behind it."""

    services: Services
    client: TestClient
    rule: Rule
    queue: MemoryQueue
    clock: Clock
    keys: KeyStore
    tokens: dict

    def call(self, role, method, path, **more):
        """A request with a role's key."""
        headers = {"Authorization": f"Bearer {self.tokens[role]}", **more.pop("headers", {})}
        return self.client.request(method, path, headers=headers, **more)

    def post(self, role, path, body=None, **more):
        """A POST of JSON."""
        return self.call(role, "POST", path, **({"json": body} if body is not None else {}), **more)


@pytest.fixture(scope="session")
def keyring():
    """Keys of every role, made once because hashing is slow on purpose."""
    keys = KeyStore(MemoryKeyRecords())
    roles = {"score": "score", "label": "label", "second": "label", "admin": "admin"}
    return keys, {name: keys.create(role, name)[0] for name, role in roles.items()}


@pytest.fixture
def make_world(keyring):
    """Builds a world with settings of the test's choice."""
    clients = []

    def make(*, traffic=None, keys=None, bench=None, score=None, **settings):
        ring, tokens = keyring
        keys = keys or ring
        rule, clock = Rule(), Clock()
        queue = MemoryQueue("injury", clock=clock)
        task, config = load_task("injury"), validate_config(settings)
        services = Services(
            score=score or rule,
            queue=queue,
            ledger=queue,
            keys=keys,
            task=task,
            config=config,
            groups_answered=lambda: {"words": not rule.down},
            traffic=traffic,
            attack=bench(task, queue, config) if bench else None,
        )
        client = TestClient(build_api(services), raise_server_exceptions=False)
        clients.append(client)
        client.__enter__()
        return World(services, client, rule, queue, clock, keys, dict(tokens))

    yield make
    for client in clients:
        client.__exit__(None, None, None)


@pytest.fixture
def world(make_world):
    """The application with default settings."""
    return make_world()
