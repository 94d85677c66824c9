"""Holding an item: how long, by whom, and what becomes of it."""

import pytest

from miners.errors import AnswerConflictError, LeaseExpiredError, NotYoursError, UnknownItemError, UnknownLeaseError
from miners.queue.types import NewAnswer

YES = NewAnswer(answer="yes")


def take(queue, rater="ann", request="1", **options):
    (lease,) = queue.lease(rater, request_id=request, **options)
    return lease


def test_a_lease_shows_only_the_text(queue, new_item):
    """A lease holds item, text, context, task and end, and nothing of scores."""
    queue.enqueue([new_item("a", text="He fell.", context="On the stairs")])
    lease = take(queue)
    assert (lease.item_id, lease.text, lease.context, lease.task) == ("a", "He fell.", "On the stairs", "injury")
    assert set(lease.model_dump()) == {"lease_id", "item_id", "text", "context", "expires_at", "task"}


def test_same_request_same_leases(queue, new_item):
    """A repeated request returns the leases it was granted, not further ones."""
    queue.enqueue([new_item(f"i{number}", needed=2) for number in range(6)])
    first = queue.lease("ann", count=2, request_id="r")
    assert queue.lease("ann", count=2, request_id="r") == first
    assert queue.counts().leased == 2
    assert queue.lease("ann", count=2, request_id="s") != first


def test_same_request_of_another_rater(queue, new_item):
    """Two raters who choose the same request id get their own leases."""
    queue.enqueue([new_item("a"), new_item("b")])
    assert take(queue, "ann").lease_id != take(queue, "bob").lease_id


def test_repeated_request_omits_what_is_given_back(queue, new_item):
    """A repeated request returns what is still held of it, and takes nothing new."""
    queue.enqueue([new_item("a", 3), new_item("b", 2), new_item("c", 1), new_item("d", 0)])
    leases = queue.lease("ann", count=3, request_id="r")
    queue.answer(leases[0].lease_id, "ann", YES)
    queue.release(leases[1].lease_id, "ann")
    assert queue.lease("ann", count=3, request_id="r") == [leases[2]]


def test_a_request_that_got_nothing_may_be_repeated(queue, new_item):
    """A request that found nothing gets what has come since."""
    assert queue.lease("ann", request_id="r") == []
    queue.enqueue([new_item("a")])
    assert take(queue, request="r").item_id == "a"


def test_one_live_lease_per_item_and_rater(queue, new_item):
    """A rater does not get an item twice at once, though two answers are wanted."""
    queue.enqueue([new_item("a", needed=2)])
    take(queue)
    assert queue.lease("ann", request_id="2") == []
    assert take(queue, "bob").item_id == "a"
    assert queue.lease("cid", request_id="1") == []


def test_expired_lease_is_refused(world, new_item):
    """An answer after the end is refused, and the item returns at its old priority, also to the same rater."""
    queue = world.queue()
    queue.enqueue([new_item("low", 0.1), new_item("a", 0.9)])
    lease = take(queue, seconds=60)
    world.travel(61)
    with pytest.raises(LeaseExpiredError, match=lease.lease_id):
        queue.answer(lease.lease_id, "ann", YES)
    assert queue.counts().model_dump() | {"leases_expired": 1, "leased": 0, "answers": 0} == queue.counts().model_dump()
    assert take(queue, "bob").item_id == "a"
    assert take(queue, request="2").item_id == "low"
    with pytest.raises(LeaseExpiredError):
        queue.answer(lease.lease_id, "ann", YES)


def test_leasing_sweeps(world, new_item):
    """Whatever has run out is served again without anybody sweeping, best first."""
    queue = world.queue()
    queue.enqueue([new_item(f"i{number}", number) for number in range(10)])
    queue.lease("ann", count=10, request_id="1", seconds=60)
    assert queue.lease("bob", request_id="1") == []
    world.travel(61)
    assert [lease.item_id for lease in queue.lease("bob", count=3, request_id="1")] == ["i9", "i8", "i7"]
    assert queue.counts().leases_expired == 10


