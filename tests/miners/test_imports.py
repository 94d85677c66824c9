"""Labels and answers from elsewhere."""

import pytest

from ensemble.errors import InputError
from ensemble.row_checks import check_row
from miners.imports import answers_of, exported, record_all
from miners.queue.memory import MemoryQueue
from miners.queue.types import NewAnswer


def row(**fields):
    return check_row({"text": "He fell on the stair.", **fields}, file="rows.jsonl", line=3)


def test_a_label_is_the_answer_of_the_rater_named():
    """1 is yes and 0 is no; a row without a label or answers says nothing."""
    for label, answer in ((1, "yes"), (0, "no")):
        (found,) = answers_of(row(label=label), "ann")
        assert (found.rater, found.body.answer, found.item_id) == ("ann", answer, row().as_text().id)
    assert answers_of(row(), "ann") == []


def test_answers_by_rater_count_before_the_label():
    """Each with severity and note where they are given, and with an id that is the same every time."""
    given = {"ann": "yes", "bob": {"answer": "unsure", "note": "too short"}, "cy": {"answer": "yes", "severity": 4}}
    found = answers_of(row(label=0, answers=given), "import")
    assert [(one.rater, one.body) for one in found] == [
        ("ann", NewAnswer(answer="yes")),
        ("bob", NewAnswer(answer="unsure", note="too short")),
        ("cy", NewAnswer(answer="yes", severity=4)),
    ]
    assert found == answers_of(row(answers=given), "import")
    assert len({one.answer_id for one in found}) == 3


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("yes", "must be an object"),
        ({"ann": "maybe"}, "of 'ann': answer"),
        ({"ann": {"answer": "yes", "severity": 9}}, "of 'ann': severity"),
        ({"ann": {"answer": "yes", "mood": "good"}}, "of 'ann': mood"),
        ({f"r{n}": "yes" for n in range(101)}, "the limit is 100"),
    ],
)
def test_bad_answers_are_named(given, said):
    """The message names the rater, the field and the limit."""
    with pytest.raises(InputError, match=said):
        answers_of(row(answers=given), "import")


def test_an_item_comes_back_as_it_was(new_item_of):
    """With verdict, provenance, q and everybody's answers, under the same ids."""
    before, after = MemoryQueue("injury"), MemoryQueue("injury")
    before.enqueue([new_item_of("He fell.", needed=2)])
    for rater in ("ann", "bob"):
        (lease,) = before.lease(rater, request_id=rater)
        before.answer(lease.lease_id, rater, NewAnswer(answer="yes", severity=2))
    (item,) = before.items()
    new, answers = exported(item.model_dump(mode="json"))
    after.enqueue([new])
    assert record_all(after, answers) == {"recorded": 2}
    assert record_all(after, answers) == {"recorded": 2}
    (back,) = after.items()
    assert back.new == item.new
    assert (back.label, back.finding, back.state) == (item.label, item.finding, "done")
    said = [[(one.answer_id, one.rater, one.body) for one in each.answers] for each in (item, back)]
    assert said[0] == said[1]


def test_what_cannot_be_recorded_is_counted(new_item_of):
    """A rater who answered here otherwise, and a text that is not there."""
    queue = MemoryQueue("injury")
    queue.enqueue([new_item_of("He fell on the stair.")])
    (lease,) = queue.lease("ann", request_id="1")
    queue.answer(lease.lease_id, "ann", NewAnswer(answer="no"))
    found = record_all(queue, [*answers_of(row(label=1), "ann"), *answers_of(row(label=1, context="elsewhere"), "ann")])
    assert found == {"conflict": 1, "missing": 1}


def test_an_answer_that_does_not_fit_its_text_is_counted_and_named(new_item_of):
    """Spans that reach beyond the text; the answers after it are recorded."""
    queue = MemoryQueue("injury")
    queue.enqueue([new_item_of("He fell on the stair.")])
    far = {"ann": {"answer": "yes", "spans": [{"start": 0, "end": 99}]}, "bob": "yes"}
    told = []
    found = record_all(queue, answers_of(row(answers=far), "import"), refused=lambda one, why: told.append((one, why)))
    assert found == {"unread": 1, "recorded": 1}
    ((one, why),) = told
    assert (one.rater, one.where, "reach beyond the text" in why) == ("ann", "rows.jsonl:3", True)


def test_a_row_may_say_whose_label_it_is():
    """Several rows of one text are the answers of several raters."""
    (found,) = answers_of(row(label=1, rater="zoe"), "import")
    assert (found.rater, found.body.answer) == ("zoe", "yes")


@pytest.mark.parametrize("record", [{"new": {"id": "a"}}, {"text": "no item"}, {"new": None}])
def test_what_is_no_item_is_refused(record):
    """The message says what is wrong with it."""
    with pytest.raises(InputError, match="is no item as `hungjury export` writes it"):
        exported(record)
