"""Everybody can work here: axe-core finds nothing in any state of the page, and fingers find every button."""

import pytest
from accessibility import KINDS, RUN
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

LONG = "The bridge had been closed since noon. " * 30
TEXTS = [f"Text {number}: she slipped on the wet stones, and blood ran down her shin." for number in range(6)]


def states(desk, live):
    """Brings the page into each of its states, one after the other, and names it."""
    yield from _reading(desk, live)
    yield from _around(desk)


def _reading(desk, live):
    """From signing in to a correction."""
    desk.page.goto(f"{live.url}/label")
    desk.wait("signin")
    yield "sign in"
    desk.sign_in("hj_wrong")
    expect(desk.page.get_by_role("alert")).to_contain_text("not known")
    yield "refused"
    desk.page.keyboard.press("Control+a")
    desk.sign_in(live.tokens["label"])
    desk.shows(TEXTS[0])
    yield "asking"
    desk.press("x", "w", "ArrowRight", "Enter")
    yield "marking"
    desk.press("Escape", "y")
    desk.wait("severity")
    yield "severity"
    desk.press("3")
    desk.shows(TEXTS[1])
    desk.press("s")
    desk.wait("reason")
    yield "reason"
    desk.press("Escape", "z")
    desk.shows(TEXTS[0])
    yield "correcting"


def _around(desk):
    """From the dialogs to the end of the work."""
    desk.press("Escape", "m")
    expect(desk.page.locator("#mine-list li")).to_have_count(1)
    expect(desk.page.locator("#mine-numbers dt")).to_have_count(5)
    yield "my work"
    desk.press("m", ",")
    yield "settings"
    desk.page.check("[name=cover]")
    desk.page.keyboard.press("Escape")
    desk.press("n")
    desk.shows(TEXTS[2])
    yield "covered"
    desk.press("Space", "?")
    yield "keys"
    desk.press("?", "/")
    desk.page.keyboard.type("hurt")
    yield "guideline"
    desk.press("Escape")
    desk.page.evaluate("document.getElementById('break').hidden = false")
    yield "break"
    desk.page.route("**/answer", lambda route: route.abort())
    desk.press("n")
    desk.says("Not sent yet")
    yield "not sent"
    desk.page.unroute("**/answer")
    desk.press("Enter")
    for _ in range(4):
        desk.settled()
        if desk.state == "asking":
            desk.page.keyboard.press("Space")
            desk.press("u")
    desk.wait("empty")
    yield "notice"


@pytest.mark.parametrize("kind", KINDS)
def test_axe_finds_nothing(make_desk, live, axe, kind):
    """No violation in any state, in light and dark and on a small screen."""
    live.add(*TEXTS, context=LONG)
    desk = make_desk(bypass_csp=False, **KINDS[kind])
    found, looked = [], []
    for state in states(desk, live):
        desk.page.evaluate(axe)
        found += [f"{state}: {violation}" for violation in desk.page.evaluate(RUN)]
        looked.append(state)
    assert found == []
    assert len(looked) == 15


def test_axe_would_find_something(desk, live, axe):
    """The check itself works: a button without a name is found."""
    desk.page.goto(f"{live.url}/label")
    desk.wait("signin")
    desk.page.evaluate(axe)
    desk.page.evaluate("document.querySelector('#signin-form button').textContent = ''")
    assert "button-name" in "".join(desk.page.evaluate(RUN))


SMALL = """() => [...document.querySelectorAll("button, input, select, summary, a[href]")]
  .filter((each) => each.checkVisibility({ visibilityProperty: true }))
  .filter((each) => !each.closest("[inert], #guideline-text"))
  .map((each) => {
    const box = (each.type === "checkbox" ? each.closest("label") : each).getBoundingClientRect();
    return { what: each.outerHTML.slice(0, 90), width: box.width, height: box.height };
  })
  .filter(({ width, height }) => width < 44 || height < 44)
  .map(({ what, width, height }) => `${width} x ${height}: ${what}`)"""


def test_fingers_find_every_button(make_desk, live):
    """On a telephone whatever can be tapped is at least 44 pixels high and wide, and nothing is cut off."""
    live.add(*TEXTS, context=LONG)
    desk = make_desk(**KINDS["small"])
    small = {}
    for state in states(desk, live):
        small[state] = desk.page.evaluate(SMALL)
        assert desk.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), state
    assert {state: found for state, found in small.items() if found} == {}


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_axe_finds_nothing_in_what_leads_here(make_desk, live, axe, kind):
    """The start page and the API documentation, with all of its parts opened."""
    page, found = make_desk(**KINDS[kind]).page, {}
    for path in ("/", "/docs"):
        page.goto(f"{live.url}{path}")
        page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
        page.evaluate(axe)
        found[path] = page.evaluate(RUN)
    assert found == {"/": [], "/docs": []}
