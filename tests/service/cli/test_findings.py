"""`findings` on a real store."""

import json

import pytest

from miners.candidate import Provenance
from miners.queue.types import NewAnswer

from .conftest import item


@pytest.fixture
def queue(store):
    """Three findings: an FN of a rewrite, its original, and one whose text would move the cursor."""
    queue = store.queue("injury")
    origin = Provenance(source="rewrite:rules", family="family 0", parent="p", operators=("hedge",))
    queue.enqueue(
        [item(0, "a burning rope"), item(1, "a hedged rope", provenance=origin), item(2, "red\x1b[31m\u202e lamp")]
    )
    for severity, lease in enumerate(queue.lease("ann", count=3, request_id="r"), start=2):
        queue.answer(lease.lease_id, "ann", NewAnswer(answer="yes", severity=severity))
    return queue


def texts(told):
    return sorted(found["item"]["new"]["text"][:6] for found in told.json["findings"])


@pytest.mark.usefixtures("queue")
def test_findings_are_shown_and_filtered(hungjury):
    """As a table that no text can upset; as JSON with numbers; narrowed as over HTTP."""
    told = hungjury("findings")
    assert told.code == 0
    assert "3 findings, 3 FN and 0 FP; 3 shown" in told.out
    assert "\x1b[31m" not in told.out
    assert "\u202e" not in told.out
    assert texts(hungjury("findings", "--json", "-q", "ROPE")) == ["a burn", "a hedg"]
    assert texts(hungjury("findings", "--json", "--operator", "hedge", "--fooled", "a")) == ["a hedg"]
    assert texts(hungjury("findings", "--json", "--severity-from", "4", "--since", "1h")) == ["a burn"]
    narrow = hungjury("findings", "--json", "-n", "1").json
    assert (len(narrow["findings"]), narrow["summary"]["total"]) == (1, 3)
    assert "no such findings" in hungjury("findings", "--kind", "FP").out


def test_marks_by_family(hungjury, queue, store):
    """For every text of it, in exports as well; who did it is in the audit log."""
    told = hungjury("findings", "mark", "family 0", "hold-out")
    assert (told.code, told.err.strip()) == (0, "family 0: hold-out; 1 rewrites of it are queued")
    assert queue.marks() == {"family 0": "hold-out"}
    assert texts(hungjury("findings", "--mark", "hold-out", "--json")) == ["a burn", "a hedg"]
    exported = [json.loads(line) for line in hungjury("export", "findings").out.splitlines()]
    assert sorted(one["item"]["mark"] or "" for one in exported) == ["", "hold-out", "hold-out"]
    rows = hungjury("export", "items", "--format", "csv").out.splitlines()
    assert sum('"hold-out"' in row for row in rows) >= 2
    hungjury("findings", "mark", "family 0", "none")
    assert queue.marks() == {}
    acts = [(act.subject, dict(act.detail)) for act in store.audit.read() if act.what == "findings mark"]
    assert acts == [("family 0", {"mark": "hold-out"}), ("family 0", {"mark": "none"})]


@pytest.mark.usefixtures("queue")
@pytest.mark.parametrize(
    "arguments",
    [
        ("--severity-from", "7"),
        ("--kind", "TP"),
        ("--since", "soon"),
        ("-q", "a " * 11),
        ("mark", "f"),
        ("mark", "f", "x"),
    ],
)
def test_bad_usage(hungjury, arguments):
    assert hungjury("findings", *arguments).code == 2
