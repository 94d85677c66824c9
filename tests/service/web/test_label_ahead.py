"""The next text is there before it is needed, and work goes on while answers are on their way."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

FALL, RAGE, BLUR = "She fell off the roof.", "Her rage burned.", "Something happened."


def test_the_next_text_is_shown_before_the_answer_has_arrived(desk, live):
    """It was leased meanwhile, so nothing has to be waited for."""
    live.add(FALL, RAGE)
    desk.open().shows(FALL)
    held = []

    def hold(route):
        held.append(route)

    desk.page.route("**/answer", hold)
    desk.press("n")
    desk.reads(RAGE)
    assert live.said() == {}
    held[0].continue_()
    desk.shows(RAGE)
    assert live.said() == {FALL: ("no", None)}


def test_no_more_than_one_text_is_held_ahead(desk, live, wait_until):
    """What others could judge is not hoarded."""
    live.add(FALL, RAGE, BLUR)
    desk.open().shows(FALL)
    wait_until(lambda: live.queue.counts().leased == 2)
    desk.press("n")
    desk.shows(RAGE)
    wait_until(lambda: live.queue.counts().leases_granted == 3)
    assert live.queue.counts().leased == 2


def test_closing_the_page_gives_both_texts_back(make_desk, live, wait_until):
    """Neither the text nor the next one stays blocked."""
    live.add(FALL, RAGE)
    desk = make_desk().open()
    desk.shows(FALL)
    wait_until(lambda: live.queue.counts().leased == 2)
    desk.page.close(run_before_unload=True)
    wait_until(lambda: live.queue.counts().leased == 0)
    assert live.queue.counts().leases_released == 2


def test_who_rests_does_not_hold_the_next_text(desk, live, wait_until):
    """After two minutes without a touch the next text goes back, the open one stays; the next touch leases again."""
    desk.page.clock.install()
    live.add(FALL, RAGE)
    desk.open()
    expect(desk.page.locator("#text-body")).to_have_text(FALL)
    wait_until(lambda: live.queue.counts().leased == 2)
    with desk.page.expect_response("**/release"):
        desk.page.clock.fast_forward("02:01")
    assert live.queue.counts().leased == 1
    desk.page.clock.fast_forward("00:01")
    with desk.page.expect_response("**/v1/leases"):
        desk.page.keyboard.press("z")
    wait_until(lambda: live.queue.counts().leased == 2)


def test_both_leases_are_renewed(desk, live, wait_until):
    """The heartbeat keeps the next text as well while somebody is there."""
    desk.page.clock.install()
    live.add(FALL, RAGE)
    desk.open()
    expect(desk.page.locator("#text-body")).to_have_text(FALL)
    wait_until(lambda: live.queue.counts().leased == 2)
    desk.page.wait_for_load_state("networkidle")
    renewed = []
    desk.page.on("response", lambda reply: renewed.append(reply.status) if reply.url.endswith("/renew") else None)
    desk.page.clock.fast_forward(101_000)
    for _ in range(100):
        if len(renewed) == 2:
            break
        desk.page.wait_for_timeout(50)
    assert renewed == [200, 200]


def test_a_minute_without_network_costs_nothing(desk, live):
    """Two texts are answered without network, and arrive once when it is back; the page says what has not."""
    live.add(FALL, RAGE, BLUR)
    desk.open().shows(FALL)
    desk.page.wait_for_load_state("networkidle")
    desk.page.context.set_offline(True)
    desk.press("y", "2")
    desk.reads(RAGE)
    desk.press("n")
    desk.says("Not sent yet: “yes, severity 2” and 1 more")
    expect(desk.page.locator("#unsent")).to_have_text("2 on their way")
    assert live.said() == {}
    desk.page.context.set_offline(False)
    desk.shows(BLUR)
    assert live.said() == {FALL: ("yes", 2), RAGE: ("no", None)}
    assert live.queue.counts().answers == 2


def test_an_answer_is_corrected_before_it_was_sent(desk, live):
    """Undo works without network as well: answer and correction arrive in their order."""
    live.add(FALL, RAGE)
    desk.open().shows(FALL)
    desk.page.wait_for_load_state("networkidle")
    desk.page.context.set_offline(True)
    desk.press("n")
    desk.reads(RAGE)
    desk.press("z")
    desk.reads(FALL)
    desk.press("y", "4")
    desk.reads(RAGE)
    desk.page.context.set_offline(False)
    desk.shows(RAGE)
    assert live.said() == {FALL: ("yes", 4)}
    (answer,) = live.queue.answers()
    assert [old["answer"] for old in answer.history] == ["no"]


def test_all_that_is_unsent_survives_a_reload(desk, live):
    """Answers and corrections that wait in a row are sent in that row after the page was loaded again."""
    live.add(FALL, RAGE, BLUR)
    desk.open().shows(FALL)
    desk.page.wait_for_load_state("networkidle")
    desk.page.route("**/answer", lambda route: route.abort())
    desk.press("n")
    desk.reads(RAGE)
    desk.press("z", "u")
    desk.reads(RAGE)
    desk.press("n")
    desk.says("and 2 more")
    desk.page.reload()
    desk.page.unroute("**/answer")
    desk.shows(BLUR)
    assert live.said() == {FALL: ("unsure", None), RAGE: ("no", None)}


def test_two_tabs_share_nothing(desk, live):
    """Two tabs of one rater hold different texts, and each text is answered once."""
    texts = [f"Text number {number}." for number in range(6)]
    live.add(*texts)
    desk.open().wait("asking")
    other = type(desk)(desk.page.context.new_page(), live)
    other.page.goto(f"{live.url}/label")
    other.wait("asking")
    assert desk.page.inner_text("#text-body") != other.page.inner_text("#text-body")
    for tab in (desk, other):
        while tab.state == "asking":
            tab.press("n")
            tab.settled()
        tab.wait("empty")
    assert live.said() == dict.fromkeys(texts, ("no", None))
    assert live.queue.counts().answers == 6
