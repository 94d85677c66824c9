"""Reading what arrives, and adding only if nothing has arrived that one has not looked at."""

import pytest

from miners.errors import ArrivalsError
from miners.queue import redis_queue


def test_items_are_read_in_order_of_arrival(queue, new_item):
    """Arrivals come oldest first whatever their priority, and a reader goes on where it was."""
    queue.enqueue([new_item("a", 0.1), new_item("b", 0.9)])
    assert [item.new.id for item in queue.arrived()] == ["a", "b"]
    queue.enqueue([new_item("a", 0.8), new_item("c", 0.5)])
    assert [(item.new.id, item.new.priority) for item in queue.arrived()] == [("a", 0.8), ("b", 0.9), ("c", 0.5)]
    assert [item.new.id for item in queue.arrived(offset=1, count=1)] == ["b"]
    assert [item.new.id for item in queue.arrived(offset=2)] == ["c"]
    assert queue.arrived(offset=3) == []


def test_nothing_is_added_behind_what_one_has_not_looked_at(queue, new_item):
    """Where more has arrived than was looked at, the call is refused whole; having looked, it is taken."""
    assert queue.enqueue([new_item("a")], looked=0) == ["added"]
    with pytest.raises(ArrivalsError, match="1 items have arrived and 0 were looked at"):
        queue.enqueue([new_item("b"), new_item("c")], looked=0)
    assert [item.new.id for item in queue.arrived()] == ["a"]
    assert queue.enqueue([new_item("b"), new_item("c")], looked=1) == ["added", "added"]


def test_what_is_there_already_is_no_news(queue, new_item):
    """A call that adds nothing new, such as one that is repeated, is never refused."""
    items = [new_item("a", 0.2), new_item("b", 0.3)]
    queue.enqueue(items, looked=0)
    queue.enqueue([new_item("z")])
    assert queue.enqueue(items, looked=0) == ["known", "known"]
    assert queue.enqueue([new_item("a", 0.7)], looked=0) == ["raised"]


def test_who_does_not_ask_is_never_refused(queue, new_item):
    """Without `looked`, items are added whatever has arrived."""
    queue.enqueue([new_item("a")])
    assert queue.enqueue([new_item("b")]) == ["added"]


def test_a_long_call_knows_its_own_arrivals(queue, new_item, monkeypatch):
    """A call that is cut into chunks counts what its first chunks added as looked at."""
    monkeypatch.setattr(redis_queue, "CHUNK", 3)
    assert queue.enqueue([new_item(f"i{n}") for n in range(10)], looked=0) == ["added"] * 10
