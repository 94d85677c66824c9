"""Answers that were given elsewhere, on both queues."""

import pytest

from miners.errors import AnswerConflictError, NotYoursError, UnknownItemError
from miners.queue.types import NewAnswer

YES, NO = NewAnswer(answer="yes", severity=3, note="from the other tool"), NewAnswer(answer="no")


def test_an_answer_comes_in_without_a_lease(queue, new_item):
    """It counts like any other: the label is set, the finding is there, and the rater is not asked again."""
    queue.enqueue([new_item("a", needed=2), new_item("b", 0.1)])
    receipt = queue.record("a", "ann", NO, answer_id="tool-1")
    assert (receipt.answers, receipt.needed, receipt.label) == (1, 2, None)
    assert [lease.item_id for lease in queue.lease("ann", count=5, request_id="1")] == ["b"]
    assert queue.record("a", "bob", YES, answer_id="tool-2").label == "yes"
    item = queue.item("a")
    assert (item.state, item.label, item.finding) == ("done", "yes", "FN")
    assert [(answer.rater, answer.body.note) for answer in item.answers] == [("ann", None), ("bob", YES.note)]
    counts = queue.counts()
    assert (counts.answers, counts.answers_recorded, counts.leases_granted) == (2, 2, 1)


def test_a_full_item_takes_one_more(queue, new_item):
    """An answer given elsewhere is a fact: nothing that is held or given here is lost for it, and the label follows."""
    queue.enqueue([new_item("done"), new_item("held", 0.1)])
    done, held = queue.lease("ann", count=2, request_id="1")
    queue.answer(done.lease_id, "ann", NO)
    assert queue.record("done", "bob", YES, answer_id="x").label == "yes"
    assert queue.item("done").new.needed == 2
    assert queue.record("held", "bob", YES, answer_id="y").label is None
    assert queue.answer(held.lease_id, "ann", NO).answers == 2
    assert queue.item("held").state == "done"
    assert queue.counts().done == 2


def test_repeating_is_harmless(queue, new_item):
    """The same answer again is the same receipt; with another body, or for another item, it is refused."""
    queue.enqueue([new_item("a", needed=3), new_item("b")])
    first = queue.record("a", "ann", YES, answer_id="x")
    assert queue.record("a", "ann", YES, answer_id="x") == first
    assert len(queue.item("a").answers) == 1
    with pytest.raises(AnswerConflictError, match="ann has answered"):
        queue.record("a", "ann", NO, answer_id="x")
    with pytest.raises(AnswerConflictError):
        queue.record("b", "ann", YES, answer_id="x")
    with pytest.raises(NotYoursError):
        queue.record("a", "bob", YES, answer_id="x")


def test_who_has_had_the_item_here_answers_here(queue, new_item):
    """Nobody answers twice: not who has answered, and not who holds it now."""
    queue.enqueue([new_item("a", needed=3)])
    (lease,) = queue.lease("ann", request_id="1")
    with pytest.raises(AnswerConflictError, match="leased"):
        queue.record("a", "ann", YES, answer_id="x")
    queue.answer(lease.lease_id, "ann", YES)
    with pytest.raises(AnswerConflictError):
        queue.record("a", "ann", YES, answer_id="x")


def test_it_can_be_corrected(queue, new_item):
    """By its rater and its id, as any answer."""
    queue.enqueue([new_item("a")])
    queue.record("a", "ann", YES, answer_id="x")
    assert queue.amend("x", "ann", NO).label == "no"
    assert len(queue.item("a").answers[0].history) == 1


def test_no_such_item(queue):
    """Refused by name."""
    with pytest.raises(UnknownItemError, match="ghost"):
        queue.record("ghost", "ann", YES, answer_id="x")
