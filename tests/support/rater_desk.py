"""A rater's browser: Chromium, and a tab on the labeler page in which nothing suspicious may happen."""

import contextlib
import os
import re
import shutil
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import expect, sync_playwright

CHROMIUM_ARGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WAIT_MS = 30_000
"""Patience with the page and with what it shows: other tests may run beside it."""

expect.set_options(timeout=WAIT_MS)


@contextlib.contextmanager
def chromium():
    """A browser. One a module: while Playwright runs, the thread counts as inside an event loop."""
    program = shutil.which("chromium")
    if program is None:
        missing = "chromium is not installed (apt-get install chromium), so the labeler page is not tested in a browser"
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=list(CHROMIUM_ARGS))
        yield started
        started.close()


@contextlib.contextmanager
def desks(browser, live):
    """What opens tabs, each with cookies and storage of its own; afterwards nothing suspicious happened in any.

    Args:
        browser: see `chromium`.
        live: a running service with `url`, and `tokens` by role.
    """
    opened = []

    def make(**options):
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
        context.set_default_timeout(WAIT_MS)
        desk = Desk(context.new_page(), live)
        opened.append((context, desk))
        _watch(desk)
        return desk

    yield make
    for context, _ in opened:
        context.close()
    assert [alarm for _, desk in opened for alarm in desk.alarms] == []


@dataclass
class Desk:
    """A rater's browser tab, and everything suspicious that happened in it."""

    page: object
    live: object
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
        """Waits until the page is in a state, and the service has acknowledged all that was said."""
        self.page.wait_for_selector(f"main[data-state={state}][data-unsent='0']")

    def shows(self, text):
        """Waits until this text is up for judgement, and the service has acknowledged all that was said."""
        expect(self.page.locator("#text-body")).to_have_text(text, timeout=WAIT_MS)
        self.wait("asking")

    def reads(self, text):
        """Waits until this text is up for judgement, whatever is still on its way."""
        expect(self.page.locator("#text-body")).to_have_text(text, timeout=WAIT_MS)
        self.page.wait_for_selector("main[data-state=asking]")

    def says(self, part):
        """Waits until the status line holds these words."""
        expect(self.page.locator("#status")).to_contain_text(part, timeout=WAIT_MS)

    @property
    def state(self):
        """What the page waits for."""
        return self.page.get_attribute("main", "data-state")


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
