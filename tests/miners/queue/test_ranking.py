"""In which order items are served, and to whom."""

import pytest

from ensemble.errors import InputError
from miners.errors import QueueFullError, UnknownItemError
from miners.queue.types import NewAnswer

YES = NewAnswer(answer="yes")


def serve(queue, rater="ann", count=100):
    """Item ids in the order in which a rater gets them, one at a time."""
    served = []
    for number in range(count):
        leases = queue.lease(rater, request_id=f"serve-{rater}-{number}")
        if not leases:
            break
        served += [lease.item_id for lease in leases]
    return served


def test_highest_first(queue, new_item):
    """Items are served by priority, the highest first, negative ones last."""
    queue.enqueue([new_item("c", -3.5), new_item("a", 2e9), new_item("b", 0.25)])
    assert serve(queue) == ["a", "b", "c"]


def test_ties_by_arrival(queue, new_item):
    """Items of equal priority are served in order of arrival, over ten items and more."""
    ids = [f"t{number}" for number in range(25)]
    for item_id in ids:
        queue.enqueue([new_item(item_id, 0.5)])
    assert serve(queue) == ids


def test_zeros_are_ties(queue, new_item):
    """0.0 and -0.0 are the same priority."""
    queue.enqueue([new_item("a", 0.0), new_item("b", -0.0), new_item("c", 0.0)])
    assert serve(queue) == ["a", "b", "c"]


def test_priorities_are_exact(queue, new_item):
    """Priorities that differ in the last bit of a double are told apart, and come back as they were."""
    base = 0.1 + 0.2
    above = base + 2**-54
    queue.enqueue([new_item("low", base), new_item("high", above)])
    assert above > base
    assert [item.new.priority for item in queue.top(2)] == [above, base]
    assert serve(queue) == ["high", "low"]


def test_enqueue_twice_raises(queue, new_item):
    """A known id keeps its item and takes the higher priority with its reasons, never the lower one."""
    first = new_item("a", 0.5, why="first", parts={"margin": 0.5})
    assert queue.enqueue([first]) == ["added"]
    assert queue.enqueue([new_item("a", 0.4, text="other", why="lower")]) == ["known"]
    assert queue.item("a").new == first
    raised = new_item("a", 0.9, text="other", why="raised", parts={"margin": 0.9}, selection_probability=1.0)
    assert queue.enqueue([raised]) == ["raised"]
    expected = first.model_copy(update={"priority": 0.9, "why": "raised", "parts": {"margin": 0.9}})
    assert queue.item("a").new == expected
    assert queue.counts().waiting == 1


def test_one_call_with_the_same_id_twice(queue, new_item):
    """An id that stands twice in one call is added once and raised once."""
    items = [new_item("a", 0.1), new_item("b", 0.2), new_item("a", 0.3)]
    assert queue.enqueue(items) == ["added", "added", "raised"]
    assert serve(queue) == ["a", "b"]


def test_raising_a_leased_item(queue, new_item):
    """An item raised while it is leased returns at its new priority."""
    queue.enqueue([new_item("a", 0.1), new_item("b", 0.5)])
    queue.enqueue([new_item("top", 0.3)])
    queue.lease("ann", count=3, request_id="all")
    queue.enqueue([new_item("a", 0.9)])
    for lease in queue.lease("ann", count=3, request_id="all"):
        queue.release(lease.lease_id, "ann")
    assert serve(queue, "bob") == ["a", "b", "top"]


def test_done_items_stay_done(queue, new_item):
    """Enqueueing a text that is already labelled changes nothing."""
    queue.enqueue([new_item("a")])
    queue.answer(queue.lease("ann", request_id="1")[0].lease_id, "ann", YES)
    assert queue.enqueue([new_item("a", 9.0)]) == ["known"]
    assert serve(queue, "bob") == []
    assert queue.item("a").new.priority == 0.5


def test_reprioritise(queue, new_item):
    """An item can be ranked anew, higher and lower, with new reasons or with its old ones."""
    queue.enqueue([new_item("a", 0.3, why="old"), new_item("b", 0.2), new_item("c", 0.1)])
    assert queue.reprioritise("c", 0.9, why="learned", parts={"posterior": 0.9})
    assert queue.reprioritise("a", 0.05)
    assert [item.new.id for item in queue.top(9)] == ["c", "b", "a"]
    assert (queue.item("c").new.why, queue.item("c").new.parts) == ("learned", {"posterior": 0.9})
    assert queue.item("a").new.why == "old"
    assert serve(queue) == ["c", "b", "a"]


