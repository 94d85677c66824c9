"""An attacker's work on the bench, by keyboard alone, and what hostile texts do to it."""

import re

import attack_parts
import pytest
from accessibility import KINDS, RUN
from playwright.sync_api import expect

from ensemble.errors import MemberUnavailableError
from ensemble.text import identity
from miners.queue.types import NewAnswer

pytestmark = pytest.mark.browser

HURT = "He was badly hurt."


@pytest.fixture
def writer():
    """What suggests words."""
    return attack_parts.Writer()


@pytest.fixture
def bench(writer):
    """A bench over small parts."""
    return lambda task, queue, config: attack_parts.desk(task, queue, config, writer=writer)


class Bench:
    """A tab on the bench."""

    def __init__(self, desk):
        self.desk, self.page, self.live = desk, desk.page, desk.live

    def open(self, role="admin"):
        """Opens the page and signs in by keyboard."""
        self.page.goto(f"{self.live.url}/attack")
        self.page.wait_for_selector("main[data-state=signin]")
        self.desk.sign_in(self.live.tokens[role])
        return self

    def working(self):
        """Waits until the text that it began with is scored."""
        self.page.wait_for_selector("main[data-state=working][data-scored]")
        return self

    def tab_to(self, selector):
        """Goes there by the Tab key alone."""
        for _ in range(40):
            if self.page.evaluate("s => document.activeElement.matches(s)", selector):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"{selector} cannot be reached by Tab")

    def blank(self, text):
        """A blank page with a text typed onto it."""
        self.page.click("#from-blank")
        expect(self.page.locator("#origin")).to_have_text("A blank page.")
        self.page.focus("#text")
        self.page.keyboard.insert_text(text)
        self.scored(text)
        return self

    def scored(self, text):
        """Waits until the scores on the screen are of a text."""
        expect(self.page.locator("main")).to_have_attribute("data-scored", text)

    @property
    def focused(self):
        """What the focused element says."""
        return self.page.evaluate("document.activeElement.textContent")


@pytest.fixture
def tab(make_desk):
    return Bench(make_desk())


def test_an_attack_is_made_by_keyboard_alone(tab, live, make_desk):
    """From a seed by typing and by a suggestion to the queue, where it waits for others with every step."""
    tab.open().working()
    page = tab.page
    seed = page.input_value("#text")
    assert page.evaluate("document.activeElement.id") == "text"
    page.keyboard.press("Control+End")
    page.keyboard.insert_text(" He was hurt.")
    tab.scored(f"{seed} He was hurt.")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#suggestions button").first).to_be_focused()
    assert tab.focused.startswith("teainstead")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    attacked = f"{seed} He was tea."
    tab.scored(attacked)
    expect(page.locator("#goal-why")).to_contain_text("passed with")
    tab.tab_to("#severity")
    page.keyboard.press("3")
    tab.tab_to("#note")
    page.keyboard.insert_text("tea hides it")
    page.keyboard.press("Enter")
    expect(page.locator("#submitted")).to_contain_text("others will judge it")
    (item,) = live.queue.items()
    meta = item.new.provenance.meta
    assert (item.new.text, item.new.provenance.source) == (attacked, "attack")
    assert [(edit["inserted"], edit.get("by")) for edit in meta["edits"]] == [
        (" He was hurt.", None),
        ("tea", "suggestion"),
    ]
    assert (meta["note"], meta["severity_guess"], meta["start"]["kind"]) == ("tea hides it", 3, "seed")
    author = make_desk().open("admin")
    author.wait("empty")
    rater = make_desk().open("label")
    rater.shows(attacked)


def test_words_are_told_apart_by_more_than_colour(tab):
    """The word that holds most has the thickest line and says so to a screen reader; one against yes is dotted."""
    tab.open().working().blank("He was badly hurt over tea.")
    hurt, tea, was = (tab.page.locator(f".word:text-is('{word}')") for word in ("hurt", "tea", "was"))
    expect(hurt).to_have_attribute("data-level", "4")
    expect(hurt).to_have_attribute("aria-label", "hurt, holds yes up most")
    expect(tea).to_have_attribute("aria-label", "tea, speaks against yes")
    assert hurt.evaluate("e => getComputedStyle(e).borderBottomWidth") == "6px"
    assert tea.evaluate("e => getComputedStyle(e).borderBottomStyle") == "dotted"
    assert was.evaluate("e => getComputedStyle(e).borderBottomWidth") == "0px"


