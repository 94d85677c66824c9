"""What makes the work bearable: covered texts, breaks, colours and letters, reasons for a skip, long contexts."""

import json

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

FALL, RAGE = "She fell off the roof.", "Her rage burned."


def choose(desk, **values):
    """Changes settings by their dialog."""
    desk.press(",")
    for name, value in values.items():
        if value is True:
            desk.page.check(f"[name={name}]")
        else:
            desk.page.select_option(f"[name={name}]", value)
    desk.page.keyboard.press("Escape")
    expect(desk.page.locator("#settings")).to_be_hidden()


def background(desk):
    """Colour of the page."""
    return desk.page.evaluate("getComputedStyle(document.documentElement).backgroundColor")


def test_colours_follow_the_system_until_chosen(make_desk, live):
    """Dark where the system is dark; a choice goes before it and is there again after a reload."""
    live.add(FALL)
    desk = make_desk(color_scheme="dark").open()
    dark = background(desk)
    choose(desk, theme="light")
    light = background(desk)
    assert light != dark
    desk.page.reload()
    desk.shows(FALL)
    assert background(desk) == light
    choose(desk, theme="dark")
    assert background(desk) == dark


def test_letters_can_be_larger(desk, live):
    """The chosen size holds for the text and all around it."""
    live.add(FALL)
    desk.open().shows(FALL)
    size = "parseFloat(getComputedStyle(document.getElementById('text-body')).fontSize)"
    before = desk.page.evaluate(size)
    choose(desk, size="160")
    assert desk.page.evaluate(size) == pytest.approx(1.6 * before)
    assert desk.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_settings_stay_in_the_browser(desk, live):
    """They are all that the browser keeps beyond the tab, and no request tells of them."""
    live.add(FALL)
    desk.open().shows(FALL)
    assert desk.page.evaluate("localStorage.length") == 0
    asked = len(desk.requests)
    choose(desk, theme="dark", breaks="0", cover=True)
    assert json.loads(desk.page.evaluate("localStorage.getItem('hungjury.settings')")) == {
        "theme": "dark", "size": "100", "cover": True, "breaks": "0",
    }  # fmt: skip
    assert len(desk.requests) == asked


def test_a_covered_text_waits_for_its_reader(desk, live):
    """Covered, it can be neither read nor heard nor answered; a key shows it, and its time counts from then on."""
    live.add("Nothing.", FALL, RAGE, context="It had rained.")
    desk.open().shows("Nothing.")
    choose(desk, cover=True)
    desk.press("n")
    desk.shows(FALL)
    expect(desk.page.get_by_role("article")).not_to_contain_text("nobody")
    assert FALL not in desk.page.get_by_role("main").aria_snapshot()
    assert "blur" in desk.page.evaluate("getComputedStyle(document.getElementById('text-body')).filter")
    assert "blur" in desk.page.evaluate("getComputedStyle(document.getElementById('context-text')).filter")
    desk.press("y", "n", "w")
    desk.says("covered")
    assert set(live.said()) == {"Nothing."}
    desk.page.wait_for_timeout(1_500)
    desk.press("Space")
    assert FALL in desk.page.get_by_role("main").aria_snapshot()
    desk.press("n")
    desk.shows(RAGE)
    assert live.said()[FALL] == ("no", None)
    assert list(live.queue.answers())[-1].body.seconds < 1.5
    desk.page.click("#cover")
    expect(desk.page.locator("#cover")).to_be_hidden()


def test_a_covered_text_can_be_skipped_unseen(desk, live):
    """Nobody has to look at what they do not want to see."""
    live.add("Nothing.", FALL)
    desk.open().shows("Nothing.")
    choose(desk, cover=True)
    desk.press("n")
    desk.shows(FALL)
    desk.press("s", "4")
    desk.wait("empty")
    (item,) = live.queue.skipped()
    assert [skip.reason for skip in item.skips] == ["too distressing"]


@pytest.mark.parametrize(
    ("keys", "note", "reason"),
    [
        (["s", "Enter"], "", ""),
        (["s", "s"], "", ""),
        (["s", "1"], "", "cannot be read"),
        (["s", "3"], "not kept", "context missing"),
        (["s", "5"], "a <b>recipe</b>", "other: a <b>recipe</b>"),
    ],
)
def test_a_skip_says_why(desk, live, keys, note, reason):
    """One key more gives the reason, or none; with "other" the note goes with it."""
    live.add(FALL)
    desk.open().shows(FALL)
    desk.page.fill("#note", note)
    desk.page.press("#note", "Enter")
    desk.press(*keys)
    desk.wait("empty")
    (item,) = live.queue.skipped()
    assert [skip.reason for skip in item.skips] == [reason]


def test_a_skip_can_be_thought_over(desk, live):
    """Escape goes back to the text; a number that stands for no reason does nothing."""
    live.add(FALL)
    desk.open().press("s", "0")
    desk.wait("reason")
    desk.press("Escape")
    desk.shows(FALL)
    assert live.queue.skipped() == []


def test_a_break_is_proposed_and_taken(desk, live, wait_until):
    """After 50 minutes of work the page proposes a break once; taken, all texts go back until the rater does."""
    desk.page.clock.install()
    live.add(FALL)  # none to lease ahead: a jump of the clock would cut that request off
    desk.open()
    expect(desk.page.locator("#text-body")).to_have_text(FALL)
    banner = desk.page.locator("#break")
    for _ in range(13):
        expect(banner).to_be_hidden()
        desk.page.clock.fast_forward("04:00")
        desk.page.keyboard.press("x")
    expect(banner).to_contain_text("52 minutes")
    desk.page.click("text=Later")
    expect(banner).to_be_hidden()
    for _ in range(3):
        desk.page.clock.fast_forward("04:00")
        desk.page.keyboard.press("x")
    expect(banner).to_be_visible()
    desk.page.click("text=Take a break")
    desk.page.wait_for_selector("main[data-state=paused]")
    expect(desk.page.locator("#notice")).to_contain_text("good break")
    wait_until(lambda: live.queue.counts().leased == 0)
    desk.page.keyboard.press("Enter")
    expect(desk.page.locator("#text-body")).to_have_text(FALL)
    expect(banner).to_be_hidden()


def test_a_rest_is_a_break(desk, live):
    """Who has not touched the page for five minutes has had one already, and is not reminded."""
    desk.page.clock.install()
    live.add(FALL)
    desk.open()
    expect(desk.page.locator("#text-body")).to_have_text(FALL)
    for _ in range(10):
        desk.page.clock.fast_forward("06:00")
        desk.page.keyboard.press("x")
    expect(desk.page.locator("#break")).to_be_hidden()


def test_a_long_context_is_folded_until_wanted(desk, live):
    """Short ones stand open; a long one says how long it is, and who unfolds one finds the next one unfolded."""
    long = "It had rained all week. " * 50
    live.add(FALL, RAGE, context=long)
    live.add("Once more.", context="Short.")
    desk.open().shows(FALL)
    context = desk.page.locator("#context-text")
    expect(context).to_be_hidden()
    expect(desk.page.locator("#context summary")).to_contain_text("1,200 characters")
    desk.press("x")
    expect(context).to_be_visible()
    desk.press("n")
    desk.shows(RAGE)
    expect(context).to_be_visible()
    desk.press("n")
    desk.shows("Once more.")
    expect(context).to_be_visible()
    assert "characters" not in desk.page.inner_text("#context summary")
