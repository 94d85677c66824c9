"""Answers, labels, findings and corrections."""

import pytest

from miners.errors import AnswerConflictError, LeaseExpiredError
from miners.queue.types import NewAnswer


def say(value, **more):
    return NewAnswer(answer=value, **more)


def take(queue, rater):
    (lease,) = queue.lease(rater, request_id=f"take-{rater}")
    return lease


def judge(queue, values, severities=None):
    """Has one rater after another answer the best item; their receipts."""
    receipts = []
    for number, value in enumerate(values):
        severity = severities[number] if severities else None
        rater = f"r{number}"
        receipts.append(queue.answer(take(queue, rater).lease_id, rater, say(value, severity=severity)))
    return receipts


def test_receipts(queue, new_item):
    """Each receipt says how many answers there are, and the last one needed gives the label."""
    queue.enqueue([new_item("a", needed=3)])
    receipts = judge(queue, ["yes", "no", "yes"])
    assert [(r.item_id, r.answers, r.needed, r.label) for r in receipts] == [
        ("a", 1, 3, None),
        ("a", 2, 3, None),
        ("a", 3, 3, "yes"),
    ]
    assert (queue.item("a").state, queue.item("a").label) == ("done", "yes")


@pytest.mark.parametrize(
    ("values", "label"),
    [
        (["yes"], "yes"),
        (["no"], "no"),
        (["unsure"], "unsure"),
        (["yes", "no"], "yes"),
        (["no", "unsure"], "no"),
        (["unsure", "unsure"], "unsure"),
        (["no", "no", "yes"], "no"),
        (["yes", "unsure", "unsure"], "yes"),
        (["yes", "no", "no", "yes"], "yes"),
    ],
)
def test_label(queue, new_item, values, label):
    """The majority of yes and no decides, a tie is yes, and nothing but unsure is unsure."""
    queue.enqueue([new_item("a", needed=len(values))])
    assert judge(queue, values)[-1].label == label


@pytest.mark.parametrize(
    ("passed", "value", "kind"),
    [
        (True, "yes", "FN"),
        (True, "no", None),
        (False, "no", "FP"),
        (False, "yes", None),
        (True, "unsure", None),
        (False, "unsure", None),
    ],
)
def test_finding(queue, new_item, passed, value, kind):
    """FN: yes, and the deployed member passed it. FP: no, and it was flagged. Anything else is no finding."""
    queue.enqueue([new_item("a", deployed_passed=passed)])
    judge(queue, [value])
    assert queue.item("a").finding == kind
    assert [finding.kind for finding in queue.findings()] == ([kind] if kind else [])
    counts = queue.counts()
    assert (counts.findings_fn, counts.findings_fp) == (int(kind == "FN"), int(kind == "FP"))


def test_severity_of_a_finding(queue, new_item):
    """A finding's severity is the mean of those given, and none where nobody gave one."""
    queue.enqueue([new_item("a", 9, needed=3)])
    judge(queue, ["yes", "yes", "yes"], [4, None, 1])
    queue.enqueue([new_item("b")])
    queue.answer(take(queue, "cid").lease_id, "cid", say("yes"))
    assert [finding.severity for finding in queue.findings()] == [None, 2.5]


def test_findings_newest_first(queue, new_item):
    """Findings come newest first, by kind or all, in pages."""
    for number in range(6):
        queue.enqueue([new_item(f"i{number}", deployed_passed=number % 2 == 0)])
        rater = f"r{number}"
        queue.answer(take(queue, rater).lease_id, rater, say("yes" if number % 2 == 0 else "no"))
    assert [f.item.new.id for f in queue.findings()] == ["i5", "i4", "i3", "i2", "i1", "i0"]
    assert [f.item.new.id for f in queue.findings(kind="FN")] == ["i4", "i2", "i0"]
    assert [f.item.new.id for f in queue.findings(kind="FP", offset=1, count=1)] == ["i3"]
    assert queue.findings(offset=6) == []


def test_same_answer_again(queue, new_item):
    """The same lease and body give the same receipt, even when others have answered since."""
    queue.enqueue([new_item("a", needed=2)])
    lease = take(queue, "ann")
    body = say("yes", severity=3, note="broken arm", seconds=4.25)
    receipt = queue.answer(lease.lease_id, "ann", body)
    queue.answer(take(queue, "bob").lease_id, "bob", say("yes"))
    assert queue.answer(lease.lease_id, "ann", body) == receipt
    assert queue.answer(lease.lease_id, "ann", body.model_copy(update={"seconds": 9.0})) == receipt
    assert queue.counts().answers == 2


@pytest.mark.parametrize("other", [say("no"), say("yes", severity=1), say("yes", note="x")])
def test_another_answer_conflicts(queue, new_item, other):
    """The same lease with another body is refused, and the first answer stands."""
    queue.enqueue([new_item("a")])
    lease = take(queue, "ann")
    queue.answer(lease.lease_id, "ann", say("yes"))
    with pytest.raises(AnswerConflictError, match=lease.lease_id):
        queue.answer(lease.lease_id, "ann", other)
    assert queue.item("a").answers[0].body == say("yes")