def test_arrow_keys_walk_the_words_and_escape_comes_back(tab):
    """One stop by Tab, then arrows; suggestions open with Enter and give the focus back."""
    tab.open().working().blank(HURT)
    page = tab.page
    tab.tab_to(".word")
    page.keyboard.press("End")
    assert tab.focused == "hurt"
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    expect(page.locator("#suggestions button").first).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#suggesting")).to_be_hidden()
    assert tab.focused == "badly"
    page.keyboard.press("Home")
    assert tab.focused == "He"


def test_undo_and_redo_go_through_typing_and_suggestions(tab):
    """Each step back and forth is scored as it stands."""
    tab.open().working().blank(HURT)
    page = tab.page
    page.click(".word:text-is('hurt')")
    expect(page.locator("#suggestions button").first).to_be_focused()
    page.keyboard.press("Enter")
    tab.scored("He was badly tea.")
    page.focus("#text")
    page.keyboard.press("Control+z")
    tab.scored(HURT)
    page.keyboard.press("Control+z")
    expect(page.locator("#text")).to_have_value("")
    expect(page.locator("#undo")).to_be_disabled()
    expect(page.locator("#goal")).to_have_text("\u2013")
    page.keyboard.press("Control+y")
    page.keyboard.press("Control+Shift+z")
    tab.scored("He was badly tea.")
    expect(page.locator("#redo")).to_be_disabled()


def test_a_request_that_was_given_up_and_arrives_late_takes_no_place(tab):
    """Where the service took an older request for the newest, the page asks again, and what was asked is answered."""
    tab.open().working()
    refusals = []

    def refuse(route):
        if refusals:
            route.continue_()
            return
        refusals.append(route.request.post_data_json["text"])
        told = {"error": {"code": "overtaken", "message": "a newer request took the place of this one"}}
        route.fulfill(status=409, json=told)

    for path in ("score", "suggest"):
        refusals.clear()
        tab.page.route(f"**/v1/attack/{path}", refuse)
        if path == "score":
            tab.blank(HURT)
        else:
            tab.page.click(".word:text-is('hurt')")
            expect(tab.page.locator("#suggestions button").first).to_be_focused()
        assert refusals == [HURT]
        tab.page.unroute(f"**/v1/attack/{path}")


def test_places_are_counted_in_characters(tab):
    """A picture before the word is one character to the service and two to the browser."""
    tab.open().working().blank("😀🩸 He was hurt.")
    tab.page.click(".word:text-is('hurt')")
    tab.page.locator("#suggestions button").first.click()
    tab.scored("😀🩸 He was tea.")


def test_more_suggestions_can_be_asked_for(tab):
    """The longer list takes the place of the short one, and the focus stays in it."""
    tab.open().working().blank(HURT)
    tab.page.click(".word:text-is('hurt')")
    expect(tab.page.locator("#suggestions button")).to_have_count(5)
    tab.tab_to("#more")
    tab.page.keyboard.press("Enter")
    expect(tab.page.locator("#suggestions button").first).to_be_focused()
    assert tab.page.locator("#suggestions button").count() > 5
    expect(tab.page.locator("#more")).to_be_hidden()


def test_the_whole_text_is_attacked_by_keyboard_alone(tab):
    """From wherever one is; each suggestion says what it takes the place of, and the next is a key away."""
    tab.open().working().blank("She spoke badly. He was hurt.")
    page = tab.page
    page.keyboard.press("Control+Shift+Enter")
    expect(page.locator("#suggest-title")).to_have_text("Anywhere in the text")
    expect(page.locator("#suggestions button").first).to_be_focused()
    assert tab.focused.startswith("teainstead of “badly”")
    page.keyboard.press("Enter")
    tab.scored("She spoke tea. He was hurt.")
    assert tab.focused == "tea"
    page.keyboard.press("Control+Shift+Enter")
    expect(page.locator("#suggestions button").first).to_be_focused()
    assert "instead of “She”" in tab.focused
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.id") == "text"
    tab.tab_to("#anywhere")
    page.keyboard.press("Enter")
    expect(page.locator("#suggestions button").first).to_be_focused()
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.id") == "anywhere"


