"""An admin's look at what was found, by keyboard alone, and what hostile texts do to the page."""

import pytest
from accessibility import KINDS, RUN
from playwright.sync_api import expect

from ensemble.text import identity
from ensemble.verdict import MemberScore, Verdict
from miners.candidate import Provenance
from miners.found import FoundIndex
from miners.queue.types import NewAnswer, NewItem, Span

pytestmark = pytest.mark.browser

HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(2)>",
    "</td></table><iframe srcdoc='<script>parent.alert(3)</script>'></iframe>",
    "<svg onload=alert(4)><style>*{display:none}</style>",
    "javascript:alert(5) {{7*7}} ${alert(6)}",
    "safe \u202eyldaed\u202c end\u200bing \x1b[31m red",
    "שלום עולم \U0001f469\u200d\U0001f52c\ufeff",
)


def found_item(text, *, passed=True, context="", judge="no", name=None, **origin):
    """An item of two members; the first is the deployed one."""
    name = name or identity(text, context)
    votes = {"encoder": ("no", 0.12) if passed else ("yes", 0.91), "judge": (judge, 0.4)}
    scores = {m: MemberScore(probability=p, vote=v, version=f"{m[0]}" * 12) for m, (v, p) in votes.items()}
    verdict = Verdict(
        id=name, probability=0.3, decision="pass" if passed else "flag", disagreement=0.3, miss_score=0.3,
        members=scores, degraded=[], review=True, kinds=("judge-against-encoder",),
    )  # fmt: skip
    return NewItem(
        id=name, task="injury", text=text, context=context, priority=0.0, needed=1, selection_probability=0.5,
        deployed="encoder", deployed_passed=passed, verdict=verdict, why="because",
        provenance=Provenance(**({"source": "corpus:tests", "family": name} | origin)),
    )  # fmt: skip


def label(live, *items, severity=3, **body):
    """Queues items and has them judged as mistakes, one second after the other."""
    for item in items:
        live.queue.enqueue([item])
        answer = NewAnswer(answer="yes" if item.deployed_passed else "no", severity=severity, **body)
        live.queue.record(item.id, "ann", answer, answer_id=f"a-{item.id}")
        live.clock.ahead += 1


class Page:
    """A tab on the findings page."""

    def __init__(self, desk):
        self.desk, self.page, self.live = desk, desk.page, desk.live

    def open(self, role="admin", where=""):
        """Opens the page and signs in by keyboard."""
        self.page.goto(f"{self.live.url}/findings{where}")
        self.page.wait_for_selector("main[data-state=signin]")
        self.desk.sign_in(self.live.tokens[role])
        return self

    def says(self, part, where="#status"):
        """Waits until the status line holds these words."""
        expect(self.page.locator(where)).to_contain_text(part)
        return self

    def texts(self):
        """The texts in the table, top first."""
        return self.page.locator("#rows a").all_text_contents()

    def tab_to(self, selector):
        """Goes there by the Tab key alone."""
        for _ in range(120):
            if self.page.evaluate("s => document.activeElement.matches(s)", selector):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"{selector} cannot be reached by Tab")


@pytest.fixture
def tab(make_desk):
    return Page(make_desk())


@pytest.fixture
def some(live):
    """A seed and its rewrite, both FN, and an FP."""
    seed = found_item("She fell off the roof and broke her leg.", context="It had rained.")
    rewrite = found_item(
        "In the dream she fell off the roof.", judge="yes", source="rewrite:rules", operators=("dream",),
        family=seed.id, parent=seed.id, meta={"style": "dream", "harm": "fall"},
    )  # fmt: skip
    flagged = found_item("Her rage burned.", passed=False)
    label(live, seed, spans=(Span(start=0, end=8), Span(start=17, end=21)), note="clear <b>enough</b>", seconds=4.5)
    label(live, rewrite, severity=1)
    label(live, flagged, severity=None)
    return seed, rewrite, flagged


def test_a_finding_is_looked_up_and_marked_by_keyboard_alone(tab, live, some):
    """From the search over the table to the detail, a mark for the family, and back to where one was."""
    seed, rewrite, _ = some
    tab.open().says("3 of 3 findings: 2 FN, 1 FP")
    page = tab.page
    assert tab.texts() == ["Her rage burned.", rewrite.text, seed.text]
    tab.tab_to("#q")
    page.keyboard.insert_text("ROOF broke")
    page.keyboard.press("Enter")
    tab.says("1 of 3 findings")
    tab.tab_to("#rows a")
    page.keyboard.press("Enter")
    expect(page.locator("#detail-title")).to_be_focused()
    expect(page.locator("#detail-title")).to_have_text("FN: passed, though people say yes")
    tab.tab_to("[data-purpose=hold-out]")
    page.keyboard.press("Enter")
    tab.says("hold-out", "#detail-status")
    assert page.get_attribute("[data-purpose=hold-out]", "aria-pressed") == "true"
    assert live.queue.item(rewrite.id).mark == "hold-out"
    page.keyboard.press("Escape")
    expect(page.locator("#rows td[data-name=Mark]")).to_have_text(["hold-out"])
    expect(page.locator("#rows a")).to_be_focused()
    tab.says("1 of 3 findings")