def test_amend_keeps_history(queue, new_item):
    """A correction replaces the body and keeps the ones before it, oldest first; repeating it changes nothing."""
    queue.enqueue([new_item("a")])
    receipt = queue.answer(take(queue, "ann").lease_id, "ann", say("yes", note='q"uote, é', seconds=0.1))
    first = queue.amend(receipt.answer_id, "ann", say("no"))
    assert queue.amend(receipt.answer_id, "ann", say("no")) == first
    queue.amend(receipt.answer_id, "ann", say("unsure"))
    (answer,) = queue.answers()
    assert answer == queue.item("a").answers[0]
    assert (answer.answer_id, answer.rater, answer.body) == (receipt.answer_id, "ann", say("unsure"))
    assert [(old["answer"], old["note"], old["seconds"]) for old in answer.history] == [
        ("yes", 'q"uote, é', 0.1),
        ("no", None, None),
    ]
    assert all("at" in old for old in answer.history)


def test_amend_moves_label_and_finding(queue, new_item):
    """Label, finding, severity and counts follow a correction, there and back."""
    queue.enqueue([new_item("fn"), new_item("fp", 0.1, deployed_passed=False)])
    one = queue.answer(take(queue, "ann").lease_id, "ann", say("yes", severity=4))
    two = queue.answer(take(queue, "bob").lease_id, "bob", say("yes"))
    assert [f.item.new.id for f in queue.findings()] == ["fn"]
    assert queue.amend(one.answer_id, "ann", say("no")).label == "no"
    assert queue.findings() == []
    queue.amend(two.answer_id, "bob", say("no"))
    assert [(f.kind, f.item.new.id) for f in queue.findings()] == [("FP", "fp")]
    queue.amend(one.answer_id, "ann", say("yes", severity=1))
    assert [(f.kind, f.severity) for f in queue.findings()] == [("FN", 1.0), ("FP", None)]
    assert (queue.counts().findings_fn, queue.counts().findings_fp, queue.counts().answers) == (1, 1, 2)


def test_amend_before_the_label(queue, new_item):
    """A correction before the last answer counts in the label."""
    queue.enqueue([new_item("a", needed=2)])
    receipt = queue.answer(take(queue, "ann").lease_id, "ann", say("yes"))
    assert queue.amend(receipt.answer_id, "ann", say("no")).label is None
    assert queue.answer(take(queue, "bob").lease_id, "bob", say("no")).label == "no"


def test_first_body_again_after_amend(queue, new_item):
    """A late repetition of the first answer does not undo a correction."""
    queue.enqueue([new_item("a")])
    lease = take(queue, "ann")
    queue.answer(lease.lease_id, "ann", say("yes"))
    amended = queue.amend(lease.lease_id, "ann", say("no"))
    assert queue.answer(lease.lease_id, "ann", say("yes")) == amended
    assert queue.item("a").label == "no"


def test_amend_has_a_limit(queue, new_item):
    """An answer can be corrected a hundred times, not more."""
    queue.enqueue([new_item("a")])
    receipt = queue.answer(take(queue, "ann").lease_id, "ann", say("yes", note="0"))
    for number in range(1, 101):
        queue.amend(receipt.answer_id, "ann", say("yes", note=str(number)))
    with pytest.raises(AnswerConflictError, match="100"):
        queue.amend(receipt.answer_id, "ann", say("yes", note="101"))
    assert len(queue.item("a").answers[0].history) == 100


def test_answer_survives_everything_known(queue, new_item):
    """An item comes back whole: text, verdict, provenance, selection probability, reasons, answers."""
    item = new_item("a", text='Ünïcode\n"x"', context="c", why="because", parts={"js": 1e-17}, needed=2)
    queue.enqueue([item])
    body = say("yes", severity=0, note="n", seconds=1.5)
    queue.answer(take(queue, "ann").lease_id, "ann", body)
    take(queue, "bob")
    stored = queue.item("a")
    assert stored.new == item
    assert (stored.state, stored.live, stored.label, stored.finding) == ("open", 1, None, None)
    assert stored.answers[0].body == body
    assert list(queue.items()) == [stored]


def test_iteration_over_pages(queue, new_item):
    """More items and answers than fit a page come complete and in order of arrival."""
    ids = [f"i{number}" for number in range(450)]
    queue.enqueue([new_item(item_id) for item_id in ids])
    for request in range(5):
        for lease in queue.lease("ann", count=90, request_id=str(request)):
            queue.answer(lease.lease_id, "ann", say("yes"))
    assert [item.new.id for item in queue.items()] == ids
    assert [answer.item_id for answer in queue.answers()] == ids


def test_late_answer_of_a_taken_place(world, new_item):
    """Who is late is refused even though the item is not done, so that never more than the wanted answers are live."""
    queue = world.queue()
    queue.enqueue([new_item("a")])
    (late,) = queue.lease("ann", request_id="1", seconds=60)
    world.travel(61)
    take(queue, "bob")
    with pytest.raises(LeaseExpiredError):
        queue.answer(late.lease_id, "ann", say("yes"))
    assert queue.item("a").live == 1


def test_labels_can_be_followed(queue, new_item):
    """Items come in the order of their labels, once more for each change, and a reader goes on where it stopped."""
    queue.enqueue([new_item("a", 0.9, needed=2), new_item("b", 0.8)])
    assert queue.labelled() == []
    first, second = judge(queue, ["no", "no"])
    queue.answer(take(queue, "r2").lease_id, "r2", say("yes"))
    assert [(item.new.id, item.label) for item in queue.labelled()] == [("a", "no"), ("b", "yes")]
    queue.amend(first.answer_id, "r0", say("no", note="still no"))
    assert queue.labelled(offset=2) == []
    queue.amend(second.answer_id, "r1", say("yes"))
    assert [(item.new.id, item.label) for item in queue.labelled(offset=2)] == [("a", "yes")]
    assert [item.new.id for item in queue.labelled(offset=1, count=1)] == ["b"]