def test_sweep_counts(world, new_item):
    """`sweep` expires no more than it is told to and says how many."""
    queue = world.queue()
    queue.enqueue([new_item(f"i{number}", number) for number in range(5)])
    queue.lease("ann", count=5, request_id="1", seconds=60)
    assert queue.sweep(10) == 0
    world.travel(61)
    assert [queue.sweep(3), queue.sweep(3), queue.sweep(3)] == [3, 2, 0]
    assert queue.counts().waiting == 5


def test_renew(world, new_item):
    """A renewed lease holds on from the moment of renewal."""
    queue = world.queue()
    queue.enqueue([new_item("a")])
    lease = take(queue, seconds=60)
    world.travel(50)
    renewed = queue.renew(lease.lease_id, "ann", seconds=60)
    assert (renewed.lease_id, renewed.item_id, renewed.text) == (lease.lease_id, "a", lease.text)
    world.travel(50)
    assert queue.answer(lease.lease_id, "ann", YES).item_id == "a"


def test_renew_too_late(world, new_item):
    """An expired, returned or answered lease cannot be renewed."""
    queue = world.queue()
    queue.enqueue([new_item(item_id) for item_id in "abc"])
    late = take(queue, seconds=60)
    world.travel(61)
    with pytest.raises(LeaseExpiredError, match="ran out"):
        queue.renew(late.lease_id, "ann")
    returned, answered = take(queue, request="2"), take(queue, request="3")
    queue.release(returned.lease_id, "ann")
    queue.answer(answered.lease_id, "ann", YES)
    with pytest.raises(LeaseExpiredError, match="given back"):
        queue.renew(returned.lease_id, "ann")
    with pytest.raises(AnswerConflictError):
        queue.renew(answered.lease_id, "ann")


def test_release_returns_the_item(queue, new_item):
    """A released item is served again at its place, also to the rater who gave it back."""
    queue.enqueue([new_item("a", 0.9), new_item("b", 0.1)])
    lease = take(queue)
    queue.release(lease.lease_id, "ann")
    queue.release(lease.lease_id, "ann")
    assert take(queue, request="2").item_id == "a"
    with pytest.raises(LeaseExpiredError, match="given back"):
        queue.answer(lease.lease_id, "ann", YES)
    assert queue.counts().leases_released == 1


def test_skip(queue, new_item):
    """A skipped item goes to others only."""
    queue.enqueue([new_item("a", 0.9), new_item("b", 0.1)])
    lease = take(queue)
    queue.release(lease.lease_id, "ann", skip=True)
    assert take(queue, request="2").item_id == "b"
    assert queue.lease("ann", request_id="3") == []
    assert take(queue, "bob").item_id == "a"


def test_skip_too_late(world, new_item):
    """Skipping a lease that has run out still keeps the item away from that rater."""
    queue = world.queue()
    queue.enqueue([new_item("a")])
    lease = take(queue, seconds=60)
    world.travel(61)
    queue.release(lease.lease_id, "ann", skip=True)
    assert queue.lease("ann", request_id="2") == []
    assert (queue.counts().leases_expired, queue.counts().leases_released) == (1, 0)
    assert take(queue, "bob").item_id == "a"


def test_release_after_answer(queue, new_item):
    """An answered lease cannot be given back: the answer stands."""
    queue.enqueue([new_item("a")])
    lease = take(queue)
    queue.answer(lease.lease_id, "ann", YES)
    with pytest.raises(AnswerConflictError):
        queue.release(lease.lease_id, "ann")


