"""A text's whole life, from memory and from a real store alike."""

import pytest

from miners.candidate import Provenance
from miners.errors import UnknownItemError
from miners.life import MOST_RELATIVES, SHOWN_CHARS, life_of
from miners.queue.connect import connect
from miners.queue.embedded import EmbeddedServer
from miners.queue.memory import MemoryQueue
from miners.queue.redis_queue import RedisQueue
from miners.queue.types import NewAnswer
from tests.miners.queue.conftest import new_item


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with EmbeddedServer(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture(params=["memory", "redis"])
def queue(request):
    if request.param == "memory":
        yield MemoryQueue("injury")
        return
    with connect(request.getfixturevalue("server").url) as client:
        client.flushall()
        yield RedisQueue(client, "injury")


def text(name, parent=None, family="seed", **more):
    origin = Provenance(source="tests", family=family, parent=parent, operators=("hedge",) if parent else ())
    return new_item(name, provenance=origin, **more)


def shape(life):
    return [(link.item_id, link.depth, link.relation, link.stage is not None) for link in life.links]


def test_ancestors_and_descendants_in_order(queue):
    """Each behind its parent, with what was said of it; a seed that was never queued is named."""
    queue.enqueue(
        [text("a", "seed"), text("b", "a"), text("c", "a"), text("d", "b"), text("e", "seed"), text("x", family="x")]
    )
    queue.mark("seed", "regression")
    for lease in queue.lease("ann", count=9, request_id="r"):
        queue.answer(lease.lease_id, "ann", NewAnswer(answer="yes", severity=2))
    life = life_of(queue, "b")
    assert shape(life) == [
        ("seed", 0, "ancestor", False),
        ("a", 1, "ancestor", True),
        ("b", 2, "itself", True),
        ("d", 3, "descendant", True),
        ("c", 2, "relative", True),
        ("e", 1, "relative", True),
    ]
    assert (life.family, life.mark, life.truncated) == ("seed", "regression", False)
    stage = life.links[2].stage
    assert (stage.label, stage.finding, stage.severity, stage.operators) == ("yes", "FN", 2.0, ("hedge",))
    assert [answer.rater for answer in stage.answers] == ["ann"]


def test_a_queued_original_and_other_families_parents(queue):
    """Parents are found wherever they are."""
    queue.enqueue([text("seed"), text("a", "seed"), text("b", "a", family="another")])
    assert shape(life_of(queue, "b")) == [
        ("seed", 0, "ancestor", True), ("a", 1, "ancestor", True), ("b", 2, "itself", True),
    ]  # fmt: skip
    assert shape(life_of(queue, "seed")) == [("seed", 0, "itself", True), ("a", 1, "descendant", True)]


def test_a_lone_text_and_none(queue):
    queue.enqueue([text("alone", family="alone")])
    assert shape(life_of(queue, "alone")) == [("alone", 0, "itself", True)]
    with pytest.raises(UnknownItemError):
        life_of(queue, "nobody")


def test_circles_end(queue):
    """Imported provenance may say anything, even that a text was made from itself."""
    queue.enqueue([text("a", "b"), text("b", "a"), text("c", "c")])
    assert sorted(name for name, *_ in shape(life_of(queue, "a"))) == ["a", "b", "c"]
    assert life_of(queue, "a").links[0].depth == 0


def test_long_texts_and_large_families_are_cut(queue):
    """It says so; the text asked for is there, however late it came."""
    queue.enqueue(
        [text(f"r{n:04d}", "seed") for n in range(MOST_RELATIVES + 5)] + [text("last", "seed", text="x" * 5_000)]
    )
    life = life_of(queue, "last")
    assert life.truncated
    assert len(life.links) == MOST_RELATIVES + 2
    (own,) = [link.stage for link in life.links if link.relation == "itself"]
    assert (len(own.text), own.cut) == (SHOWN_CHARS, True)
