"""Out in every format and back in: nothing is lost, whatever the texts hold."""

import csv
import io
import json
import tracemalloc

import pytest
from hostile_texts import HOSTILE

from ensemble.errors import InputError
from ensemble.rows import BadRow, RowReader
from miners.exchange.cells import guarded
from miners.exchange.reading import form_of, read
from miners.exchange.writing import companion, write, write_text
from miners.imports import record_all
from miners.queue.memory import MemoryQueue
from miners.queue.types import Answer, Finding, Item

FILES = {
    "jsonl": "items.jsonl",
    "csv": "items.csv",
    "parquet": "items.parquet",
    "label-studio": "tasks.json",
    "argilla": "records.json",
    "hf": "folder",
}
TABLES = ("jsonl", "csv", "parquet", "hf")


def files_of(path):
    return sorted(path.glob("data/*.parquet")) if path.is_dir() else [path]


def take(path, queue):
    """Imports a file into a queue in memory; what was read, and the counts of its answers."""
    found, counts = [], {}
    for file in files_of(path):
        for one in read(file, form_of(file)):
            assert not isinstance(one, BadRow), one
            if one.item is not None:
                queue.enqueue([one.item])
            for name, count in record_all(queue, one.answers).items():
                counts[name] = counts.get(name, 0) + count
            found.append(one)
    return found, counts


def said(item):
    return [(one.answer_id, one.rater, one.body) for one in item.answers]


@pytest.mark.parametrize(("target", "name"), FILES.items())
def test_items_come_back_as_they_were(target, name, filled, task, tmp_path):
    """Text, context, verdict, provenance, q, answers under their ids, label and finding; twice is once."""
    path, after = tmp_path / name, MemoryQueue("injury")
    assert write(filled.items(), Item, target, path, task) == len(HOSTILE)
    for _ in range(2):
        found, counts = take(path, after)
        assert (len(found), counts) == (len(HOSTILE), {"recorded": 9})
    before = {item.new.id: item for item in filled.items()}
    assert {item.new.text for item in after.items()} == set(HOSTILE.values())
    for item in after.items():
        was = before[item.new.id]
        assert item.new == was.new
        assert (item.label, item.finding, item.state) == (was.label, was.finding, was.state)
        assert said(item) == said(was)
    assert not list(tmp_path.rglob("*.part"))


@pytest.mark.parametrize("target", TABLES)
def test_answers_alone_come_back_to_items_that_are_there(target, filled, task, tmp_path):
    """By item, under their ids; where the item is not there they are counted as missing."""
    path, after = tmp_path / FILES[target], MemoryQueue("injury")
    assert write(filled.answers(), Answer, target, path, task) == 9
    assert take(path, after)[1] == {"missing": 9}
    after.enqueue([item.new for item in filled.items()])
    assert take(path, after)[1] == {"recorded": 9}
    assert sorted(map(str, (said(item) for item in after.items()))) == sorted(map(str, map(said, filled.items())))


@pytest.mark.parametrize("target", FILES)
def test_findings_come_back_as_items(target, filled, task, tmp_path):
    """With kind, label and answers."""
    findings = filled.findings()
    assert findings
    path, after = tmp_path / FILES[target], MemoryQueue("injury")
    write(findings, Finding, target, path, task)
    take(path, after)
    assert {(one.item.new.id, one.kind) for one in after.findings()} == {
        (one.item.new.id, one.kind) for one in findings
    }


@pytest.mark.parametrize("target", ["label-studio", "argilla"])
def test_answers_without_texts_are_refused_where_the_format_has_none(target, filled, task, tmp_path):
    """With what to do instead."""
    with pytest.raises(InputError, match="export items instead"):
        write(filled.answers(), Answer, target, tmp_path / "out.json", task)


def test_no_cell_of_a_csv_file_is_a_formula(filled):
    """Whatever begins like one has an apostrophe in front, in every column."""
    stream = io.StringIO()
    write_text(filled.items(), Item, "csv", stream)
    rows = list(csv.reader(io.StringIO(stream.getvalue(), newline="")))
    assert len(rows) == len(HOSTILE) + 1
    cells = [cell for row in rows[1:] for cell in row]
    assert any(cell.startswith("'=HYPERLINK") for cell in cells)
    for cell in cells:
        start = cell.lstrip(" \u00a0")[:1]
        assert start not in set("=@\t\r+")
        assert start != "-" or float(cell)


