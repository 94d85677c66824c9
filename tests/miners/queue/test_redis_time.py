"""Leases by the server's own clock, with no time travel."""

import time
from datetime import UTC, datetime
from statistics import median

import pytest

from miners.errors import LeaseExpiredError
from miners.queue.redis_queue import RedisQueue
from miners.queue.types import NewAnswer


def test_a_lease_runs_out_by_itself(client, new_item):
    """After its seconds a lease is refused, before anybody has swept, and the item is served again."""
    queue = RedisQueue(client, "injury")
    queue.enqueue([new_item("a")])
    (lease,) = queue.lease("ann", seconds=0.05, request_id="1")
    assert queue.lease("bob", request_id="1") == []
    time.sleep(0.06)
    with pytest.raises(LeaseExpiredError):
        queue.answer(lease.lease_id, "ann", NewAnswer(answer="yes"))
    assert queue.lease("bob", request_id="2")[0].item_id == "a"


def test_the_end_is_told(client, new_item):
    """`expires_at` is the server's time of the lease plus its seconds, in UTC."""
    queue = RedisQueue(client, "injury")
    queue.enqueue([new_item("a")])
    (lease,) = queue.lease("ann", seconds=90, request_id="1")
    assert 85 < (lease.expires_at - datetime.now(UTC)).total_seconds() <= 90.1
    renewed = queue.renew(lease.lease_id, "ann", seconds=900)
    assert 895 < (renewed.expires_at - datetime.now(UTC)).total_seconds() <= 900.1


def test_renewing_outlasts_the_first_end(client, new_item):
    """A lease renewed again and again outlasts its first end."""
    queue = RedisQueue(client, "injury")
    queue.enqueue([new_item("a")])
    (lease,) = queue.lease("ann", seconds=0.3, request_id="1")
    for _ in range(4):
        time.sleep(0.1)
        queue.renew(lease.lease_id, "ann", seconds=0.3)
    assert queue.answer(lease.lease_id, "ann", NewAnswer(answer="yes")).answers == 1


def test_scripts_survive_a_flush_of_the_script_cache(client, new_item):
    """A server that has forgotten the scripts, as after a restart, is given them again."""
    queue = RedisQueue(client, "injury")
    queue.enqueue([new_item("a")])
    client.script_flush()
    assert queue.lease("ann", request_id="1")[0].item_id == "a"


def test_claims_stay_fast_for_a_rater_who_has_judged_everything(client, new_item):
    """Leasing costs about as much below 4,000 judged items as above them."""
    queue = RedisQueue(client, "injury")
    queue.enqueue([new_item(f"i{number}", -number, needed=2) for number in range(4_200)])

    def seconds_each(rater, rounds=50):
        took = []
        for number in range(rounds):
            started = time.perf_counter()
            assert queue.lease(rater, request_id=f"t{number}")
            took.append(time.perf_counter() - started)
        return median(took)

    on_top = seconds_each("fresh")
    for request in range(40):
        queue.lease("deep", count=100, request_id=str(request))
    beneath = seconds_each("deep")
    print(f"claim at the top {on_top * 1e6:.0f} us, beneath 4,000 judged items {beneath * 1e6:.0f} us")
    assert beneath < 5 * on_top
