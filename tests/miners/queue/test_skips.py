"""Items that raters would not judge, and what one rater has judged."""

import pytest

from ensemble.errors import InputError
from miners.queue.types import NewAnswer

YES = NewAnswer(answer="yes")


def take(queue, rater, request="1"):
    (lease,) = queue.lease(rater, request_id=request)
    return lease.lease_id


def test_a_skip_is_noted_with_its_reason(queue, new_item):
    """The item tells admins who skipped it and why, once a rater, however often the message arrives."""
    queue.enqueue([new_item("a")])
    lease = take(queue, "ann")
    for _ in range(2):
        queue.release(lease, "ann", skip=True, reason='in "French" \u2028 \U0001f600')
    queue.release(take(queue, "ben"), "ben", skip=True)
    queue.release(take(queue, "cid"), "cid")
    assert [(skip.rater, skip.reason) for skip in queue.item("a").skips] == [
        ("ann", 'in "French" \u2028 \U0001f600'),
        ("ben", ""),
    ]
    assert queue.lease("ann", request_id="2") == []


def test_items_that_most_skipped_come_first(queue, new_item):
    """Admins see what raters would not judge, the worst first; what nobody skipped is not among it."""
    queue.enqueue([new_item("a", 3), new_item("b", 2), new_item("c", 1)])
    for rater, times in (("ann", 2), ("ben", 1)):
        leases = queue.lease(rater, count=3, request_id="1")
        for lease in leases[:times]:
            queue.release(lease.lease_id, rater, skip=True)
    assert [(item.new.id, len(item.skips)) for item in queue.skipped()] == [("a", 2), ("b", 1)]
    assert [item.new.id for item in queue.skipped(offset=1, count=1)] == ["b"]


def test_dead_after_too_many_skips(world, new_item):
    """An item that one rater after another skips is put aside; revived, it is offered to those who have not."""
    queue = world.queue(max_skips=2)
    queue.enqueue([new_item("a")])
    for rater in ("ann", "ben"):
        queue.release(take(queue, rater), rater, skip=True)
    assert (queue.item("a").state, queue.counts().dead, queue.counts().waiting) == ("dead", 1, 0)
    assert [item.new.id for item in queue.dead()] == ["a"]
    queue.revive("a")
    assert queue.dead() == []
    queue.release(take(queue, "cid"), "cid", skip=True)
    assert queue.item("a").state == "open"
    queue.answer(take(queue, "dan"), "dan", YES)
    assert queue.item("a").state == "done"


def test_an_answer_in_between_starts_the_count_anew(world, new_item):
    """An item that somebody can judge is not dead for those who cannot."""
    queue = world.queue(max_skips=2)
    queue.enqueue([new_item("a", needed=3)])
    queue.release(take(queue, "ann"), "ann", skip=True)
    queue.answer(take(queue, "ben"), "ben", YES)
    queue.release(take(queue, "cid"), "cid", skip=True)
    assert queue.item("a").state == "open"


def test_a_reason_is_a_text_of_reasonable_length(queue, new_item):
    """Overlong reasons and lone surrogates are refused, and the item is still held."""
    queue.enqueue([new_item("a")])
    lease = take(queue, "ann")
    for reason in ("x" * 2_001, "\ud800"):
        with pytest.raises(InputError) as refused:
            queue.release(lease, "ann", skip=True, reason=reason)
        assert refused.value.field == "reason"
    assert queue.renew(lease, "ann").item_id == "a"


def test_what_a_rater_has_judged(queue, new_item):
    """A rater's items come newest answer first, page by page, with how many there are; nobody else's are among them."""
    queue.enqueue([new_item(f"i{number}", 9 - number) for number in range(4)])
    for number in range(3):
        queue.answer(take(queue, "ann", str(number)), "ann", YES)
    queue.answer(take(queue, "ben"), "ben", YES)
    first, rest = queue.judged("ann", count=2), queue.judged("ann", offset=2, count=2)
    assert (first.total, [item.new.id for item in first.items]) == (3, ["i2", "i1"])
    assert (rest.total, [item.new.id for item in rest.items]) == (3, ["i0"])
    assert queue.judged("cid").total == 0
    assert queue.judged("ann", offset=3).items == ()


def test_what_was_judged_before_the_list_was_kept(queue, new_item, monkeypatch):
    """Answers that no list holds yet are sorted by rater a few at a time, each once."""
    monkeypatch.setattr("miners.queue.redis_queue.INDEXED_AT_ONCE", 2)
    queue.enqueue([new_item(f"i{number}", 9 - number) for number in range(7)])
    for number in range(5):
        queue.answer(take(queue, "ann", str(number)), "ann", YES)
    assert queue.judged("ann").total == 5
    queue.answer(take(queue, "ann", "6"), "ann", YES)
    assert [item.new.id for item in queue.judged("ann").items] == ["i5", "i4", "i3", "i2", "i1", "i0"]
