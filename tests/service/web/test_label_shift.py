"""A shift: twenty texts by keyboard and by touch, with slips, skips, a cut network and an ended session on the way."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

TEXTS = [f"Text number {number} of a long day." for number in range(20)]
ANSWERS = [("yes", number % 5) if number % 3 == 0 else (("no", "unsure")[number % 2], None) for number in range(20)]
SKIPPED, CORRECTED, CUT, ENDED = 4, 7, 11, 15


class Keyboard:
    """Works the page by its keys."""

    def answer(self, desk, value, severity):
        desk.press(value[0])
        if value == "yes":
            desk.press(str(severity))

    def skip(self, desk):
        desk.press("s", "2")

    def undo(self, desk):
        desk.press("z")

    def sign_in(self, desk):
        desk.sign_in(desk.live.tokens["label"])


class Touch:
    """Works the page by taps on a telephone's screen."""

    def answer(self, desk, value, severity):
        desk.settled()
        desk.page.locator(f"#choices [data-action={value}]").tap()
        if value == "yes":
            desk.page.locator(f"#severity [data-value='{severity}']").tap()

    def skip(self, desk):
        desk.settled()
        desk.page.tap("#skip")
        desk.page.tap("text=Another language")

    def undo(self, desk):
        desk.settled()
        desk.page.tap("#undo")

    def sign_in(self, desk):
        desk.page.tap("#key")
        desk.page.keyboard.insert_text(desk.live.tokens["label"])
        desk.page.tap("text=Sign in >> nth=-1")


PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


@pytest.mark.parametrize(("hand", "screen"), [(Keyboard(), {}), (Touch(), PHONE)], ids=["keyboard", "touch"])
def test_twenty_texts(make_desk, live, hand, screen):
    """All twenty end as meant: nothing lost, nothing twice, whatever happened in between."""
    live.add(*TEXTS, needed=1)
    desk = make_desk(**screen).open()
    for number, (text, (value, severity)) in enumerate(zip(TEXTS, ANSWERS, strict=True)):
        desk.reads(text)
        if number == SKIPPED:
            hand.skip(desk)
            continue
        if number == CORRECTED:
            hand.answer(desk, "no" if value != "no" else "unsure", None)
            hand.undo(desk)
            desk.reads(text)
        if number == CUT:
            desk.page.wait_for_load_state("networkidle")
            desk.page.context.set_offline(True)
        if number == ENDED:
            (cookie,) = desk.page.context.cookies()
            live.end_session(cookie["value"])
        hand.answer(desk, value, severity)
        if number == CUT:
            desk.says("Not sent yet")
            desk.page.context.set_offline(False)
        if number == ENDED:
            expect(desk.page.get_by_role("alert")).to_contain_text("signed out")
            hand.sign_in(desk)
    desk.wait("empty")
    meant = {text: said for number, (text, said) in enumerate(zip(TEXTS, ANSWERS, strict=True)) if number != SKIPPED}
    assert live.said() == meant
    assert live.queue.counts().answers == 19
    corrected = [len(answer.history) for answer in live.queue.answers()]
    assert corrected == [int(number == CORRECTED) for number in range(20) if number != SKIPPED]
    assert [[skip.reason for skip in item.skips] for item in live.queue.skipped()] == [["another language"]]
    assert live.queue.counts().leased == 0
