"""The labeler page when leases run out, the network fails, pages reload and keys end."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

FALL, RAGE = "She fell off the roof.", "Her rage burned."

# Where a test turns the page's clock it jumps with `fast_forward`: timers then fire at the end of the jump. With
# `run_for` they fire on the way, and the rest of the way ages the request that they sent beyond its own time limit.


def test_an_answer_waits_for_the_network_and_arrives_once(desk, live):
    """Without network the answer is kept and shown as not sent; when it is back the answer arrives by itself, once."""
    live.add(FALL, RAGE)
    desk.open().shows(FALL)
    desk.page.context.set_offline(True)
    desk.press("y", "2")
    desk.says("Not sent yet: “yes, severity 2”")
    desk.reads(RAGE)
    assert live.said() == {}
    desk.page.context.set_offline(False)
    desk.shows(RAGE)
    assert live.said() == {FALL: ("yes", 2)}
    assert live.queue.counts().answers == 1


def test_an_answer_whose_receipt_was_lost_is_not_given_twice(desk, live):
    """When the reply gets lost after the answer was stored, the repetition is recognised as the same answer."""
    live.add(FALL, RAGE)
    desk.open().shows(FALL)
    lost = []

    def lose(route):
        if lost:
            route.continue_()
            return
        lost.append(route.fetch().status)
        route.abort()

    desk.page.route("**/answer", lose)
    desk.press("n")
    desk.shows(RAGE)
    assert lost == [200]
    assert live.queue.counts().answers == 1
    assert desk.page.inner_text("#counts") == "1 answered"


def test_a_lease_whose_reply_was_lost_is_given_again(desk, live):
    """A repeated request for work yields the same text on the same lease instead of holding a second one."""
    live.add(FALL)
    lost = []

    def lose(route):
        if lost:
            route.continue_()
            return
        lost.append(route.fetch().json()["leases"][0]["item_id"])
        route.abort()

    desk.page.route("**/v1/leases", lose)
    desk.open().shows(FALL)
    assert live.queue.counts().leases_granted == 1


def test_an_overloaded_service_is_asked_again(desk, live):
    """A 503 is no verdict on the answer: the page says that it waits, and Enter tries at once."""
    live.add(FALL, RAGE)
    desk.open().shows(FALL)
    busy = '{"error": {"code": "overloaded", "message": "too much at once"}}'
    desk.page.route("**/answer", lambda route: route.fulfill(status=503, headers={"Retry-After": "60"}, body=busy))
    desk.press("n")
    desk.says("busy")
    assert live.said() == {}
    desk.page.unroute("**/answer")
    desk.press("Enter")
    desk.shows(RAGE)
    assert live.said() == {FALL: ("no", None)}


def test_an_unsent_answer_survives_a_reload(desk, live):
    """An answer that could not be sent is sent after the page was loaded again, before anything else."""
    live.add(FALL, RAGE)
    desk.open().shows(FALL)
    desk.page.route("**/answer", lambda route: route.abort())
    desk.press("y", "1")
    desk.says("Not sent yet")
    desk.page.reload()
    desk.page.unroute("**/answer")
    desk.shows(RAGE)
    assert live.said() == {FALL: ("yes", 1)}


def test_an_expired_lease_is_explained_and_work_goes_on(desk, live, wait_until):
    """An answer that comes after its lease ran out is refused; the page says so plainly and shows what is due."""
    live.add(FALL, RAGE)
    desk.open().shows(FALL)
    live.clock.ahead += 3600
    desk.press("n")
    desk.says("Your hold on the last text ran out")
    wait_until(lambda: live.queue.counts().leases_granted >= 3)
    desk.wait("asking")
    assert live.said() == {}
    desk.press("n")
    desk.says("Answered")
    assert live.queue.counts().answers == 1


def test_a_lease_is_kept_while_the_page_is_open(desk, live):
    """A rater who reads for long keeps the text: the page renews its lease in time."""
    desk.page.clock.install()
    live.add(FALL)
    desk.open()
    expect(desk.page.locator("#text-body")).to_have_text(FALL)
    for _ in range(6):
        live.clock.ahead += 101
        with desk.page.expect_response("**/renew") as renewed:
            desk.page.clock.fast_forward(101_000)
        assert renewed.value.status == 200
    desk.press("n")
    desk.wait("empty")
    assert live.said() == {FALL: ("no", None)}


def test_a_lease_that_was_lost_meanwhile_is_noticed(desk, live):
    """After a long sleep the page learns that the text is no longer held, says so, and takes what is due."""
    desk.page.clock.install()
    live.add(FALL)
    desk.open()
    expect(desk.page.locator("#text-body")).to_have_text(FALL)
    live.clock.ahead += 3600
    desk.page.clock.fast_forward(101_000)
    desk.says("Your hold on the last text ran out")


def test_a_text_is_given_back_when_nobody_is_there(desk, live, wait_until):
    """After half an hour without a touch the text goes back, and the page waits for its rater."""
    desk.page.clock.install()
    live.add(FALL)
    desk.open()
    expect(desk.page.locator("#text-body")).to_have_text(FALL)
    with desk.page.expect_response("**/release"):
        desk.page.clock.fast_forward("32:00")
    desk.wait("paused")
    wait_until(lambda: live.queue.counts().leased == 0)  # what was being leased meanwhile is given back as well
    desk.press("Enter")
    expect(desk.page.locator("#text-body")).to_have_text(FALL)


def test_closing_the_page_gives_the_text_back(make_desk, live, wait_until):
    """A closed tab leaves no text blocked until its lease runs out."""
    live.add(FALL)
    desk = make_desk().open()
    desk.shows(FALL)
    assert live.queue.counts().leased == 1
    desk.page.close(run_before_unload=True)
    wait_until(lambda: live.queue.counts().leased == 0)
    assert live.queue.counts().leases_released == 1


def test_signing_out_gives_the_text_back_and_ends_the_session(desk, live, wait_until):
    """After signing out the text is free, and neither a reload nor the old cookie opens anything."""
    live.add(FALL)
    desk.open().shows(FALL)
    (cookie,) = desk.page.context.cookies()
    desk.page.click("#signout")
    desk.wait("signin")
    wait_until(lambda: desk.page.context.cookies() == [])
    assert live.queue.counts().leased == 0
    assert desk.page.input_value("#key") == ""
    expect(desk.page.locator("#work")).to_be_hidden()
    desk.page.context.add_cookies([cookie])
    desk.page.reload()
    expect(desk.page.get_by_role("alert")).to_contain_text("signed out")


def test_a_session_that_ends_in_mid_work_costs_no_answer(desk, live):
    """The answer that comes after the end is kept, the page asks for a key, and then sends it and goes on."""
    live.add(FALL, RAGE)
    desk.open().shows(FALL)
    (cookie,) = desk.page.context.cookies()
    live.end_session(cookie["value"])
    desk.press("y", "3")
    expect(desk.page.get_by_role("alert")).to_contain_text("signed out")
    assert live.said() == {}
    desk.sign_in(live.tokens["label"])
    desk.shows(RAGE)
    assert live.said() == {FALL: ("yes", 3)}


def test_another_rater_in_another_tab_does_not_answer_in_this_ones_name(desk, live):
    """Tabs share the cookie: when somebody else signs in, the first tab notices, and no answer changes its rater."""
    live.add(FALL, RAGE, "Something happened.", "A door closed.")
    desk.open().shows(FALL)
    other = desk.page.context.new_page()
    other.goto(f"{live.url}/label")
    other.wait_for_selector("main[data-state=asking]")
    other.click("#signout")
    other.wait_for_selector("main[data-state=signin]")
    other.fill("#key", live.tokens["admin"])
    other.keyboard.press("Enter")
    other.wait_for_selector("main[data-state=asking]")
    desk.press("n")
    expect(desk.page.get_by_role("alert")).to_contain_text("another tab")
    assert live.said() == {}
    desk.sign_in(live.tokens["label"])
    desk.wait("asking")
    assert live.said() == {FALL: ("no", None)}
    (answer,) = live.queue.answers()
    assert answer.rater == live.keys.verify(live.tokens["label"]).id


def test_a_revoked_key_ends_the_work_but_not_the_answer(desk, live):
    """When the key ends in mid-work, the page asks for one and sends the kept answer once its rater is back."""
    live.add(FALL, RAGE)
    desk.open().shows(FALL)
    refusal = '{"error": {"code": "bad_key", "message": "this key is not known here"}}'
    desk.page.route("**/answer", lambda route: route.fulfill(status=401, body=refusal))
    desk.press("n")
    expect(desk.page.get_by_role("alert")).to_contain_text("not known here")
    assert live.said() == {}
    desk.page.unroute("**/answer")
    desk.sign_in(live.tokens["label"])
    desk.shows(RAGE)
    assert live.said() == {FALL: ("no", None)}


def test_another_rater_does_not_send_the_answer_left_behind(desk, live):
    """An unsent answer belongs to its rater: whoever signs in next neither sends it nor is credited with it."""
    live.add(FALL, RAGE)
    desk.open().shows(FALL)
    desk.page.route("**/answer", lambda route: route.abort())
    desk.press("n")
    desk.says("Not sent yet")
    desk.page.click("#signout")
    desk.page.wait_for_selector("main[data-state=signin]")
    desk.page.unroute("**/answer")
    desk.requests.clear()
    desk.sign_in(live.tokens["admin"])
    desk.wait("asking")
    assert [each.url for each in desk.requests if each.url.endswith("/answer")] == []
    assert live.said() == {}
    assert desk.page.inner_text("#counts") == "0 answered"


def test_a_refused_answer_stays_correctable(desk, live):
    """A definite no that is not about the lease leaves the text open, with the service's reason."""
    live.add(FALL)
    desk.open().shows(FALL)
    refusal = '{"error": {"code": "invalid", "message": "note: must not be rude", "field": "note"}}'
    desk.page.route("**/answer", lambda route: route.fulfill(status=422, body=refusal))
    desk.press("n")
    desk.says("note: must not be rude")
    desk.page.unroute("**/answer")
    desk.press("u")
    desk.wait("empty")
    assert live.said() == {FALL: ("unsure", None)}
