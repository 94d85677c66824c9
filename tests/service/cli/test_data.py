"""Keys, queue, answers and export on a real store."""

import json
import stat

import pytest

from ensemble.home import home
from miners.queue.types import NewAnswer
from service.supervisor.store import local_key, store_url

from .conftest import item


def test_a_made_key_is_shown_once_and_opens(hungjury, store):
    """`key create --json` gives key, id, role and name; the list never shows the key again."""
    told = hungjury("key", "create", "--role", "label", "--name", "ann", "--json")
    assert told.code == 0
    assert set(told.json) == {"key", "id", "role", "name"}
    assert store.keys.verify(told.json["key"]).role == "label"
    listed = hungjury("key", "list", "--json")
    assert told.json["id"] in {key["id"] for key in listed.json}
    assert told.json["key"] not in listed.out
    assert told.json["key"].split("_", 2)[2] not in listed.out


def test_a_key_alone_is_all_of_standard_output(hungjury, store):
    """Without --json the key is the only thing printed, so that a shell can take it."""
    told = hungjury("key", "create", "--role", "score", "--name", "app")
    assert store.keys.verify(told.out.strip()).name == "app"


def test_a_revoked_key_is_refused(hungjury, store):
    """`key revoke` ends it; an unknown id is bad input."""
    made = hungjury("key", "create", "--role", "admin", "--name", "boss", "--json").json
    assert hungjury("key", "revoke", made["id"]).code == 0
    assert store.keys.verify(made["key"]) is None
    assert hungjury("key", "revoke", "nobody").code == 2


@pytest.mark.usefixtures("store")
def test_an_empty_queue_says_what_fills_it(hungjury):
    """With nothing queued, the person is told about `mine`."""
    told = hungjury("queue")
    assert told.code == 0
    assert "hungjury mine" in told.out


def test_the_queue_is_shown_best_first_with_reasons(hungjury, store):
    """The table has every member's probability, q and why; JSON has the whole item."""
    store.queue("injury").enqueue([item(1, "the lesser"), item(2, "the \x1b[2Jbetter")])
    table = hungjury("queue")
    assert table.out.index("better") < table.out.index("lesser")
    assert "\x1b" not in table.out
    for part in ("0.20", "0.90", "0.250", "reason 2"):
        assert part in table.out
    items = hungjury("queue", "--json", "-n", 1).json
    assert [found["new"]["text"] for found in items] == ["the \x1b[2Jbetter"]


@pytest.fixture
def answered(store):
    """Two items, the better one answered yes, which the deployed member passed."""
    queue = store.queue("injury")
    queue.enqueue([item(1, "the lesser"), item(2, "the better")])
    lease = queue.lease("ann", count=1, request_id="one")[0]
    queue.answer(lease.lease_id, "ann", NewAnswer(answer="yes", severity=3, note="a\x07b"))
    return queue


@pytest.mark.usefixtures("answered")
def test_answers_are_listed(hungjury):
    """The newest answers, for people and for machines."""
    table = hungjury("answers")
    assert "yes" in table.out
    assert "\x07" not in table.out
    found = hungjury("answers", "--json").json
    assert [(one["rater"], one["body"]["answer"], one["body"]["severity"]) for one in found] == [("ann", "yes", 3)]


@pytest.mark.usefixtures("answered")
def test_export_carries_provenance_and_selection_probability(hungjury, tmp_path):
    """Items, answers and findings go out as JSONL, with where they come from and q."""
    path = tmp_path / "items.jsonl"
    assert hungjury("export", "--output", path).code == 0
    items = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(items) == 2
    assert {one["new"]["selection_probability"] for one in items} == {0.25}
    assert {one["new"]["provenance"]["source"] for one in items} == {"corpus:test"}
    assert [one["body"]["answer"] for one in hungjury("export", "answers").lines] == ["yes"]
    findings = hungjury("export", "findings").lines
    assert [(one["kind"], one["item"]["new"]["text"]) for one in findings] == [("FN", "the better")]


def test_secrets_lie_in_private_files(store):
    """The store's address and the command line's key are readable by the user alone, and the key is an admin's."""
    assert store.keys.verify(local_key()).role == "admin"
    assert "@127.0.0.1:" in store_url()
    for name in ("redis_url", "local_key", "state.json"):
        assert stat.S_IMODE((home() / "run" / name).stat().st_mode) == 0o600
    assert "@" not in (home() / "run" / "state.json").read_text()


def test_the_embedded_store_comes_back_within_a_second(store, wait_until):
    """Killed, it is started again at its old address with everything acknowledged in it."""
    import psutil

    queue = store.queue("injury")
    queue.enqueue([item(1, "kept")])
    address = store_url().rsplit("@", 1)[1].split("/")[0]  # other tests of this run have servers of their own
    server = next(child for child in psutil.Process().children() if address in " ".join(child.cmdline()).split())
    server.kill()
    server.wait(5)
    wait_until(lambda: queue.counts().waiting == 1, seconds=1.5)