def test_where_nothing_promises_anything_it_is_said(tab):
    """With what to do instead, and a longer list to ask for."""
    tab.open().working().blank("Hurt, bled.")
    tab.page.click("#anywhere")
    expect(tab.page.locator("#suggest-note")).to_contain_text("Choose a word")
    expect(tab.page.locator("#more")).to_be_visible()


def test_an_earlier_attack_is_pointed_out(tab):
    """Before it is handed in a second time."""
    text = "The old ferry went over at noon and the rope took two of his fingers with it."
    tab.open().working().blank(text)
    tab.page.click("#submit")
    expect(tab.page.locator("#submitted")).to_contain_text("others will judge it")
    tab.blank(text.replace("noon", "dusk"))
    expect(tab.page.locator("#nearest")).to_contain_text("an earlier attack")
    expect(tab.page.locator("#nearest")).to_contain_text(text)


def test_a_finding_can_be_begun_with(tab, live):
    """It is shown with what people said, and its text is the parent."""
    live.add("A text that was passed.", needed=1)
    (lease,) = live.queue.lease("ann", request_id="take")
    live.queue.answer(lease.lease_id, "ann", NewAnswer(answer="yes", severity=2))
    tab.open().working()
    tab.page.click("#from-finding")
    expect(tab.page.locator("#text")).to_have_value("A text that was passed.")
    expect(tab.page.locator("#origin")).to_contain_text("people say yes, severity 2")
    tab.page.focus("#text")
    tab.page.keyboard.press("Control+End")
    tab.page.keyboard.insert_text(" Twice.")
    tab.scored("A text that was passed. Twice.")
    tab.page.click("#submit")
    expect(tab.page.locator("#submitted")).to_contain_text("Item")
    item = live.queue.item(identity("A text that was passed. Twice.")).new
    assert item.provenance.parent == identity("A text that was passed.")


@pytest.mark.parametrize("role", ["label", "score"])
def test_raters_are_not_let_in(tab, role):
    """Neither by signing in here nor with a session that they have; nothing of the bench is shown."""
    tab.open(role)
    expect(tab.page.locator("#signin-error")).to_contain_text("may not attack")
    expect(tab.page.locator("#bench")).to_be_hidden()


def test_a_part_that_is_away_is_said_in_words(tab, writer):
    """And the text stays as it is."""
    writer.error = MemberUnavailableError("the language model does not answer")
    tab.open().working().blank(HURT)
    tab.page.click(".word:text-is('hurt')")
    expect(tab.page.locator("#status")).to_contain_text("the language model does not answer")
    expect(tab.page.locator("#text")).to_have_value(HURT)


@pytest.mark.parametrize(
    "text",
    [
        "<img src=x onerror=alert(1)> He was hurt.",
        "<script>alert(1)</script><style>*{display:none}</style> hurt",
        "\u202egnp.exe hurt \u200b\u2066",
        "hurt " * 900,
        "{{constructor.constructor('alert(1)')()}} hurt",
    ],
)
def test_hostile_texts_are_shown_as_text(tab, live, text):
    """Nothing runs, hidden characters are made visible, and the text arrives in the queue as it was."""
    text = text.strip()
    tab.open().working().blank(text)
    tab.page.locator(".word").first.click()
    expect(tab.page.locator("#suggestions button").first).to_be_visible()
    assert tab.page.locator("#words script, #words img, #words style, #suggestions img").count() == 0
    if "\u202e" in text:
        expect(tab.page.locator("#words .hidden-character").first).to_have_text("U+202E")
    tab.page.click("#submit")
    expect(tab.page.locator("#submitted")).to_contain_text("Item")
    assert [item.new.text for item in live.queue.items()] == [text]


