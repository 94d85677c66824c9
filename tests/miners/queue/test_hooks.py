"""Changes of findings in their order, and who tells a webhook of them; the same in memory and on a server."""

import pytest

from miners.queue.hooks import Held, MemoryHooks, RedisHooks
from miners.queue.types import Judgement, NewAnswer

HOOK = "0123456789abcdef"


def answer(queue, rater, said):
    (lease,) = queue.lease(rater, request_id=f"{rater}{said}")
    return queue.answer(lease.lease_id, rater, NewAnswer(answer=said))


def told(queue, **page):
    return [(change.item_id, change.before, change.after) for change in queue.finding_changes(**page)]


def test_every_change_of_a_finding_is_kept_in_order(queue, new_item):
    """It comes with the label, goes with a correction, and comes again; another kind is a change; pages add up."""
    queue.enqueue([new_item("a", 2.0), new_item("b", 1.0, deployed_passed=False)])
    receipt = answer(queue, "ann", "yes")
    answer(queue, "bob", "no")
    for said in ("no", "unsure", "yes"):
        queue.amend(receipt.answer_id, "ann", NewAnswer(answer=said))
    assert told(queue) == [("a", None, "FN"), ("b", None, "FP"), ("a", "FN", None), ("a", None, "FN")]
    assert told(queue, offset=1, count=2) == told(queue)[1:3]
    assert told(queue, offset=4) == []


def test_a_label_that_a_model_turns_changes_its_finding(queue, new_item):
    """As a correction does."""
    queue.enqueue([new_item("a")])
    answer(queue, "ann", "yes")
    queue.relabel("a", Judgement(label="no", confidence=0.9, ambiguity=0.0, yes=1, no=0, unsure=0))
    assert told(queue)[-1] == ("a", "FN", None)


def test_plants_change_no_finding(queue, new_item):
    """Nobody is told of what a drill planted."""
    queue.enqueue([new_item("a", plant="drill")])
    answer(queue, "ann", "yes")
    assert told(queue) == []


@pytest.fixture
def hooks(world, queue):
    if world.kind == "memory":
        return MemoryHooks(lambda: len(queue.finding_changes(count=1_000)), clock=lambda: world.now)
    return RedisHooks(world.client, "injury")


def test_a_new_hook_begins_behind_what_was_before(hooks, queue, new_item):
    """And its name stays."""
    queue.enqueue([new_item("a"), new_item("b")])
    answer(queue, "ann", "yes")
    first = hooks.hold(HOOK, "one", seconds=30)
    assert (first.position, first.changes) == (1, 1)
    answer(queue, "bob", "yes")
    assert hooks.hold(HOOK, "one", seconds=30) == Held(1, 2, first.name)


def test_one_sender_at_a_time(hooks, world):
    """Another waits until it is let go or time is up; what the first notes after that is refused."""
    assert hooks.hold(HOOK, "one", seconds=0.2 if world.client else 30)
    assert hooks.hold(HOOK, "two", seconds=30) is None
    if world.client is None:
        world.now += 31
    else:
        world.client.hset("{hungjury:injury}:hook:" + HOOK, "until", 0)
    assert hooks.hold(HOOK, "two", seconds=30).position == 0
    assert hooks.hold(HOOK, "one", seconds=30) is None
    assert not hooks.advance(HOOK, "one", 7)
    assert not hooks.release(HOOK, "one")
    assert hooks.release(HOOK, "two")
    assert hooks.hold(HOOK, "one", seconds=30).position == 0


def test_the_position_only_grows(hooks):
    """Noted twice is noted once."""
    hooks.hold(HOOK, "one", seconds=30)
    for position in (3, 3, 2):
        assert hooks.advance(HOOK, "one", position)
    assert hooks.hold(HOOK, "one", seconds=30).position == 3
    assert not hooks.advance("f" * 16, "one", 3)
