"""Which earlier texts an attack is compared with."""

import pytest

from ensemble.text import Text
from ensemble.verdict import Verdict
from miners.attack.earlier import PAGE, EarlierTexts
from miners.candidate import Provenance
from miners.queue.memory import MemoryQueue
from miners.queue.types import NewAnswer, NewItem

FERRY = "The old ferry went over at noon and the rope took two of his fingers with it."


def item(text, source="corpus", **more):
    """An item that the deployed member passed."""
    name = Text(text).id
    verdict = Verdict(
        id=name,
        probability=0.1,
        decision="pass",
        disagreement=0.0,
        miss_score=0.1,
        members={},
        degraded=[],
        review=True,
    )
    fields = {"priority": 0.5, "selection_probability": 1.0, "deployed": "encoder", "deployed_passed": True, **more}
    return NewItem(
        id=name, task="injury", text=text, verdict=verdict, provenance=Provenance(source=source, family=name), **fields
    )


@pytest.fixture
def queue():
    return MemoryQueue("injury")


@pytest.fixture
def earlier(queue):
    return EarlierTexts(queue, 0.6)


def answer(queue, said):
    """Everything that waits gets one answer."""
    for lease in queue.lease("ann", count=100, request_id=said):
        queue.answer(lease.lease_id, "ann", NewAnswer(answer=said))


def test_attacks_count_from_when_they_wait(queue, earlier):
    """Other texts do not before they are findings."""
    queue.enqueue([item(FERRY, "attack"), item(FERRY.replace("noon", "dusk"))])
    assert earlier.follow(9)
    found = earlier.nearest(Text(FERRY))
    assert (found.item_id, found.kind, found.similarity) == (Text(FERRY).id, None, 1.0)
    assert earlier.nearest(Text(FERRY), besides=Text(FERRY).id) is None


def test_findings_count_from_when_they_are_found(queue, earlier):
    """Whatever they came from; plants never do."""
    queue.enqueue([item(FERRY), item("A plant that nobody may know of at all.", plant="drill")])
    earlier.follow(9)
    assert earlier.nearest(Text(FERRY)) is None
    answer(queue, "yes")
    earlier.follow(9)
    assert earlier.nearest(Text(FERRY.replace("noon", "dusk"))).kind == "FN"
    assert earlier.nearest(Text("A plant that nobody may know of at all.")) is None


def test_a_long_queue_is_read_in_pieces(queue, earlier):
    """Whoever asks meanwhile is told that not all is read."""
    queue.enqueue([item(f"text number {number}", "attack") for number in range(PAGE + 1)])
    assert not earlier.follow(1)
    assert earlier.follow(1)
    assert earlier.nearest(Text(f"text number {PAGE}")) is not None
