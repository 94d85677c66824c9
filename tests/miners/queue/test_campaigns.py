"""Checkpoints of campaigns, on Redis and in memory."""

import os
import signal

import pytest

from ensemble.errors import InputError
from miners.errors import CampaignError
from miners.queue.campaigns import MemoryCampaigns, RedisCampaigns
from miners.queue.connect import Store
from miners.queue.embedded import EmbeddedServer


@pytest.fixture(params=["memory", "redis"])
def store(request):
    return MemoryCampaigns() if request.param == "memory" else RedisCampaigns(request.getfixturevalue("client"))


def test_create_once(store):
    """The first spec of a name stays."""
    assert store.create("c", {"budget": 100, "share": 0.1})
    assert not store.create("c", {"budget": 5})
    assert store.spec("c") == {"budget": 100, "share": 0.1}


def test_state(store):
    """The last state saved is the one loaded, and a caller's later changes to it are not kept."""
    store.create("c", {})
    assert store.load_state("c") is None
    state = {"round": 1, "positions": {"é": [1, 2.5, None]}}
    store.save_state("c", state)
    state["round"] = 2
    assert store.load_state("c") == {"round": 1, "positions": {"é": [1, 2.5, None]}}
    store.save_state("c", state)
    assert store.load_state("c")["round"] == 2


def test_batches_in_order(store):
    """Batches come in the order of their numbers, each once, whatever the order in which they were put."""
    store.create("c", {})
    for index in (10, 2, 0, 2):
        store.put_batch("c", 1, index, f"batch {index}")
    store.put_batch("c", 2, 0, "other round")
    assert store.batches("c", 1) == ["batch 0", "batch 2", "batch 10"]
    store.drop_round("c", 1)
    store.drop_round("c", 1)
    assert (store.batches("c", 1), store.batches("c", 2)) == ([], ["other round"])


def test_stopping_is_asked_for_and_taken_back(store):
    """A campaign is asked to stop until somebody takes that back; one that is finished is not stopped."""
    store.create("c", {})
    assert (store.halted("c"), store.status("c").halted) == (False, False)
    store.halt("c")
    store.halt("c")
    assert (store.halted("c"), store.status("c").halted, store.status("c").state) == (True, True, "running")
    store.halt("c", halted=False)
    assert not store.halted("c")
    store.halt("c")
    store.finish("c", {})
    assert (store.halted("c"), store.status("c").state) == (False, "finished")
    with pytest.raises(CampaignError, match="no campaign 'd'"):
        store.halt("d")


def test_campaigns_do_not_mix(store):
    """Names with colons and digits stay apart."""
    for name in ("a", "a:1", "1:a"):
        store.create(name, {"name": name})
        store.put_batch(name, 1, 0, name)
    assert [store.batches(name, 1) for name in ("a", "a:1", "1:a")] == [["a"], ["a:1"], ["1:a"]]
    assert sorted(store.names()) == ["1:a", "a", "a:1"]


def test_finish(store):
    """A finished campaign keeps summary, spec and state, and the time of its first end."""
    store.create("c", {"budget": 1})
    running = store.status("c")
    assert (running.state, running.finished_at, running.summary) == ("running", None, None)
    store.save_state("c", {"round": 3})
    store.finish("c", {"found": 2})
    first = store.status("c")
    store.finish("c", {"found": 2})
    assert store.status("c") == first
    assert (first.state, first.summary) == ("finished", {"found": 2})
    assert first.finished_at >= first.created_at
    assert (store.spec("c"), store.load_state("c")) == ({"budget": 1}, {"round": 3})


@pytest.mark.parametrize(
    "call",
    [
        lambda store: store.spec("ghost"),
        lambda store: store.load_state("ghost"),
        lambda store: store.save_state("ghost", {}),
        lambda store: store.put_batch("ghost", 1, 1, "x"),
        lambda store: store.batches("ghost", 1),
        lambda store: store.drop_round("ghost", 1),
        lambda store: store.finish("ghost", {}),
        lambda store: store.status("ghost"),
    ],
)
def test_unknown(store, call):
    """A campaign that was never created is an error by name, and nothing is written."""
    with pytest.raises(CampaignError, match="ghost"):
        call(store)
    assert store.names() == []


def test_bad_arguments(store):
    """Names that cannot be printed and negative numbers are refused."""
    store.create("c", {})
    for call, field in (
        (lambda: store.create("", {}), "name"),
        (lambda: store.create("a\n", {}), "name"),
        (lambda: store.put_batch("c", -1, 0, "x"), "round"),
        (lambda: store.put_batch("c", 0, -1, "x"), "index"),
    ):
        with pytest.raises(InputError) as caught:
            call()
        assert caught.value.field == field


def test_a_lost_reply_does_not_hide_the_creation(client, monkeypatch):
    """When the reply to `create` is lost and it is sent again, the creator still learns that it was the one."""
    store = RedisCampaigns(client)
    create = store._create

    def twice(**call):
        create(**call)
        return create(**call)

    monkeypatch.setattr(store, "_create", twice)
    assert store.create("c", {})
    assert not store.create("c", {})


def test_kept_through_a_kill(tmp_path):
    """Checkpoints are there after kill -9 of the server."""
    with EmbeddedServer(tmp_path) as server, Store(server.url) as store:
        store.campaigns.create("c", {"budget": 1})
        for index in range(20):
            store.campaigns.put_batch("c", 1, index, str(index))
        os.kill(server.pid, signal.SIGKILL)
        server.restart()
        assert store.campaigns.batches("c", 1) == [str(index) for index in range(20)]
