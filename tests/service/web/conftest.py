"""The real service over HTTP on a free port, with queue and keys in memory, and a real browser in front of it."""

import os
import re
import shutil
import socket
import threading
import time
from dataclasses import dataclass, field

import pytest
import uvicorn
from playwright.sync_api import expect, sync_playwright

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

CHROMIUM_ARGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WAIT_MS = 15_000

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
def live(ring):
    """The service, on a free port of the loopback, with an empty queue."""
    keys, tokens = ring
    clock = Clock()
    queue = MemoryQueue("injury", clock=clock)
    services = Services(
        score=_no_score,
        queue=queue,
        ledger=queue,
        keys=keys,
        task=load_task("injury"),
        config=validate_config({}),
        groups_answered=lambda: {"words": True},
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(build_api(services), log_level="warning", ws="none"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield Live(f"http://127.0.0.1:{listener.getsockname()[1]}", queue, clock, keys, tokens)
        finally:
            server.should_exit = True
            thread.join(timeout=20)
    assert not thread.is_alive()


async def _no_score(_texts, _ids):
    raise AssertionError("the labeler page asked for a score")


@pytest.fixture(scope="module")
def browser():
    """Chromium. One a module: while Playwright runs, the thread counts as inside an event loop."""
    program = shutil.which("chromium")
    if program is None:
        missing = "chromium is not installed (apt-get install chromium), so the labeler page is not tested in a browser"
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=list(CHROMIUM_ARGS))
        yield chromium
        chromium.close()


@dataclass
class Desk:
    """A rater's browser tab, and everything suspicious that happened in it."""

    page: object
    live: Live
    alarms: list[str] = field(default_factory=list)
    requests: list = field(default_factory=list)

    def open(self, role="label"):
        """Opens the page and signs in by keyboard."""
        self.page.goto(f"{self.live.url}/label")
        self.page.wait_for_selector("main[data-state=signin]")
        self.sign_in(self.live.tokens[role])
        self.page.wait_for_selector("main:not([data-state=signin])")
        return self

    def sign_in(self, key):
        """Types a key into the field that has the focus."""
        self.page.keyboard.insert_text(key)
        self.page.keyboard.press("Enter")

    def press(self, *keys):
        """Presses keys one after the other, each when the page has settled."""
        for key in keys:
            self.settled()
            self.page.keyboard.press(key)

    def settled(self):
        """Waits until the page waits for the rater."""
        self.page.wait_for_selector("main:not([data-state=loading], [data-state=settling], [data-state=sending])")

    def wait(self, state):
        """Waits until the page is in a state."""
        self.page.wait_for_selector(f"main[data-state={state}]")

    def shows(self, text):
        """Waits until this text is up for judgement."""
        expect(self.page.locator("#text-body")).to_have_text(text, timeout=WAIT_MS)
        self.wait("asking")

    def says(self, part):
        """Waits until the status line holds these words."""
        expect(self.page.locator("#status")).to_contain_text(part, timeout=WAIT_MS)

    @property
    def state(self):
        """What the page waits for."""
        return self.page.get_attribute("main", "data-state")


@pytest.fixture
def make_desk(browser, live):
    """Opens tabs, each with cookies and storage of its own; afterwards nothing suspicious may have happened in any."""
    desks = []

    def make(**options):
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
        context.set_default_timeout(WAIT_MS)
        desk = Desk(context.new_page(), live)
        desks.append((context, desk))
        _watch(desk)
        return desk

    yield make
    for context, _ in desks:
        context.close()
    assert [alarm for _, desk in desks for alarm in desk.alarms] == []


@pytest.fixture
def desk(make_desk):
    """One tab."""
    return make_desk()


def _watch(desk):
    """Records what the tab asks for, and as alarms: script errors, dialogs, breaches of the policy, foreign hosts."""
    page, alarms = desk.page, desk.alarms

    def request(each):
        desk.requests.append(each)
        if not each.url.startswith((desk.live.url, "data:", "about:")):
            alarms.append(f"request: {each.url}")

    def dialog(each):
        alarms.append(f"dialog: {each.message}")
        each.dismiss()

    page.on("pageerror", lambda error: alarms.append(f"error: {error}"))
    page.on("console", lambda line: alarms.append(f"console: {line.text}") if _bad(line.text) else None)
    page.on("request", request)
    page.on("dialog", dialog)


def _bad(line):
    return re.search("content security policy|refused to|violat", line, re.IGNORECASE) is not None


@pytest.fixture
def secrets():
    """What must never reach a rater, see SECRETS."""
    return SECRETS