@pytest.mark.parametrize("target", ["csv", "parquet"])
def test_a_table_of_items_is_also_rows_to_train_on(target, filled, task, tmp_path):
    """With label 0 or 1 where there is one; guarded cells keep their apostrophe for readers who do not know of it."""
    path = tmp_path / FILES[target]
    write(filled.items(), Item, target, path, task)
    rows = {row.id: row for row in RowReader([path])}
    items = {item.new.id: item for item in filled.items() if len(item.new.text) <= 20_000}
    assert rows.keys() == items.keys()
    for name, item in items.items():
        assert rows[name].label == (1 if item.label == "yes" else None)
        assert rows[name].text == (guarded(item.new.text) if target == "csv" else item.new.text)


@pytest.mark.parametrize("target", ["jsonl", "csv", "label-studio", "argilla"])
def test_a_broken_record_is_named_and_the_others_come(target, filled, task, tmp_path):
    """With file and line."""
    path = tmp_path / FILES[target]
    write(filled.items(), Item, target, path, task)
    broken = path.read_text(encoding="utf-8").replace('"selection_probability": 0.1,', '"selection_probability": 7,', 1)
    if target == "jsonl":
        broken = broken.replace('"selection_probability":0.1,', '"selection_probability":7,', 1)
    elif target == "csv":
        broken = broken.replace(",0.1,", ",7,", 1)
    elif target == "argilla":
        broken = broken.replace('\\"selection_probability\\": 0.1,', '\\"selection_probability\\": 7,', 1)
    path.write_text(broken, encoding="utf-8")
    found = list(read(path, form_of(path)))
    (bad,) = [one for one in found if isinstance(one, BadRow)]
    assert bad.file == str(path)
    assert bad.line == (2 if target == "csv" else 1)
    assert "selection_probability" in bad.message
    assert len(found) == len(HOSTILE)


@pytest.mark.parametrize("target", ["label-studio", "argilla"])
def test_a_text_that_was_changed_elsewhere_is_refused(target, filled, task, tmp_path):
    """An answer to other words is no answer to the item."""
    path = tmp_path / FILES[target]
    write(filled.items(), Item, target, path, task)
    records = json.loads(path.read_text(encoding="utf-8"))
    records[0]["data" if target == "label-studio" else "fields"]["text"] += "!"
    path.write_text(json.dumps(records), encoding="utf-8")
    (bad,) = [one for one in read(path, form_of(path)) if isinstance(one, BadRow)]
    assert "not the one that was exported" in bad.message


def test_a_folder_in_use_is_not_written_to(filled, task, tmp_path):
    """Nor a file where a folder should be."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "thesis.tex").touch()
    with pytest.raises(InputError, match="is there already"):
        write(filled.items(), Item, "hf", tmp_path / "folder", task)


@pytest.mark.parametrize("target", ["jsonl", "csv", "parquet", "label-studio", "argilla"])
def test_memory_does_not_grow_with_the_file(target, task, tmp_path, new_item_of):
    """1,000 items of 20 kB, 20 MB as written, take less than 12 MB at any moment, out and in."""
    item = new_item_of("x" * 20_000, deployed_passed=True)
    queue = MemoryQueue("injury")
    queue.enqueue([item])
    (whole,) = queue.items()
    path = tmp_path / f"many{(tmp_path / FILES[target]).suffix}"
    tracemalloc.start()
    try:
        write((whole for _ in range(1_000)), Item, target, path, task)
        read_back = sum(1 for _ in read(path, form_of(path)))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert read_back == 1_000
    assert peak < 12e6


def test_companions_lie_beside_the_file(filled, task, tmp_path):
    """The labeling configuration names every control that an answer has; the settings name every question."""
    tasks, records = tmp_path / "tasks.json", tmp_path / "records.json"
    write(filled.items(), Item, "label-studio", tasks, task)
    write(filled.items(), Item, "argilla", records, task)
    config = companion("label-studio", tasks).read_text(encoding="utf-8")
    assert all(f'name="{name}"' in config for name in ("text", "context", "answer", "severity", "note", "spans"))
    settings = json.loads(companion("argilla", records).read_text(encoding="utf-8"))
    assert {"answer", "severity", "note", "spans"} == {question["name"] for question in settings["questions"]}
