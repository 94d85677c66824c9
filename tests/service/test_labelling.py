"""The answer model in the background of the service."""

import asyncio
import contextlib

import pytest

from ensemble.labels.settings import LabelSettings
from miners.labelling import Labelling
from miners.queue.connect import Store
from miners.queue.embedded import EmbeddedServer
from miners.queue.types import NewAnswer
from service.labelling import keep
from service.metrics import ANSWERS_ORDERED, LABELS_TURNED, Recorder


@pytest.fixture
def server(tmp_path):
    with EmbeddedServer(tmp_path / "redis") as running:
        yield running


def answer_all(queue, rater, said):
    """Everything that is due for the rater."""
    while leases := queue.lease(rater, count=50, request_id=f"{rater} {queue.counts().leases_granted}"):
        for lease in leases:
            queue.answer(lease.lease_id, rater, NewAnswer(answer=said(lease.item_id)))


async def kept(labelling, recorder, until):
    """Lets it run in the background until something holds."""
    running = asyncio.create_task(keep(labelling, recorder, 0.02))
    try:
        for _ in range(500):
            if until():
                return True
            await asyncio.sleep(0.02)
        return False
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


def test_labels_follow_and_votes_are_ordered_while_the_store_comes_and_goes(server, new_item):
    """A tie is turned once raters are known, another text gets a third vote, and a killed store only delays it."""
    truth = {f"t{number}": ("yes", "no")[number % 2] for number in range(40)}
    with Store(server.url) as store:
        queue, recorder = store.queue("injury"), Recorder()
        queue.enqueue(
            [new_item(number, needed=3, text=name).model_copy(update={"id": name}) for number, name in enumerate(truth)]
        )
        for rater in ("ann", "bob"):
            answer_all(queue, rater, truth.__getitem__)
        answer_all(queue, "cid", lambda _: "yes")
        queue.enqueue([new_item(90, text="tie").model_copy(update={"id": "tie"})])
        (lease,) = queue.lease("cid", request_id="tie 1")
        queue.answer(lease.lease_id, "cid", NewAnswer(answer="yes"))
        (lease,) = queue.lease("ann", request_id="tie 2")
        queue.answer(lease.lease_id, "ann", NewAnswer(answer="no"))
        assert queue.item("tie").label == "yes"
        labelling = Labelling(queue, LabelSettings(miss_cost=1.0, vote_cost=0.0), order="split")
        assert asyncio.run(kept(labelling, recorder, lambda: queue.item("tie").label == "no"))
        assert recorder.value(LABELS_TURNED) >= 1
        queue.enqueue([new_item(91, text="open").model_copy(update={"id": "open"})])
        server.restart()
        answer_all(queue, "ann", lambda _: "yes")
        answer_all(queue, "bob", lambda _: "no")
        assert asyncio.run(kept(labelling, recorder, lambda: queue.item("open").new.needed == 3))
        assert recorder.value(ANSWERS_ORDERED) >= 1
        print(f"{recorder.value(LABELS_TURNED):g} labels turned, {recorder.value(ANSWERS_ORDERED):g} answers ordered")