def test_a_finding_shows_all_that_is_known_of_it(tab, some):
    """Marked words, scores with versions, answers with times, and its life as a tree that one can walk."""
    seed, rewrite, _ = some
    tab.open(where=f"#{seed.id}")
    page = tab.page
    expect(page.locator("#text-body")).to_have_text(seed.text)
    assert page.locator("#text-body mark").all_text_contents() == ["She fell", "roof"]
    assert page.text_content("#context-text") == "It had rained."
    rows = page.locator("#answers tr")
    assert rows.count() == 1
    for part in ("ann", "yes", "3", "4.5", "clear <b>enough</b>"):
        assert part in rows.text_content()
    assert "0.12 no" in page.text_content("#scores")
    assert "e" * 12 in page.text_content("#scores")
    tree = page.locator(".tree")
    assert tree.locator("li").count() == 2
    assert page.locator(".tree > li > ul > li").count() == 1
    assert "dream · yes (FN), severity 1.0 · 1 answer · encoder 0.12 at eeeeeee" in tree.text_content()
    tree.locator("a").click()
    expect(page.locator("#text-body")).to_have_text(rewrite.text)
    for part in ("rewrite:rules", "dream", "fall", "q = 0.5", "judge-against-encoder", "encoder"):
        assert part in page.text_content("#facts")
    page.go_back()
    expect(page.locator("#text-body")).to_have_text(seed.text)


def test_filters_and_bars(tab, some):
    """A choice narrows table and numbers; a bar is the same as a choice, and takes it back when chosen again."""
    tab.open().says("3 of 3")
    page = tab.page
    assert page.evaluate("document.getElementById('plots-box').open")
    page.select_option("[name=kind]", "FP")
    tab.says("1 of 3 findings: 0 FN, 1 FP")
    page.click("text=Clear filters")
    tab.says("3 of 3")
    for bar, texts in (
        ("3 serious: 1 FN, 0 FP", [some[0].text]),
        ("rewrite:rules: 1 FN, 0 FP", [some[1].text]),
        ("encoder + judge: 1 FN, 0 FP", [some[0].text]),
        ("fall: 1 FN, 0 FP", [some[1].text]),
    ):
        page.get_by_role("button", name=bar).click()
        tab.says("1 of 3")
        assert tab.texts() == texts
        page.get_by_role("button", name=bar).click()
        tab.says("3 of 3")
    page.fill("[name=since]", "2030-01-01")
    tab.says("Nothing was found like that")
    assert page.get_by_role("img", name="Found by week").count() == 0


def test_many_findings_come_a_page_at_a_time(tab, live):
    """Newest first, none twice and none left out, while more are found meanwhile."""
    label(live, *(found_item(f"text number {n}") for n in range(120)))
    tab.open().says("120 of 120")
    for count in (100, 120):
        label(live, found_item(f"found meanwhile {count}"))
        tab.page.click("#more")
        expect(tab.page.locator("#rows tr")).to_have_count(count)
    assert tab.texts() == [f"text number {n}" for n in range(119, -1, -1)]
    assert tab.page.is_hidden("#more")


def test_hostile_texts_and_names_stay_text(tab, live):
    """In the table, the lists, the bars, the detail and its tree: nothing of it runs or takes shape."""
    for number, text in enumerate(HOSTILE):
        parent = f"p{number}-{text}"
        made = found_item(
            text, context=text, name=f"i{number}", source=text, operators=(text,), family=text, parent=parent,
            campaign=text, meta={"harm": text, "style": text},
        )  # fmt: skip
        label(live, made, note=text)
        live.queue.enqueue([made.model_copy(update={"id": f"w{number}"})])
        lease = live.queue.lease(f"rater {number}", request_id="r")[0]
        live.queue.release(lease.lease_id, f"rater {number}", skip=True, reason=text)
    tab.open().says("7 of 7")
    page = tab.page
    assert page.locator("main :is(script, iframe, style, img, svg[onload])").count() == 0
    assert page.locator("#rows .hidden-character").count() >= 4
    for number, text in enumerate(HOSTILE):
        page.goto(f"{live.url}/findings#i{number}")
        expect(page.locator("#detail-body")).to_be_visible()
        expect(page.locator("#facts")).to_contain_text(f"i{number}")
        if not page.locator("#text-body .hidden-character").count():
            assert page.text_content("#text-body") == text
        assert page.locator("main :is(script, iframe, style, img)").count() == 0
        page.click("[data-purpose=train]")
        tab.says("The family is for: train", "#detail-status")
    assert live.queue.marks() == dict.fromkeys(HOSTILE, "train")


