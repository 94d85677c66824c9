"""Many raters at once."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from miners.queue.types import NewAnswer

ITEMS, NEEDED, RATERS = 40, 3, 8


def work(queue, rater, at_once):
    """Leases and answers until nothing is due; gives every fifth lease back. Returns what was answered."""
    at_once.wait()
    answered, number, empty = [], 0, 0
    while empty < 3:
        leases = queue.lease(rater, count=2, request_id=f"{number}")
        number += 1
        empty = 0 if leases else empty + 1
        for lease in leases:
            if (number + len(answered)) % 5 == 0:
                queue.release(lease.lease_id, rater)
                continue
            queue.answer(lease.lease_id, rater, NewAnswer(answer="yes" if len(rater) % 2 else "no"))
            answered.append(lease.item_id)
    return answered


def test_raters_in_threads(queue, new_item):
    """However many raters pull at once, each item gets exactly the answers wanted, from different raters."""
    queue.enqueue([new_item(f"i{number}", number, needed=NEEDED) for number in range(ITEMS)])
    at_once = threading.Barrier(RATERS)
    raters = [f"rater{number}" for number in range(RATERS)]
    with ThreadPoolExecutor(RATERS) as pool:
        answered = list(pool.map(lambda rater: work(queue, rater, at_once), raters))
    given = Counter(item for items in answered for item in items)
    assert all(len(items) == len(set(items)) for items in answered), "an item twice to one rater"
    counts = queue.counts()
    assert max(given.values()) <= NEEDED
    assert counts.answers == sum(given.values()) == sum(len(item.answers) for item in queue.items())
    assert counts.leases_granted == counts.answers + counts.leases_released + counts.leases_expired + counts.leased
    assert (counts.leased, counts.done) == (0, ITEMS)


def test_one_request_from_many_threads(queue, new_item):
    """One request sent from several threads at once is granted once."""
    queue.enqueue([new_item(f"i{number}") for number in range(20)])
    with ThreadPoolExecutor(8) as pool:
        granted = list(pool.map(lambda _: queue.lease("ann", count=3, request_id="same"), range(16)))
    assert all(leases == granted[0] for leases in granted)
    assert queue.counts().leases_granted == 3


def test_one_answer_from_many_threads(queue, new_item):
    """One answer sent from several threads at once is stored once."""
    queue.enqueue([new_item("a")])
    (lease,) = queue.lease("ann", request_id="1")
    with ThreadPoolExecutor(8) as pool:
        receipts = set(
            pool.map(lambda _: queue.answer(lease.lease_id, "ann", NewAnswer(answer="no")).model_dump_json(), range(16))
        )
    assert len(receipts) == 1
    assert queue.counts().answers == 1


@pytest.mark.parametrize("rounds", [20])
def test_one_place_many_raters(queue, new_item, rounds):
    """Of many raters who reach for the last free place of an item, one gets it."""
    with ThreadPoolExecutor(RATERS) as pool:
        for number in range(rounds):
            queue.enqueue([new_item(f"i{number}")])
            got = pool.map(lambda rater, n=number: queue.lease(f"r{rater}", request_id=f"n{n}"), range(RATERS))
            assert sum(len(leases) for leases in got) == 1
