"""The rater's own work on the page: the last ten to undo, all answers to look at and correct, own numbers."""

import pytest
from playwright.sync_api import expect

from miners.queue.types import NewAnswer

pytestmark = pytest.mark.browser

TEXTS = [f"Text number {number}." for number in range(12)]


def test_the_last_ten_answers_can_be_undone(desk, live):
    """Undo goes back ten answers one by one and says when there is no earlier one."""
    live.add(*TEXTS, needed=1)
    desk.open().wait("asking")
    for text in TEXTS:
        desk.shows(text)
        desk.press("n")
    desk.wait("empty")
    for text in TEXTS[:1:-1]:
        desk.press("z")
        desk.shows(text)
    desk.press("z")
    desk.says("no earlier answer")
    desk.press("y", "1")
    desk.wait("empty")
    assert [text for text, said in live.said().items() if said == ("yes", 1)] == [TEXTS[2]]


def test_own_answers_are_listed_and_corrected(desk, live):
    """Newest first with note, time and what was said before; a correction from the list replaces the answer."""
    live.add("<b>First</b>.", "Second.", "Third.")
    desk.open().shows("<b>First</b>.")
    desk.page.fill("#note", "a note")
    desk.press("Enter", "n")
    desk.shows("Second.")
    desk.press("u")
    desk.shows("Third.")
    desk.press("m")
    entries = desk.page.locator("#mine-list li")
    expect(entries).to_have_count(2)
    expect(entries.nth(0)).to_contain_text("unsure")
    expect(entries.nth(1)).to_contain_text("<b>First</b>.")
    expect(entries.nth(1)).to_contain_text("Note: a note")
    expect(desk.page.locator("#mine-numbers")).to_contain_text("Answers2")
    entries.nth(1).get_by_role("button").click()
    desk.shows("<b>First</b>.")
    expect(desk.page.locator("#correcting")).to_contain_text("You answered “no”")
    assert desk.page.input_value("#note") == "a note"
    desk.press("y", "2")
    desk.shows("Third.")
    desk.says("Corrected to “yes, severity 2”")
    assert live.said()["<b>First</b>."] == ("yes", 2)
    desk.press("m")
    expect(desk.page.locator("#mine-list li").nth(1)).to_contain_text("Before: no")
    desk.press("m")
    expect(desk.page.locator("#mine")).to_be_hidden()
    desk.shows("Third.")


def test_a_long_history_comes_in_pages(desk, live):
    """Twenty at a time, until all are there; also after the page was loaded anew."""
    texts = [f"Text {number}." for number in range(25)]
    live.add(*texts)
    desk.open().wait("asking")
    for text in texts:
        desk.shows(text)
        desk.press("n")
    desk.wait("empty")
    desk.page.reload()
    desk.wait("empty")
    desk.press("m")
    expect(desk.page.locator("#mine-list li")).to_have_count(20)
    expect(desk.page.locator("#mine-status")).to_have_text("20 of 25 answers")
    desk.page.click("#mine-more")
    expect(desk.page.locator("#mine-list li")).to_have_count(25)
    expect(desk.page.locator("#mine-more")).to_be_hidden()


def test_the_history_shows_nobody_elses_work(desk, live, secrets):
    """Others' answers, notes, labels and all that the members said stay away, on the page and in its replies."""
    live.add("Decided.", needed=2)
    lease = live.queue.lease("another", request_id="r")[0]
    live.queue.answer(lease.lease_id, "another", NewAnswer(answer="yes", severity=4, note="gravest-note"))
    desk.open().press("n")
    desk.wait("empty")
    with desk.page.expect_response("**/v1/me/answers*") as reply:
        desk.press("m")
    expect(desk.page.locator("#mine-list li")).to_have_count(1)
    for secret in (*secrets, "gravest-note", "another", "yes"):
        assert secret not in reply.value.text()
        assert secret not in desk.page.inner_text("#mine")


def test_covered_texts_stay_covered_in_the_history(desk, live):
    """Who covers texts does not meet them in the list either."""
    live.add("Horrible.", "Other.")
    desk.open().shows("Horrible.")
    desk.press("n")
    desk.shows("Other.")
    desk.press(",")
    desk.page.check("[name=cover]")
    desk.page.keyboard.press("Escape")
    desk.press("m")
    expect(desk.page.locator("#mine-list li")).to_contain_text("(covered)")
    expect(desk.page.locator("#mine-list")).not_to_contain_text("Horrible")


def test_trouble_in_loading_is_told(desk, live):
    """Where the numbers or the list cannot be had the dialog says so, and work goes on."""
    live.add("One.", "Two.")
    desk.open().shows("One.")
    busy = '{"error": {"code": "overloaded", "message": "too much at once"}}'
    desk.page.route("**/v1/me/*", lambda route: route.fulfill(status=503, body=busy))
    desk.press("m")
    expect(desk.page.locator("#mine-status")).to_contain_text("too much at once")
    desk.press("m", "n")
    desk.shows("Two.")
