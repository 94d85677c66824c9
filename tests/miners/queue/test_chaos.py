"""The server killed with SIGKILL again and again, right after answers were acknowledged and while raters work."""

import os
import signal
import threading
import time

import pytest

from miners.errors import LeaseExpiredError, StoreUnavailableError
from miners.queue.connect import Store
from miners.queue.embedded import EmbeddedServer
from miners.queue.types import NewAnswer

KILLS = 8


@pytest.fixture
def own(tmp_path):
    with EmbeddedServer(tmp_path / "redis") as server:
        yield server


def test_killed_right_after_each_acknowledgement(own, new_item, check_records):
    """Nothing that was acknowledged is lost when the server is killed the moment after."""
    acknowledged = {}
    with Store(own.url) as store:
        queue = store.queue("injury")
        queue.enqueue([new_item(f"i{number}") for number in range(10 * KILLS)])
        for kill in range(KILLS):
            for lease in queue.lease("ann", count=10, request_id=f"k{kill}"):
                body = NewAnswer(answer="yes", note=lease.item_id)
                acknowledged[queue.answer(lease.lease_id, "ann", body).answer_id] = body
            os.kill(own.pid, signal.SIGKILL)
            own.restart()
        kept = {answer.answer_id: answer.body for answer in queue.answers()}
        check_records(store.client, "{hungjury:injury}:")
    lost = len(acknowledged.keys() - kept.keys())
    print(f"{KILLS} kills, {len(acknowledged)} answers acknowledged, {lost} lost")
    assert kept == acknowledged


class Rater(threading.Thread):
    """Works until told to stop, repeating with the same ids whatever was not acknowledged."""

    def __init__(self, url, name, stop):
        super().__init__(name=name)
        self.store, self.stop = Store(url), stop
        self.acknowledged, self.repeated, self.error = [], 0, None

    def run(self):
        try:
            number = 0
            while not self.stop.is_set():
                self.round(f"{self.name}-{number}")
                number += 1
        except BaseException as error:  # noqa: BLE001 - shown by the test
            self.error = error
        finally:
            self.store.close()

    def round(self, request):
        queue = self.store.queue("injury")
        for lease in self.insist(lambda: queue.lease(self.name, count=3, request_id=request, seconds=60)):
            body = NewAnswer(answer="yes", note=f"{self.name} {lease.item_id}")
            receipt = self.insist(lambda lease=lease, body=body: queue.answer(lease.lease_id, self.name, body))
            self.acknowledged.append((receipt.answer_id, lease.item_id, body.note))

    def insist(self, call):
        while True:
            try:
                return call()
            except StoreUnavailableError:
                self.repeated += 1


def test_killed_while_raters_work(own, new_item, check_records):
    """With raters at work through many kills nothing acknowledged is lost, doubled or given to too many."""
    with Store(own.url) as store:
        queue = store.queue("injury")
        queue.enqueue([new_item(f"i{number}", number % 7, needed=2) for number in range(5_000)])
        stop = threading.Event()
        raters = [Rater(own.url, f"rater{number}", stop) for number in range(4)]
        for rater in raters:
            rater.start()
        for _ in range(KILLS):
            time.sleep(0.4)
            os.kill(own.pid, signal.SIGKILL)
            own.restart()
        stop.set()
        for rater in raters:
            rater.join(60)
        assert [rater.error for rater in raters] == [None] * len(raters)
        kept = [(answer.answer_id, answer.item_id, answer.body.note) for answer in queue.answers()]
        counts = queue.counts()
        check_records(store.client, "{hungjury:injury}:")
    acknowledged = [entry for rater in raters for entry in rater.acknowledged]
    lost, doubled = set(acknowledged) - set(kept), len(kept) - len({note for _, _, note in kept})
    print(
        f"{KILLS} kills, {len(acknowledged)} answers acknowledged by {len(raters)} raters, {len(lost)} lost, "
        f"{doubled} doubled, {len(kept) - len(acknowledged)} unacknowledged, "
        f"{sum(rater.repeated for rater in raters)} calls repeated; {counts}"
    )
    assert not lost
    assert doubled == 0
    assert len(acknowledged) > 100
    assert counts.leases_granted == counts.answers + counts.leased + counts.leases_released + counts.leases_expired


def test_leases_outlive_the_server(own, new_item):
    """A lease taken before a kill is still held after it, and still ends at its time."""
    with Store(own.url) as store:
        queue = store.queue("injury")
        queue.enqueue([new_item("a", 2), new_item("b", 1)])
        (long,) = queue.lease("ann", request_id="1", seconds=60)
        (short,) = queue.lease("ann", request_id="2", seconds=0.2)
        os.kill(own.pid, signal.SIGKILL)
        own.restart()
        assert queue.lease("ann", request_id="1") == [long]
        time.sleep(0.2)
        with pytest.raises(LeaseExpiredError):
            queue.answer(short.lease_id, "ann", NewAnswer(answer="no"))
        assert queue.answer(long.lease_id, "ann", NewAnswer(answer="no")).label == "no"