def test_the_note_of_an_attack_reaches_no_rater(tab, make_desk):
    """Raters see text and context alone."""
    tab.open().working().blank(HURT)
    tab.page.fill("#note", "look at the verb")
    tab.page.click("#submit")
    expect(tab.page.locator("#submitted")).to_contain_text("Item")
    rater = make_desk().open("label")
    rater.shows(HURT)
    assert "look at the verb" not in rater.page.content()


@pytest.mark.parametrize("options", [{}, {"color_scheme": "dark"}, {"viewport": {"width": 390, "height": 844}}])
def test_nothing_sticks_out_of_the_screen(make_desk, options):
    """In light and dark, and on a phone."""
    tab = Bench(make_desk(**options))
    tab.open().working().blank("Unbreakable" * 20 + " hurt")
    tab.page.locator(".word").last.click()
    expect(tab.page.locator("#suggestions button").first).to_be_visible()
    assert tab.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_every_control_has_a_name(tab):
    """What a screen reader says of it is not empty."""
    tab.open().working().blank(HURT)
    tree = tab.page.locator("body").aria_snapshot()
    assert not re.search(r"- (button|textbox|combobox|meter)(:|$)", tree, re.MULTILINE)


def states(tab, live):
    """Brings the bench into each of its states, one after the other, and names it."""
    page = tab.page
    page.goto(f"{live.url}/attack")
    page.wait_for_selector("main[data-state=signin]")
    yield "sign in"
    tab.open("label")
    expect(page.get_by_role("alert")).not_to_be_empty()
    yield "refused"
    tab.open().working()
    yield "a seed"
    tab.blank(HURT)
    yield "a blank page"
    page.locator("#words button").last.click()
    expect(page.locator("#suggestions button").first).to_be_visible()
    yield "suggestions"
    page.click("#anywhere")
    expect(page.locator("#suggest-title")).to_have_text("Anywhere in the text")
    expect(page.locator("#suggestions button").first).to_be_visible()
    yield "suggestions anywhere"
    page.locator("#suggestions button").first.click()
    expect(page.locator("#goal-why")).not_to_be_empty()
    yield "a changed text"
    for name in ("help", "settings"):
        if name == "help" and not page.locator("#help-button").is_visible():
            continue  # its keys are for keyboards
        page.click(f"#{name}-button")
        yield name
        page.keyboard.press("Escape")
    page.select_option("#severity", "3")
    page.click("#submit")
    expect(page.locator("#submitted")).not_to_be_empty()
    yield "handed in"


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_axe_finds_nothing(make_desk, live, axe, kind):
    """axe-core has nothing to say about the bench in any of its states, light and dark, wide and small."""
    tab = Bench(make_desk(**KINDS[kind]))
    found, looked = {}, []
    for state in states(tab, live):
        tab.page.evaluate(axe)
        looked.append(state)
        if violations := tab.page.evaluate(RUN):
            found[state] = violations
    assert found == {}
    print(f"axe-core finds nothing in {len(looked)} states of the bench, {kind}: {', '.join(looked)}")


def test_colours_and_size_are_chosen_for_all_pages(tab, live):
    """What is chosen on one page holds on the others, after a reload, and beside what other pages have chosen."""
    tab.open().working()
    page = tab.page
    light = page.evaluate("getComputedStyle(document.body.parentElement).backgroundColor")
    page.click("#settings-button")
    page.select_option("[name=theme]", "dark")
    page.select_option("[name=size]", "130")
    page.keyboard.press("Escape")
    dark = page.evaluate("getComputedStyle(document.body.parentElement).backgroundColor")
    assert dark != light
    for path in ("/attack", "/findings", "/label", "/"):
        page.goto(live.url + path)
        expect(page.locator("html")).to_have_attribute("data-theme", "dark")
        look = "getComputedStyle(document.documentElement)"
        assert page.evaluate(f"[{look}.backgroundColor, {look}.fontSize]") == [dark, "20.8px"], path
    page.goto(f"{live.url}/findings")
    tab.desk.sign_in(live.tokens["admin"])
    page.click("#settings-button")
    expect(page.locator("[name=theme]")).to_have_value("dark")
    page.select_option("[name=theme]", "system")
    page.goto(f"{live.url}/attack")
    expect(page.locator("html")).to_have_attribute("data-size", "130")
