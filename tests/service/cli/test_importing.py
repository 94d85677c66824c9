"""`import` of what `export` wrote, on a real store."""

import json

import pytest

from miners.queue.types import NewAnswer

from .conftest import item


def answered(queue, rater, answer):
    (lease,) = queue.lease(rater, request_id=rater)
    return queue.answer(lease.lease_id, rater, NewAnswer(answer=answer, note=f"by {rater}"))


def test_exported_items_come_back(hungjury, store, tmp_path):
    """Under other ids they are new again, with q, verdict, label and answers; a second time nothing changes."""
    queue = store.queue("injury")
    queue.enqueue([item(1, "one"), item(2, "two"), item(3, "three")])
    answered(queue, "ann", "yes")
    path, other = tmp_path / "items.jsonl", tmp_path / "other.jsonl"
    assert hungjury("export", "items", "-o", path).code == 0
    records = [json.loads(line) for line in path.read_text().splitlines()]
    for record in records:
        record["new"]["id"] += "b"
        for answer in record["answers"]:
            answer["answer_id"] += "b"
    other.write_text("\n".join(json.dumps(record) for record in records) + "\n", encoding="utf-8")
    for _ in range(2):
        told = hungjury("import", other)
        assert told.code == 0
        assert "3 texts read, 1 answers recorded" in told.out
    assert queue.counts().answers == 2
    found = {each.new.id: each for each in queue.items()}
    assert len(found) == 6
    back = found[records[2]["new"]["id"]]
    assert (back.new.selection_probability, back.label, back.finding) == (0.25, "yes", "FN")
    assert [(one.rater, one.body.note) for one in back.answers] == [("ann", "by ann")]


def test_the_same_file_again_changes_nothing(hungjury, store, tmp_path):
    """What was exported here is here already, answers too."""
    queue = store.queue("injury")
    queue.enqueue([item(1, "one")])
    answered(queue, "ann", "no")
    path = tmp_path / "items.jsonl"
    hungjury("export", "items", "-o", path)
    before = list(queue.items())
    assert hungjury("import", path).code == 0
    assert list(queue.items()) == before


def test_bad_lines_are_named(hungjury, store, tmp_path):
    """A line that is no item is skipped, with file and line; the rest comes in."""
    store.queue("injury").enqueue([item(1, "one")])
    path = tmp_path / "items.jsonl"
    hungjury("export", "items", "-o", path)
    path.write_text(path.read_text() + '{"new": {"id": "x"}}\nnonsense\n', encoding="utf-8")
    told = hungjury("import", path)
    assert told.code == 0
    assert "1 texts read" in told.out
    assert "2 bad rows skipped" in told.out
    assert f"{path}:2:" in told.err
    assert f"{path}:3:" in told.err


@pytest.mark.usefixtures("store")
def test_a_missing_file_is_bad_input(hungjury, tmp_path):
    """Said by name, exit 2."""
    told = hungjury("import", tmp_path / "nowhere.jsonl")
    assert told.code == 2
    assert "nowhere.jsonl" in told.err