def test_reprioritise_refuses(queue, new_item):
    """Ranking an unknown item is an error; a done one stays as it is."""
    queue.enqueue([new_item("a")])
    queue.answer(queue.lease("ann", request_id="1")[0].lease_id, "ann", YES)
    assert not queue.reprioritise("a", 0.9)
    with pytest.raises(UnknownItemError, match="ghost"):
        queue.reprioritise("ghost", 0.9)


def test_never_twice_to_one_rater(queue, new_item):
    """With several answers wanted, each rater gets each item once, and everybody gets the same order."""
    queue.enqueue([new_item(f"i{number}", -number, needed=3) for number in range(10)])
    expected = [f"i{number}" for number in range(10)]
    for rater in ("ann", "bob", "cid"):
        assert serve(queue, rater) == expected
    assert serve(queue, "dan") == [], "three leases are live on every item"


def test_count_leases_several(queue, new_item):
    """One request takes the best items, and fewer when there are fewer."""
    queue.enqueue([new_item(f"i{number}", number) for number in range(5)])
    assert [lease.item_id for lease in queue.lease("ann", count=3, request_id="1")] == ["i4", "i3", "i2"]
    assert [lease.item_id for lease in queue.lease("bob", count=3, request_id="2")] == ["i1", "i0"]


def test_many_seen_on_top(world, new_item):
    """A rater who has judged everything on top gets what lies beneath, in order, also after new and returned items."""
    queue = world.queue()
    queue.enqueue([new_item(f"i{number:04}", 1000 - number, needed=2) for number in range(400)])
    first = queue.lease("ann", count=100, request_id="0")
    for request in range(1, 3):
        queue.lease("ann", count=100, request_id=str(request))
    assert [lease.item_id for lease in queue.lease("ann", request_id="deep")] == ["i0300"]
    queue.enqueue([new_item("new-top", 2000), new_item("new-tie", 1000 - 50), new_item("new-low", -5)])
    queue.release(first[7].lease_id, "ann")
    queue.reprioritise("i0399", 1500)
    assert [queue.lease("ann", request_id=f"next-{n}")[0].item_id for n in range(5)] == [
        "new-top",
        "i0399",
        "i0007",
        "new-tie",
        "i0301",
    ]
    rest = serve(queue, "ann", 200)
    assert rest == [f"i{number:04}" for number in range(302, 399)] + ["new-low"]


def look_past(queue, new_item):
    """Has ann look at the first 41 of 60 items of one priority."""
    queue.enqueue([new_item(f"i{number}", 0.5, needed=2) for number in range(60)])
    queue.lease("ann", count=40, request_id="many")
    assert [lease.item_id for lease in queue.lease("ann", request_id="deep")] == ["i40"]


def test_a_late_tie_comes_last(queue, new_item):
    """For a rater who has looked far, too, a new item comes behind those of equal priority that came before it."""
    look_past(queue, new_item)
    queue.enqueue([new_item("late", 0.5)])
    assert serve(queue) == [f"i{number}" for number in range(41, 60)] + ["late"]


def test_raised_and_lowered_again(queue, new_item):
    """An item that was put on top and then moved down is served where it stands now."""
    look_past(queue, new_item)
    queue.enqueue([new_item("moved", 0.9), new_item("leaves", 0.8)])
    queue.reprioritise("moved", 0.1)
    queue.lease("bob", request_id="takes the only place")
    assert serve(queue) == [f"i{number}" for number in range(41, 60)] + ["moved"]


def test_nothing_due_only_when_nothing_is(queue, new_item):
    """Below thousands of items that a rater has judged, a single one left is found."""
    queue.enqueue([new_item(f"i{number}", 1.0, needed=2) for number in range(2500)])
    for request in range(25):
        leases = queue.lease("ann", count=100, request_id=str(request))
        assert len(leases) == 100
        for lease in leases[:4]:
            queue.answer(lease.lease_id, "ann", YES)
    assert queue.lease("ann", request_id="none") == []
    queue.enqueue([new_item("last", -1.0)])
    assert [lease.item_id for lease in queue.lease("ann", request_id="one")] == ["last"]


