"""A rater's work on the labeler page, by keyboard alone."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

FALL, RAGE, BLUR = "She fell off the roof.", "Her rage burned.", "Something happened."


def test_three_texts_are_answered_by_keyboard_alone(desk, live):
    """Signing in and answering yes with a severity, no and unsure takes no mouse, and the queue holds the answers."""
    live.add(FALL, RAGE, BLUR)
    desk.open()
    desk.shows(FALL)
    desk.press("y", "3")
    desk.shows(RAGE)
    desk.press("n")
    desk.shows(BLUR)
    desk.press("u")
    desk.wait("empty")
    assert live.said() == {FALL: ("yes", 3), RAGE: ("no", None), BLUR: ("unsure", None)}
    assert desk.page.inner_text("#progress") == "3 answered this session"


def test_enter_after_yes_leaves_the_severity_open(desk, live):
    """Yes is sent without a severity when the rater presses Enter instead of a digit."""
    live.add(FALL)
    desk.open().press("y", "Enter")
    desk.wait("empty")
    assert live.said() == {FALL: ("yes", None)}


def test_escape_takes_a_yes_back_before_it_is_sent(desk, live):
    """Until a digit or Enter, yes can be taken back; nothing has been sent."""
    live.add(FALL)
    desk.open().press("y", "Escape")
    desk.shows(FALL)
    assert live.said() == {}
    desk.press("n")
    desk.wait("empty")
    assert live.said() == {FALL: ("no", None)}


def test_a_digit_alone_answers_nothing(desk, live):
    """A severity means nothing before yes."""
    live.add(FALL)
    desk.open().press("3", "4")
    desk.shows(FALL)
    assert live.said() == {}


def test_a_skipped_text_goes_back_without_an_answer(desk, live, make_desk):
    """After skip this rater sees the next text and never that one again; another rater is offered it."""
    live.add(FALL, RAGE)
    desk.open().press("s", "Enter")
    desk.shows(RAGE)
    desk.press("n")
    desk.wait("empty")
    assert live.said() == {RAGE: ("no", None)}
    assert desk.page.inner_text("#progress").startswith("1 answered · 1 skipped")
    make_desk().open("admin").shows(FALL)


def test_undo_reopens_the_last_answer_and_corrects_it(desk, live):
    """Undo shows the last text with its answer; the new answer replaces it with its history, and work goes on."""
    live.add(FALL, RAGE)
    desk.open().press("n")
    desk.shows(RAGE)
    desk.press("z")
    desk.shows(FALL)
    expect(desk.page.locator("#correcting")).to_contain_text("You answered “no”")
    desk.press("y", "4")
    desk.shows(RAGE)
    desk.says("Corrected to “yes, severity 4”")
    assert live.said() == {FALL: ("yes", 4)}
    (answer,) = live.queue.answers()
    assert [old["answer"] for old in answer.history] == ["no"]
    assert desk.page.inner_text("#counts") == "1 answered"


def test_undo_again_reaches_the_answer_before(desk, live):
    """A second undo goes one answer further back, and Escape leaves everything as it was."""
    live.add(FALL, RAGE, BLUR)
    desk.open().press("n", "n")
    desk.shows(BLUR)
    desk.press("z")
    desk.shows(RAGE)
    desk.press("z")
    desk.shows(FALL)
    desk.press("z")
    desk.says("no earlier answer")
    desk.press("Escape")
    desk.shows(BLUR)
    assert live.said() == {FALL: ("no", None), RAGE: ("no", None)}


def test_undo_works_when_nothing_is_left(desk, live):
    """The last answer of all can be corrected from the empty page."""
    live.add(FALL)
    desk.open().press("n")
    desk.wait("empty")
    desk.press("z")
    desk.shows(FALL)
    desk.press("u")
    desk.wait("empty")
    assert live.said() == {FALL: ("unsure", None)}


def test_a_note_goes_with_the_answer(desk, live):
    """A note is written without leaving the keyboard, its letters answer nothing, and it is sent with the answer."""
    live.add(FALL, RAGE)
    desk.open().press("c")
    desk.page.keyboard.type("yes or no? unsure")
    desk.press("Enter", "u")
    desk.shows(RAGE)
    assert [each.body.note for each in live.queue.answers()] == ["yes or no? unsure"]
    assert desk.page.input_value("#note") == ""


def test_the_time_spent_is_recorded(desk, live):
    """An answer carries the seconds between text and answer as the page measured them."""
    live.add(FALL)
    desk.open().press("n")
    desk.wait("empty")
    (answer,) = live.queue.answers()
    assert 0 < answer.body.seconds < 60


def test_a_key_held_down_answers_one_text_only(desk, live):
    """Key repetition does not answer a row of texts that nobody has read."""
    live.add(FALL, RAGE)
    desk.open().shows(FALL)
    for _ in range(5):
        desk.page.keyboard.down("n")  # from the second time on, as a repetition
    desk.shows(RAGE)
    desk.page.keyboard.down("n")
    desk.page.wait_for_timeout(400)
    assert live.said() == {FALL: ("no", None)}


HASTY = """() => new MutationObserver(() => setTimeout(() =>
  document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "n", bubbles: true })), 60)
).observe(document.getElementById("text-body"), { childList: true })"""
"""Presses n 60 ms after a new text has come up."""


def test_a_key_pressed_in_the_same_moment_does_not_answer_the_next_text(desk, live):
    """The second half of a double tap is ignored; the next text has to have been on the screen first."""
    live.add(FALL, RAGE)
    desk.open().shows(FALL)
    desk.page.evaluate(HASTY)
    desk.press("n")
    desk.shows(RAGE)
    desk.page.wait_for_timeout(200)
    assert live.said() == {FALL: ("no", None)}


def test_browser_shortcuts_are_left_alone(desk, live):
    """A letter together with Control, Alt or Meta is no answer."""
    live.add(FALL)
    desk.open().press("Control+y", "Alt+n", "Meta+u")
    desk.shows(FALL)
    assert live.said() == {}


def test_single_keys_can_be_turned_off(desk, live):
    """Whoever dictates or presses keys by accident can turn single keys off; buttons still work."""
    live.add(FALL)
    desk.open().press("?")
    desk.page.uncheck("#shortcuts")
    desk.press("Escape", "n")
    desk.shows(FALL)
    desk.page.click("text=Unsure")
    desk.wait("empty")
    assert live.said() == {FALL: ("unsure", None)}


def test_the_question_mark_shows_the_keys(desk, live):
    """The list of keys opens and closes by ?, and while it is open no key answers."""
    live.add(FALL)
    desk.open().press("?")
    expect(desk.page.locator("#help")).to_be_visible()
    desk.press("n", "?")
    expect(desk.page.locator("#help")).to_be_hidden()
    assert live.said() == {}


def test_the_context_is_apart_and_folds(desk, live):
    """Context is shown beside the text, not in it, and x folds it; a text without one has no empty box."""
    live.add(FALL, context="It had rained all week.")
    live.queue.enqueue([])
    desk.open().shows(FALL)
    context = desk.page.locator("#context-text")
    expect(context).to_have_text("It had rained all week.")
    desk.press("x")
    expect(context).to_be_hidden()
    desk.press("x")
    expect(context).to_be_visible()
    live.add(RAGE)
    desk.press("n")
    desk.shows(RAGE)
    expect(desk.page.locator("#context")).to_be_hidden()


def test_question_and_guideline_stand_beside_the_text(desk, live):
    """The task's question is the heading, its guideline is rendered, and g goes there and closes it."""
    live.add(FALL)
    desk.open().shows(FALL)
    expect(desk.page.locator("h1:visible")).to_have_text("Is someone physically injured in the completion?")
    guideline = desk.page.locator("#guideline")
    expect(guideline.locator("h4").first).to_have_text("Implied")
    desk.press("g")
    expect(guideline).to_be_focused()
    desk.press("g")
    expect(guideline).to_be_hidden()
    expect(desk.page.locator("#text")).to_be_focused()
    desk.press("g")
    expect(guideline).to_be_focused()


