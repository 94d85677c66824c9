"""The real service over HTTP on a free port, with queue and keys in memory, and a real browser in front of it."""

import socket
import threading
import time
from dataclasses import dataclass

import attack_parts
import pytest
import uvicorn
from accessibility import axe_core
from rater_desk import chromium, desks

from ensemble.tasks.task import load_task
from ensemble.text import identity
from ensemble.verdict import MemberScore, Verdict
from miners.candidate import Provenance
from miners.queue.api_keys import KeyStore, MemoryKeyRecords
from miners.queue.memory import MemoryQueue
from miners.queue.sessions import SessionStore
from miners.queue.types import NewItem
from service.authenticator import Authenticator
from service.config import validate_config
from service.http import build_api
from service.services import Services

SECRETS = ("0.73519", "0.31415", "0.27182", "a secret reason", "spicy-member")
"""What stands in every queued item's verdict and must never reach a rater."""


class Clock:
    """The real time, plus what a test adds."""

    def __init__(self):
        self.ahead = 0.0

    def __call__(self):
        return time.time() + self.ahead


def new_item(text, *, context="", priority=0.0, needed=2):
    """An item whose verdict holds all of SECRETS."""
    name = identity(text, context)
    verdict = Verdict(
        id=name,
        probability=0.73519,
        decision="flag",
        disagreement=0.31415,
        miss_score=0.27182,
        members={"spicy-member": MemberScore(probability=0.73519, vote="yes", version="0" * 12)},
        degraded=[],
        review=True,
    )
    return NewItem(
        id=name,
        task="injury",
        text=text,
        context=context,
        priority=priority,
        needed=needed,
        selection_probability=0.5,
        deployed="spicy-member",
        deployed_passed=True,
        verdict=verdict,
        provenance=Provenance(source="corpus:test", family=name),
        why="a secret reason",
    )


@dataclass
class Live:
    """A running service."""

    url: str
    queue: MemoryQueue
    clock: Clock
    keys: KeyStore
    tokens: dict[str, str]
    sessions: SessionStore
    authenticator: Authenticator

    def end_session(self, token):
        """Ends a browser's session as its time does, and lets the seconds pass in which it would still be believed."""
        self.sessions.end(token)
        self.authenticator.forget(token)

    def add(self, *texts, **more):
        """Queues texts, the first one first."""
        priorities = range(len(texts), 0, -1)
        self.queue.enqueue([new_item(text, priority=at, **more) for text, at in zip(texts, priorities, strict=True)])

    def said(self):
        """Text -> (answer, severity) of every stored answer, in its current form."""
        texts = {item.new.id: item.new.text for item in self.queue.items()}
        return {texts[each.item_id]: (each.body.answer, each.body.severity) for each in self.queue.answers()}


@pytest.fixture(scope="module")
def ring():
    """Keys of every role, made once because hashing is slow on purpose."""
    keys = KeyStore(MemoryKeyRecords())
    return keys, {role: keys.create(role, role)[0] for role in ("score", "label", "admin")}


@pytest.fixture
def bench():
    """Makes the attack bench of the service; None: there is none, and nothing is scored."""
    return


@pytest.fixture
def live(ring, bench):
    """The service, on a free port of the loopback, with an empty queue."""
    keys, tokens = ring
    clock = Clock()
    queue = MemoryQueue("injury", clock=clock)
    services = Services(
        score=_no_score if bench is None else attack_parts.verdicts,
        queue=queue,
        ledger=queue,
        keys=keys,
        task=load_task("injury"),
        config=validate_config({}),
        groups_answered=lambda: {"words": True},
        attack=bench(load_task("injury"), queue, validate_config({})) if bench else None,
    )
    api = build_api(services)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(api, log_level="warning", ws="none"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            yield Live(url, queue, clock, keys, tokens, services.sessions, api.state.authenticator)
        finally:
            server.should_exit = True
            thread.join(timeout=20)
    assert not thread.is_alive()


async def _no_score(_texts, _ids):
    raise AssertionError("the labeler page asked for a score")


@pytest.fixture(scope="module")
def browser():
    """Chromium, see `chromium`."""
    with chromium() as started:
        yield started


@pytest.fixture
def make_desk(browser, live):
    """Opens tabs, see `desks`."""
    with desks(browser, live) as make:
        yield make


@pytest.fixture
def desk(make_desk):
    """One tab."""
    return make_desk()


@pytest.fixture
def secrets():
    """What must never reach a rater, see SECRETS."""
    return SECRETS


@pytest.fixture(scope="module")
def axe():
    """The script of axe-core."""
    return axe_core()