def test_a_flood_above_the_cursor(queue, new_item):
    """More new items above what a rater has judged than are remembered singly are served in order all the same."""
    queue.enqueue([new_item(f"old{number}", 0.0, needed=2) for number in range(150)])
    for request in range(2):
        queue.lease("ann", count=75, request_id=f"old-{request}")
    assert queue.lease("ann", request_id="none") == []
    queue.enqueue([new_item(f"n{number:04}", 5000 - number) for number in range(1200)])
    got = [lease.item_id for n in range(13) for lease in queue.lease("ann", count=100, request_id=f"new-{n}")]
    assert got == [f"n{number:04}" for number in range(1200)]


def test_full(world, new_item):
    """At the limit new items are refused with both numbers; known ones may still be raised."""
    queue = world.queue(waiting_limit=2)
    queue.enqueue([new_item("a"), new_item("b")])
    with pytest.raises(QueueFullError, match=r"2 .*2"):
        queue.enqueue([new_item("c")])
    assert queue.enqueue([new_item("b", 0.9)]) == ["raised"]
    assert queue.counts().waiting == 2
    queue.answer(queue.lease("ann", request_id="1")[0].lease_id, "ann", YES)
    assert queue.enqueue([new_item("c")]) == ["added"]


def test_nothing_to_do(queue):
    """An empty queue serves nothing, and an empty call adds nothing."""
    assert queue.enqueue([]) == []
    assert queue.lease("ann", request_id="1") == []
    assert queue.top(5) == []
    assert list(queue.items()) == list(queue.answers()) == queue.findings() == []


def test_foreign_task(queue, new_item):
    """An item of another task is refused by name."""
    with pytest.raises(InputError, match="fraud") as caught:
        queue.enqueue([new_item("a", task="fraud")])
    assert caught.value.field == "task"


def test_tasks_do_not_meet(world, new_item):
    """Queues of two tasks on one store hold different items, even with the same ids."""
    one, other = world.queue("injury"), world.queue("fraud")
    one.enqueue([new_item("a")])
    other.enqueue([new_item("a", task="fraud"), new_item("b", task="fraud")])
    assert (one.counts().waiting, other.counts().waiting) == (1, 2)


@pytest.mark.parametrize(
    ("call", "field"),
    [
        (lambda queue: queue.lease("", request_id="1"), "rater"),
        (lambda queue: queue.lease("a\nb", request_id="1"), "rater"),
        (lambda queue: queue.lease("x" * 129, request_id="1"), "rater"),
        (lambda queue: queue.lease("\ud800", request_id="1"), "rater"),
        (lambda queue: queue.lease("ann", request_id=""), "request_id"),
        (lambda queue: queue.lease("ann", request_id="1", count=0), "count"),
        (lambda queue: queue.lease("ann", request_id="1", count=101), "count"),
        (lambda queue: queue.lease("ann", request_id="1", seconds=0), "seconds"),
        (lambda queue: queue.lease("ann", request_id="1", seconds=float("nan")), "seconds"),
        (lambda queue: queue.lease("ann", request_id="1", seconds=1e9), "seconds"),
        (lambda queue: queue.answer("x" * 500, "ann", YES), "lease_id"),
        (lambda queue: queue.renew("lease", "\0"), "rater"),
    ],
)
def test_bad_arguments(queue, call, field):
    """A bad argument is refused with the name of its field."""
    with pytest.raises(InputError) as caught:
        call(queue)
    assert caught.value.field == field


def test_odd_names(queue, new_item):
    """Colons, braces, spaces and letters of any script in ids and names do no harm."""
    queue.enqueue([new_item("{a}:b c:é"), new_item("ready")])
    (lease,) = queue.lease("{ö}: rater:x", request_id="q:{1}")
    receipt = queue.answer(lease.lease_id, "{ö}: rater:x", YES)
    assert receipt.item_id == "{a}:b c:é"
    assert queue.item("{a}:b c:é").answers[0].rater == "{ö}: rater:x"