def test_other_raters_lease(queue, new_item):
    """Nobody renews, releases, answers or corrects for another rater."""
    queue.enqueue([new_item("a")])
    lease = take(queue)
    for call in (queue.renew, queue.release, lambda *who: queue.answer(*who, YES)):
        with pytest.raises(NotYoursError):
            call(lease.lease_id, "bob")
    queue.answer(lease.lease_id, "ann", YES)
    for call in (queue.renew, queue.release, lambda *who: queue.answer(*who, YES), lambda *who: queue.amend(*who, YES)):
        with pytest.raises(NotYoursError):
            call(lease.lease_id, "bob")


def test_unknown_lease(queue):
    """An unknown lease, answer or item is said to be unknown, by name."""
    for call in (queue.renew, queue.release, lambda *who: queue.answer(*who, YES), lambda *who: queue.amend(*who, YES)):
        with pytest.raises(UnknownLeaseError, match="ghost"):
            call("ghost", "ann")
    for call in (queue.item, queue.revive):
        with pytest.raises(UnknownItemError, match="ghost"):
            call("ghost")


def test_dead_after_too_many_expiries(world, new_item):
    """An item whose leases run out again and again is put aside, and can be revived."""
    queue = world.queue(max_expiries=3)
    queue.enqueue([new_item("a")])
    for attempt in range(3):
        assert not queue.revive("a")
        take(queue, request=str(attempt), seconds=60)
        world.travel(61)
    assert queue.lease("ann", request_id="4") == []
    assert (queue.item("a").state, queue.counts().dead, queue.counts().waiting) == ("dead", 1, 0)
    assert queue.enqueue([new_item("a", 9.0)]) == ["known"]
    assert not queue.reprioritise("a", 1.0)
    queue.revive("a")
    assert (queue.item("a").state, queue.counts().dead, take(queue, request="5").item_id) == ("open", 0, "a")


def test_the_dead_are_listed_newest_first(world, new_item):
    """In the order in which their leases ran out, however they were ranked; a page of them likewise."""
    queue = world.queue(max_expiries=1)
    for name, priority, seconds in (("b", 5.0, 80), ("c", 9.0, 100), ("a", 1.0, 60)):
        queue.enqueue([new_item(name, priority)])
        take(queue, request=name, seconds=seconds)
    world.travel(101)
    assert queue.sweep() == 3
    assert [item.new.id for item in queue.dead()] == ["c", "b", "a"]
    assert [item.new.id for item in queue.dead(offset=1, count=1)] == ["b"]
    queue.revive("b")
    assert [item.new.id for item in queue.dead()] == ["c", "a"]


def test_an_answer_keeps_an_item_alive(world, new_item):
    """Only expiries in a row count: an answer starts the count anew, and brings back an item that was put aside."""
    queue = world.queue(max_expiries=2)
    queue.enqueue([new_item("a", needed=3)])
    slow = take(queue, "slow", seconds=1000)
    for attempt in range(2):
        take(queue, request=str(attempt), seconds=60)
        world.travel(61)
    queue.sweep()
    assert queue.item("a").state == "dead"
    queue.answer(slow.lease_id, "slow", YES)
    assert (queue.item("a").state, queue.counts().dead) == ("open", 0)
    take(queue, "bob", seconds=60)
    world.travel(61)
    assert queue.sweep() == 1
    assert queue.item("a").state == "open"


def test_identity_of_claims(world, new_item):
    """Leases granted = answered + released + expired + live."""
    queue = world.queue()
    queue.enqueue([new_item(f"i{number}", needed=2) for number in range(10)])
    for rater in ("ann", "bob"):
        leases = queue.lease(rater, count=8, request_id="1", seconds=60)
        queue.answer(leases[0].lease_id, rater, YES)
        queue.release(leases[1].lease_id, rater)
        queue.release(leases[2].lease_id, rater, skip=True)
        queue.renew(leases[3].lease_id, rater, seconds=900)
    world.travel(61)
    counts = queue.counts()
    assert (counts.leases_granted, counts.answers, counts.leases_released) == (16, 2, 4)
    assert (counts.leases_expired, counts.leased, counts.raters) == (8, 2, 2)
