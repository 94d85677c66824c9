"""Marking which words show it: by mouse, by keyboard, by touch; kept in code points, whatever the text is made of."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

FALL = "She fell off the roof, and broke her arm."
EMOJI = "\U0001f469\u200d\U0001f52c fell \U0001f622 off\r\nthe \u202eroof\u202c of e\u0301t\u00e9."

PLACE = """([words, last]) => {
  const walker = document.createTreeWalker(document.getElementById("text-body"), NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const at = node.data.indexOf(words);
    if (at < 0) continue;
    const range = new Range();
    range.setStart(node, at);
    range.setEnd(node, at + words.length);
    const { left, right, top, bottom } = range.getBoundingClientRect();
    return { x: last ? right : left, y: (top + bottom) / 2, middle: (left + right) / 2 };
  }
}"""


def place(desk, words, last=False):
    """Where words begin or end on the screen."""
    return desk.page.evaluate(PLACE, [words, last])


def drag(desk, first, last):
    """Selects by mouse from the beginning of some words to the end of others."""
    begin, end = place(desk, first), place(desk, last, last=True)
    desk.page.mouse.move(begin["x"] + 1, begin["y"])
    desk.page.mouse.down()
    desk.page.mouse.move(end["x"], end["y"], steps=5)
    desk.page.mouse.up()


def marked(live):
    """The marked words of the one answer, cut out of its text."""
    (answer,) = live.queue.answers()
    text = live.queue.item(answer.item_id).new.text
    return [text[span.start : span.end] for span in answer.body.spans]


def test_selected_words_are_marked(desk, live):
    """What the mouse selects is marked by a key or the button, without the space around it, and is sent."""
    live.add(FALL)
    desk.open().shows(FALL)
    drag(desk, "fell", "off ")
    desk.press("w")
    drag(desk, "broke", "arm")
    desk.page.click("#mark")
    expect(desk.page.locator("#marks li")).to_have_count(2)
    desk.press("y", "Enter")
    desk.wait("empty")
    assert marked(live) == ["fell off", "broke her arm"]


def test_words_are_marked_by_keyboard_alone(desk, live):
    """Arrows walk from word to word, Shift takes in more, Enter marks, Backspace unmarks; letters still answer."""
    live.add(FALL)
    desk.open().press("w")
    marker = desk.page.locator("#marker")
    expect(marker).to_be_focused()
    desk.press("ArrowRight", "Shift+ArrowRight", "Enter")
    expect(desk.page.locator("#marker-words")).to_have_text("fell off")
    desk.press("ArrowRight", "Enter", "ArrowDown", "Enter")
    assert desk.page.locator("#marks q").all_text_contents() == ["fell off the", "arm"]
    desk.press("Backspace")
    assert desk.page.locator("#marks q").all_text_contents() == ["fell off the"]
    desk.press("n")
    desk.wait("empty")
    assert marked(live) == ["fell off the"]


def test_words_are_marked_by_touch(make_desk, live):
    """On a touch screen a tap marks a word, taps on neighbours make one mark, and a tap on a mark removes it."""
    live.add(FALL)
    desk = make_desk(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    desk.open().shows(FALL)
    desk.page.tap("#mark")
    for word in ("fell", "off", "arm", "roof", "arm"):
        at = place(desk, word)
        desk.page.touchscreen.tap(at["middle"], at["y"])
    assert desk.page.locator("#marks q").all_text_contents() == ["fell off", "roof"]
    desk.page.locator("#marks button").nth(1).tap()
    desk.page.tap("#mark")
    expect(desk.page.locator("#marker")).to_be_hidden()
    desk.page.tap("text=Unsure")
    desk.wait("empty")
    assert marked(live) == ["fell off"]


@pytest.mark.parametrize("word", ["fell", "\U0001f622", "off", "roof", "of", "e\u0301t\u00e9"])
def test_places_count_code_points(desk, live, word):
    """Behind emoji, joined signs, line ends and characters shown by their number a mark is where its words are."""
    live.add(EMOJI)
    desk.open().wait("asking")
    desk.press("w")
    for _ in range(20):
        if desk.page.inner_text("#marker-words") == word:
            break
        desk.press("ArrowRight")
    desk.press("Enter", "u")
    desk.wait("empty")
    assert marked(live) == [word]


def test_undo_shows_the_marks_again(desk, live):
    """A correction begins with what was marked; a mark that is taken away is gone, and the history keeps it."""
    live.add(FALL)
    desk.open().press("w", "Enter", "ArrowRight", "ArrowRight", "ArrowRight", "Enter", "n")
    desk.wait("empty")
    assert marked(live) == ["She", "the"]
    desk.press("z")
    desk.shows(FALL)
    assert desk.page.locator("#marks q").all_text_contents() == ["She", "the"]
    assert desk.page.evaluate("[...CSS.highlights.get('marked')].map(String)") == ["She", "the"]
    desk.page.locator("#marks button").first.click()
    desk.press("n")
    desk.wait("empty")
    assert marked(live) == ["the"]
    (answer,) = live.queue.answers()
    assert len(answer.history[0]["spans"]) == 2


def test_marks_do_not_go_on_to_the_next_text(desk, live):
    """The next text begins without marks."""
    live.add(FALL, "Her rage burned.")
    desk.open().press("w", "Enter", "n")
    desk.shows("Her rage burned.")
    expect(desk.page.locator("#marks")).to_be_hidden()
    desk.press("n")
    desk.wait("empty")
    assert sorted(len(each.body.spans) for each in live.queue.answers()) == [0, 1]


def test_a_selection_elsewhere_marks_nothing(desk, live):
    """What is selected in the guideline is no part of the text; the key then begins marking by words."""
    live.add(FALL)
    desk.open().shows(FALL)
    desk.page.evaluate("getSelection().selectAllChildren(document.getElementById('guideline-text'))")
    desk.press("w")
    expect(desk.page.locator("#marks")).to_be_hidden()
    expect(desk.page.locator("#marker")).to_be_visible()
