"""A rater's own numbers: right, and of no use for finding out what others said."""

from datetime import UTC, datetime

import pytest

from miners.queue.memory import MemoryQueue
from miners.queue.types import NewAnswer
from service.progress import LOOKED_AT, progress
from tests.service.conftest import new_item

NOON = 1_800_014_400.0 // 86_400 * 86_400 + 43_200


class Desk:
    """Two raters before one queue, at noon of some day; `days` moves the clock."""

    def __init__(self, planted=()):
        self.now, self.planted, self.requests = NOON, planted, 0
        self.queue = MemoryQueue("injury", clock=lambda: self.now)

    def answer(self, number, **values):
        """Has raters answer an item of their own; their answers' ids."""
        item = new_item(number, needed=len(values)).model_copy(
            update={"plant": "drill" if number in self.planted else ""}
        )
        self.queue.enqueue([item])
        given = {}
        for rater, value in values.items():
            self.requests += 1
            (lease,) = self.queue.lease(rater, request_id=f"r{self.requests}")
            given[rater] = self.queue.answer(lease.lease_id, rater, NewAnswer(answer=value, seconds=number)).answer_id
        return given

    def numbers(self, rater="ann"):
        """The rater's progress now."""
        now = datetime.fromtimestamp(self.now, UTC)
        return progress(self.queue.judged(rater, count=LOOKED_AT), rater, now)

    def days(self, count):
        """Lets days pass."""
        self.now += count * 86_400


def agreeing(desk, times, of, start=0):
    """Items on which the two raters agree so many times of so many."""
    return [desk.answer(start + at, ann="yes", ben="yes" if at < times else "no") for at in range(of)]


def test_counts_and_speed():
    """All answers, those of the last day, those corrected, and the median of the measured times."""
    desk = Desk()
    given = [desk.answer(number, ann="no", ben="yes") for number in range(3)]
    desk.days(2)
    desk.answer(9, ann="yes", ben="yes")
    desk.queue.amend(given[0]["ann"], "ann", NewAnswer(answer="unsure"))
    found = desk.numbers()
    assert (found.answers, found.last_day, found.corrected, found.median_seconds) == (4, 1, 1, 2.0)


def test_nobody_yet():
    """Without answers there are no figures, and no error."""
    assert Desk().numbers().model_dump() == {
        "answers": 0,
        "last_day": 0,
        "corrected": 0,
        "median_seconds": None,
        "agreement": None,
        "compared": 0,
    }


@pytest.mark.parametrize(
    ("agree", "of", "share"), [(10, 20, 0.5), (20, 20, 0.95), (0, 20, 0.05), (29, 39, 0.75), (19, 19, None)]
)
def test_agreement_comes_in_steps_and_never_as_all_or_nothing(agree, of, share):
    """From twenty compared answers on, in steps of five per cent, and the ends are open."""
    desk = Desk()
    agreeing(desk, agree, of)
    desk.days(1)
    assert desk.numbers().agreement == share
    assert desk.numbers().compared == of // 20 * 20


def test_agreement_stands_still_until_midnight():
    """An answer that decides an item moves nothing that day, so that the figure tells nothing of that item."""
    desk = Desk()
    agreeing(desk, 10, 20)
    assert desk.numbers().agreement is None
    desk.days(1)
    before = desk.numbers().agreement
    agreeing(desk, 0, 20, start=100)
    assert desk.numbers().agreement == before == 0.5
    desk.days(1)
    assert desk.numbers().agreement == 0.25


def test_corrections_do_not_move_agreement():
    """Whoever corrects an answer to and fro learns nothing: first answers count, one's own and the others'."""
    desk = Desk()
    given = agreeing(desk, 10, 20)
    desk.days(1)
    before = desk.numbers()
    for each in given:
        desk.queue.amend(each["ann"], "ann", NewAnswer(answer="no"))
        desk.queue.amend(each["ben"], "ben", NewAnswer(answer="unsure"))
    desk.days(1)
    after = desk.numbers()
    assert (after.agreement, after.compared) == (before.agreement, before.compared)


def test_planted_texts_count_like_all_others():
    """A text whose label is known is compared with what others said like any other, so that no figure gives it away."""
    real, planted = Desk(), Desk(planted=range(20))
    for desk in (real, planted):
        agreeing(desk, 15, 20)
        desk.days(1)
    assert real.numbers() == planted.numbers()


def test_unsure_and_lonely_answers_are_not_compared():
    """Where either side says unsure, or nobody else has answered, there is nothing to compare."""
    desk = Desk()
    agreeing(desk, 20, 20)
    desk.answer(50, ann="unsure", ben="yes")
    desk.answer(51, ann="no", ben="unsure")
    desk.answer(52, ann="no")
    desk.days(1)
    assert desk.numbers().compared == 20
    assert desk.numbers().agreement == 0.95
