"""A rater at the labeler page of the real service, by keyboard alone, in a real browser."""

from types import SimpleNamespace

import pytest
from live_service import one_a_family
from playwright.sync_api import expect
from rater_desk import WAIT_MS, chromium, desks

pytestmark = [pytest.mark.service, pytest.mark.browser]

ANSWERS = [(("y", "3"), ("yes", 3)), (("n",), ("no", None)), (("u",), ("unsure", None))]
"""Keys pressed, and what they say."""


@pytest.fixture(scope="module")
def browser():
    """Chromium."""
    with chromium() as started:
        yield started


def test_three_items_are_answered_by_keyboard(live, browser, tmp_path):
    """Signing in and answering three mined texts takes no mouse, shows no score, and the answers are kept."""
    live.mine("page", "--budget", 64, "--queue", 6, rows=one_a_family("calibration")[10:18])
    key = live.json("key", "create", "--role", "label", "--name", "reader")
    said = {}
    with desks(browser, SimpleNamespace(url=live.url, tokens={"label": key["key"]})) as make:
        desk = make()
        desk.open()
        for number, (keys, answer) in enumerate(ANSWERS):
            desk.wait("asking")
            text = desk.page.text_content("#text-body")
            assert text not in said
            said[text] = answer
            desk.page.screenshot(path=tmp_path / f"item-{number}.png")
            desk.press(*keys)
            expect(desk.page.locator("#counts")).to_have_text(f"{number + 1} answered", timeout=WAIT_MS)
        desk.settled()
        shown = desk.page.content()
        desk.page.screenshot(path=tmp_path / "after.png")
    stored = {
        item["new"]["text"]: (answer["body"]["answer"], answer["body"]["severity"])
        for item in live.items()
        for answer in item["answers"]
        if answer["rater"] == key["id"]
    }
    assert stored == said
    assert [item["new"]["why"] for item in live.items() if item["new"]["why"] and item["new"]["why"] in shown] == []
    print(f"screenshots in {tmp_path}")
