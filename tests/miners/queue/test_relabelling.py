"""What a model of the raters makes of the answers becomes the label, until there are other answers."""

import pytest

from miners.errors import UnknownItemError
from miners.queue.types import Judgement, NewAnswer


def say(queue, rater, answer):
    """The rater takes the best item and answers it."""
    (lease,) = queue.lease(rater, request_id=f"request {queue.counts().leases_granted}")
    return queue.answer(lease.lease_id, rater, NewAnswer(answer=answer))


def judged(label, yes=0, no=0, unsure=0):
    """A judgement on so many answers."""
    return Judgement(label=label, confidence=0.75, ambiguity=0.125, yes=yes, no=no, unsure=unsure)


def told(queue, item="a"):
    """What admins see of its label."""
    found = queue.item(item)
    return found.label, found.confidence, found.ambiguity, found.finding


def test_the_label_and_the_finding_follow_the_model(queue, new_item):
    """Two noes of people known to miss: yes after all, and with it a finding; everybody who follows labels is told."""
    queue.enqueue([new_item("a", needed=2)])
    say(queue, "ann", "no")
    assert not queue.relabel("a", judged("yes", no=1))  # no label yet
    say(queue, "bob", "no")
    assert told(queue) == ("no", None, None, None)
    assert queue.relabel("a", judged("yes", no=2))
    assert told(queue) == ("yes", 0.75, 0.125, "FN")
    assert [item.new.id for item in queue.labelled()] == ["a", "a"]
    assert queue.relabel("a", judged("yes", no=2))  # the same once more: nothing is told again
    assert len(queue.labelled()) == 2
    assert queue.counts().findings_fn == 1


def test_only_of_the_answers_that_there_are(queue, new_item):
    """Answers that came meanwhile bring the majority back, and the model has to look again."""
    queue.enqueue([new_item("a")])
    receipt = say(queue, "ann", "no")
    assert not queue.relabel("a", judged("yes", yes=1))
    assert queue.relabel("a", judged("yes", no=1))
    assert queue.order("a", 2, 0.5)
    say(queue, "bob", "no")
    assert told(queue) == ("no", None, None, None)
    assert not queue.relabel("a", judged("yes", no=1))
    assert queue.relabel("a", judged("yes", no=2))
    before = len(queue.labelled())
    queue.amend(receipt.answer_id, "ann", NewAnswer(answer="no", note="sure"))
    assert told(queue) == ("no", None, None, None)
    assert len(queue.labelled()) == before + 1


def test_plants_and_strangers(queue, new_item):
    """A plant keeps out of it; an unknown item is named."""
    queue.enqueue([new_item("p", plant="drill")])
    say(queue, "ann", "yes")
    assert not queue.relabel("p", judged("no", yes=1))
    with pytest.raises(UnknownItemError, match="ghost"):
        queue.relabel("ghost", judged("no", no=1))