def test_a_long_text_and_spans_beyond_the_plane(tab, live):
    """100,000 characters are shown whole; spans count code points, not the units of a script's strings."""
    text = "\U0001f600" * 3 + " hurt " + "x" * 100_000
    label(live, found_item(text, name="long"), spans=(Span(start=4, end=8),))
    tab.open(where="#long")
    expect(tab.page.locator("#text-body mark")).to_have_text("hurt")
    assert tab.page.text_content("#text-body") == text


@pytest.mark.parametrize(("role", "reason"), [("label", "may not see findings"), ("score", "may not see findings")])
def test_who_may_not_see_findings_is_told_so(tab, some, role, reason):
    """And nobody is signed in afterwards."""
    assert some
    tab.open(role)
    expect(tab.page.get_by_role("alert")).to_contain_text(reason)
    assert [each for each in tab.page.context.cookies() if each["value"]] == []


def test_while_labels_are_read_the_page_waits(tab, some, monkeypatch):
    """It says so, and goes on by itself."""
    follow, calls = FoundIndex.follow, []

    def slow(self, ledger, *, seconds=None):
        calls.append(seconds)
        return len(calls) > 1 and follow(self, ledger, seconds=seconds)

    monkeypatch.setattr(FoundIndex, "follow", slow)
    assert some
    tab.open().says("try again")
    tab.says("3 of 3 findings")


def test_an_ended_session_asks_for_the_key_again(tab, some, live):
    """What was on the screen is not."""
    assert some
    tab.open().says("3 of 3")
    (cookie,) = tab.page.context.cookies()
    live.end_session(cookie["value"])
    tab.page.select_option("[name=kind]", "FN")
    tab.page.wait_for_selector("main[data-state=signin]")
    expect(tab.page.get_by_role("alert")).to_contain_text("signed out")
    assert tab.page.is_hidden("#list")


@pytest.mark.parametrize("size", [(1280, 800), (390, 844)])
def test_nothing_is_wider_than_the_screen(make_desk, live, size):
    """Also where words, names and families are long."""
    long = "x" * 300
    item = found_item(f"{long} was hurt", name="i", source=long, family=long, operators=(long,), meta={"harm": long})
    label(live, item, note=long)
    tab = Page(make_desk(viewport={"width": size[0], "height": size[1]}))
    tab.open().says("1 of 1")
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert tab.page.evaluate(wide) == 0
    tab.page.goto(f"{live.url}/findings#i")
    expect(tab.page.locator("#detail-body")).to_be_visible()
    assert tab.page.evaluate(wide) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_every_filter_can_be_seen(make_desk, kind):
    """None is squeezed to nothing, or lies where another one is."""
    tab = Page(make_desk(**KINDS[kind]))
    tab.open().says("Nothing has been found yet")
    controls = tab.page.locator("#filters :is(input, select, button)").all()
    assert len(controls) == 13
    for control in controls:
        control.scroll_into_view_if_needed()
        box = control.bounding_box()
        assert box["width"] >= 100, control
        assert box["height"] >= 36, control
        middle = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
        assert control.evaluate("(own, { x, y }) => document.elementFromPoint(x, y) === own", middle), control


@pytest.mark.parametrize("kind", KINDS)
def test_axe_finds_nothing(make_desk, live, axe, some, kind):
    """No violation in any state, in light and dark and on a small screen."""
    tab = Page(make_desk(**KINDS[kind]))
    page = tab.page

    def violations():
        page.evaluate(axe)
        return page.evaluate(RUN)

    found = {}
    page.goto(f"{live.url}/findings")
    page.wait_for_selector("main[data-state=signin]")
    found["sign in"] = violations()
    tab.desk.sign_in(live.tokens["admin"])
    tab.says("3 of 3 findings")
    page.evaluate("document.getElementById('plots-box').open = true")
    found["list"] = violations()
    page.fill("#q", "nothing like that")
    tab.says("Nothing was found")
    found["empty"] = violations()
    page.goto(f"{live.url}/findings#{some[0].id}")
    expect(page.locator("#text-body")).to_have_text(some[0].text)
    found["detail"] = violations()
    page.click("[data-purpose=regression]")
    tab.says("regression", "#detail-status")
    found["marked"] = violations()
    assert found == {state: [] for state in ("sign in", "list", "empty", "detail", "marked")}
