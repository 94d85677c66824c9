"""Ordering one more vote for an item, on both queues."""

import pytest

from ensemble.errors import InputError
from miners.errors import UnknownItemError
from miners.queue.types import NewAnswer

YES, NO = NewAnswer(answer="yes", severity=2), NewAnswer(answer="no")


def say(queue, rater, body):
    """The rater takes the best item and answers it."""
    (lease,) = queue.lease(rater, request_id=f"request {queue.counts().leases_granted}")
    return queue.answer(lease.lease_id, rater, body)


def test_a_done_item_is_served_again_to_somebody_else(queue, new_item):
    """It opens at the priority given, is offered to all but who answered, and is done after the vote ordered."""
    queue.enqueue([new_item("a", 0.1), new_item("b", 0.5)])
    for _ in range(2):
        say(queue, "ann", YES)
    assert queue.counts().done == 2
    assert queue.order("a", 2, 0.9, why="one more vote", parts={"votes": 1.0})
    assert (queue.counts().done, queue.counts().waiting) == (1, 1)
    assert (queue.item("a").new.needed, queue.item("a").new.why) == (2, "one more vote")
    assert queue.lease("ann", request_id="again") == []
    receipt = say(queue, "bob", YES)
    assert (receipt.answers, receipt.needed, receipt.label) == (2, 2, "yes")
    assert queue.item("a").state == "done"
    assert queue.counts().waiting == 0


def test_label_and_finding_stand_until_answers_say_otherwise(queue, new_item):
    """What is known is not lost by asking once more, and what the answers say then replaces it."""
    queue.enqueue([new_item("a", deployed_passed=False)])
    say(queue, "ann", NO)
    assert queue.order("a", 3, 0.5)
    assert (queue.item("a").state, queue.item("a").label, queue.item("a").finding) == ("open", "no", "FP")
    assert [finding.item.new.id for finding in queue.findings()] == ["a"]
    assert say(queue, "bob", YES).label == "yes"
    assert (queue.item("a").state, queue.item("a").finding) == ("open", None)
    assert say(queue, "cy", NO).label == "no"
    assert (queue.item("a").state, queue.item("a").finding) == ("done", "FP")


def test_a_vote_that_confirms_is_told(queue, new_item):
    """`labelled` has the item once for each answer behind its label, so that a reader knows how many there are."""
    queue.enqueue([new_item("a")])
    say(queue, "ann", YES)
    assert queue.order("a", 2, 0.5)
    assert len(queue.labelled()) == 1
    receipt = say(queue, "bob", YES)
    assert [len(item.answers) for item in queue.labelled()] == [2, 2]
    queue.amend(receipt.answer_id, "bob", NewAnswer(answer="yes", severity=2, note="sure"))
    assert len(queue.labelled()) == 2
    queue.amend(receipt.answer_id, "bob", NewAnswer(answer="yes", severity=4))
    assert len(queue.labelled()) == 3  # what it weighs has changed
    queue.amend(receipt.answer_id, "bob", NewAnswer(answer="unsure", severity=4))
    assert len(queue.labelled()) == 3


def test_ordering_again_changes_nothing(queue, new_item):
    """An item that wants so many answers already keeps its priority; fewer than it has are no order."""
    queue.enqueue([new_item("a", 0.4)])
    assert queue.order("a", 2, 0.7)
    assert queue.order("a", 2, 0.9)
    assert queue.order("a", 1, 0.9)
    assert (queue.item("a").new.needed, queue.item("a").new.priority) == (2, 0.7)
    assert queue.counts().done == 0


def test_an_open_item_wants_more_at_once(queue, new_item):
    """Two raters hold an item of one answer, once a second is ordered."""
    queue.enqueue([new_item("a")])
    queue.lease("ann", request_id="1")
    assert queue.lease("bob", request_id="2") == []
    assert queue.order("a", 2, 0.5)
    assert [lease.item_id for lease in queue.lease("bob", request_id="3")] == ["a"]


def test_what_cannot_be_ordered(queue, new_item):
    """No such item, numbers out of range: refused by name; a dead item stays dead."""
    queue.enqueue([new_item("a")])
    with pytest.raises(UnknownItemError, match="ghost"):
        queue.order("ghost", 2, 0.5)
    with pytest.raises(InputError, match="1 to 100"):
        queue.order("a", 101, 0.5)
    with pytest.raises(InputError, match="finite"):
        queue.order("a", 2, float("nan"))
