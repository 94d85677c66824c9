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


FORMATS = {
    "jsonl": "items.jsonl",
    "csv": "items.csv",
    "parquet": "items.parquet",
    "label-studio": "tasks.json",
    "argilla": "records.json",
    "hf": "folder",
}


@pytest.mark.parametrize(("form", "name"), FORMATS.items())
def test_every_format_goes_out_and_comes_back(hungjury, store, tmp_path, form, name):
    """What is here already is not changed by it, and every answer is known again."""
    queue = store.queue("injury")
    queue.enqueue([item(1, "=one"), item(2, "<b>two</b>"), item(3, "th\u202eree")])
    answered(queue, "ann", "yes")
    answered(queue, "bob", "no")
    before = list(queue.items())
    assert hungjury("export", "items", "--format", form, "--out", tmp_path / name).code == 0
    for _ in range(2):
        told = hungjury("import", tmp_path / name)
        assert (told.code, told.out) == (0, "3 texts read, 2 answers recorded\n")
    assert list(queue.items()) == before


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("name", ["out.csv", "out.parquet", "out.json"])
def test_an_empty_queue_is_exported_too(hungjury, tmp_path, name):
    """A table has its header; there is nothing to import from it."""
    assert hungjury("export", "items", "--out", tmp_path / name).code == 0
    assert (tmp_path / name).exists()
    assert hungjury("import", tmp_path / name, "--format", "label-studio").code in (1, 2)


@pytest.mark.usefixtures("store")
def test_what_is_no_text_needs_a_file(hungjury):
    """Parquet to standard output is bad usage; so is a format that is none."""
    told = hungjury("export", "items", "--format", "parquet")
    assert (told.code, "--out" in told.err) == (2, True)
    assert hungjury("export", "items", "--format", "xlsx").code == 2


def test_answers_of_others_come_back_as_theirs_and_conflicts_are_named(hungjury, store, tmp_path):
    """Whoever answered here otherwise keeps the answer given here; the line says who, and how to mend it."""
    queue = store.queue("injury")
    queue.enqueue([item(1, "one", needed=3)])
    answered(queue, "ann", "yes")
    path, raters = tmp_path / "tasks.json", tmp_path / "raters.json"
    hungjury("export", "items", "--format", "label-studio", "--out", path)
    tasks = json.loads(path.read_text(encoding="utf-8"))
    said = {"from_name": "answer", "to_name": "text", "type": "choices", "value": {"choices": ["no"]}}
    tasks[0]["annotations"] += [
        {"id": 1, "completed_by": {"id": 4, "email": "ann@example.org"}, "result": [said]},
        {"id": 2, "completed_by": {"id": 5, "email": "bob@example.org"}, "result": [said]},
    ]
    path.write_text(json.dumps(tasks), encoding="utf-8")
    raters.write_text('{"ann@example.org": "ann"}', encoding="utf-8")
    for _ in range(2):
        told = hungjury("import", path, "--raters", raters)
        assert told.code == 0
        assert "2 answers recorded, 1 left out" in told.out
        assert f"{path}:1: ann has answered" in told.err
    (found,) = queue.items()
    assert {one.rater: one.body.answer for one in found.answers} == {"ann": "yes", "bob@example.org": "no"}


def test_what_was_changed_elsewhere_is_corrected_where_that_is_asked_for(hungjury, store, tmp_path):
    """Without --correct the first answer stays; with it the new one counts, once, and answers given here never move."""
    queue = store.queue("injury")
    queue.enqueue([item(1, "one", needed=3)])
    answered(queue, "ann", "yes")
    path, raters = tmp_path / "tasks.json", tmp_path / "raters.json"
    hungjury("export", "items", "--format", "label-studio", "--out", path)
    (task,) = json.loads(path.read_text(encoding="utf-8"))
    raters.write_text('{"ann@example.org": "ann"}', encoding="utf-8")
    for choice, options, told in (
        ("no", [], "2 answers recorded, 1 left out"),
        ("yes", [], "1 answers recorded, 2 left out"),
        ("yes", ["--correct"], "1 answers recorded, 1 corrected, 1 left out"),
        ("yes", ["--correct"], "2 answers recorded, 1 left out"),
    ):
        said = {"from_name": "answer", "to_name": "text", "type": "choices", "value": {"choices": [choice]}}
        other = {**said, "value": {"choices": ["no"]}}
        task["annotations"] = [
            {"id": 1, "completed_by": {"id": 5, "email": "bob@example.org"}, "result": [said]},
            {"id": 2, "completed_by": {"id": 4, "email": "ann@example.org"}, "result": [other]},
        ]
        path.write_text(json.dumps([task]), encoding="utf-8")
        assert told in hungjury("import", path, "--raters", raters, *options).out
    (found,) = queue.items()
    answers = {one.rater: one for one in found.answers}
    assert {rater: one.body.answer for rater, one in answers.items()} == {"ann": "yes", "bob@example.org": "yes"}
    assert [past["answer"] for past in answers["bob@example.org"].history] == ["no"]


def test_an_item_named_by_its_id_alone_must_have_its_text(hungjury, store, tmp_path):
    """A forged id brings no answer to another text."""
    queue = store.queue("injury")
    queue.enqueue([item(1, "one")])
    (here,) = queue.items()
    said = {"from_name": "answer", "to_name": "text", "type": "choices", "value": {"choices": ["yes"]}}
    tasks = [
        {"data": {"text": text, "hungjury_item": here.new.id}, "annotations": [{"completed_by": by, "result": [said]}]}
        for by, text in enumerate(("two", "one"))
    ]
    path = tmp_path / "tasks.json"
    path.write_text(json.dumps(tasks), encoding="utf-8")
    told = hungjury("import", path)
    assert "1 texts read, 1 answers recorded, 1 bad rows skipped" in told.out
    assert [one.rater for one in queue.item(here.new.id).answers] == ["label-studio:1"]


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("text", ["nonsense", "[]", '{"ann": 3}'])
def test_a_bad_list_of_raters_is_bad_input(hungjury, tmp_path, text):
    """Exit 2, with the file's name."""
    path, raters = tmp_path / "tasks.json", tmp_path / "raters.json"
    path.write_text("[]", encoding="utf-8")
    raters.write_text(text, encoding="utf-8")
    told = hungjury("import", path, "--raters", raters)
    assert (told.code, "raters.json" in told.err) == (2, True)