def test_the_guideline_can_be_searched(desk, live):
    """A slash searches the guideline, Enter goes on to the next place, and what is typed answers nothing."""
    live.add(FALL)
    desk.open().press("/")
    desk.page.keyboard.type("paper cut")
    expect(desk.page.locator("#found")).to_have_text("1 of 1")
    expect(desk.page.get_by_text("A paper cut, a slap")).to_be_in_viewport()
    desk.page.fill("#search", "unsure")
    expect(desk.page.locator("#found")).to_contain_text("1 of ")
    desk.press("Enter")
    expect(desk.page.locator("#found")).to_contain_text("2 of ")
    desk.page.fill("#search", "zeppelin")
    expect(desk.page.locator("#found")).to_have_text("not found")
    desk.press("Escape")
    desk.shows(FALL)
    assert live.said() == {}


def test_the_empty_page_finds_new_texts_by_itself(desk, live):
    """When nothing is due the page says so kindly and looks again until something is."""
    desk.page.clock.install()
    desk.open().wait("empty")
    expect(desk.page.locator("#notice")).to_contain_text("Nothing is waiting for you")
    live.add(FALL)
    desk.page.clock.fast_forward(11_000)
    expect(desk.page.locator("#text-body")).to_have_text(FALL)


@pytest.mark.parametrize("width", [320, 768, 1920])
def test_the_page_fits_every_screen(make_desk, live, width):
    """From a small phone to a wide screen nothing is cut off and the answers are in reach."""
    live.add("A long road. " * 400, context="Once upon a time. " * 200)
    desk = make_desk(viewport={"width": width, "height": 640}).open()
    desk.wait("asking")
    for state in ("asking", "severity"):
        desk.wait(state)
        assert desk.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        for button in desk.page.locator("#answers button:visible").all():
            expect(button).to_be_in_viewport(ratio=1)
        desk.press("y")


def test_what_changes_is_announced(desk, live):
    """Screen readers are told: the status is live, the text has the focus, every field and group has a name."""
    live.add(FALL, RAGE)
    desk.open().press("n")
    desk.shows(RAGE)
    expect(desk.page.get_by_role("status")).to_have_text("Answered “no”.")
    expect(desk.page.locator("#text")).to_be_focused()
    expect(desk.page.get_by_role("article", name="Text to judge")).to_be_visible()
    expect(desk.page.get_by_role("complementary", name="Guideline")).to_be_visible()
    expect(desk.page.get_by_role("group", name="Your answer")).to_be_visible()
    expect(desk.page.get_by_role("textbox", name="Note")).to_be_visible()
    expect(desk.page.get_by_role("searchbox", name="Search the guideline")).to_be_visible()
