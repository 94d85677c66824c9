"""`dead list` and `dead revive` on a real store."""

import json

import pytest

from .conftest import item


@pytest.fixture
def given_up(store):
    """Ids of two texts that five raters each have skipped, beside one that waits."""
    queue = store.queue("injury")
    queue.enqueue([item(n, f"text {n}") for n in range(2)])
    for rater in ("ann", "bob", "cid", "dan", "eve"):
        for lease in queue.lease(rater, count=2, request_id=rater):
            queue.release(lease.lease_id, rater, skip=True, reason="in Latin" if rater < "d" else "")
    queue.enqueue([item(2, "text 2")])
    assert queue.counts().dead == 2
    return [item(n, f"text {n}").id for n in range(2)]


def test_they_are_listed_with_reasons(hungjury, given_up):
    """Who looks sees which texts were given up and why; the one that waits is not among them."""
    told = hungjury("dead", "list")
    assert told.code == 0
    for part in ("text 0", "text 1", "in Latin (3); no reason given (2)"):
        assert part in told.out
    assert "text 2" not in told.out
    assert {row["new"]["id"] for row in hungjury("dead", "list", "--json").json} == set(given_up)


def test_one_is_revived_by_name(hungjury, store, given_up):
    """It waits again; asking for it twice is an error that names it, and the other stays."""
    told = hungjury("dead", "revive", given_up[0])
    assert (told.code, told.out.strip()) == (0, "1 served again")
    assert [one.new.id for one in store.queue("injury").dead()] == [given_up[1]]
    again = hungjury("dead", "revive", given_up[0])
    assert again.code == 2
    assert given_up[0] in again.err


def test_all_are_revived(hungjury, store, given_up):
    """With --all nothing is left; neither names nor --all, or both, is refused. The audit log has it."""
    assert hungjury("dead", "revive").code == 2
    assert hungjury("dead", "revive", given_up[0], "--all").code == 2
    assert sorted(hungjury("dead", "revive", "--all", "--json").json["revived"]) == sorted(given_up)
    assert store.queue("injury").counts().dead == 0
    assert hungjury("dead", "list").out.strip() == "no text was given up"
    acts = [json.loads(line) for line in hungjury("audit", "--json").out.splitlines()]
    assert [(act["what"], act["count"]) for act in acts if act["what"] == "dead revive"] == [("dead revive", 2)]
