"""Folders, patterns and data sets as sources of rows."""

import json
import os
from contextlib import contextmanager

import pyarrow as pa
import pytest

from ensemble.errors import InputError
from ensemble.rows import BadRow, RowReader, find_files

NOBODY = 65_534
"""The user without rights, by its number on Linux."""


def _save(folder, texts, *, shards=2, split=None, names=("no", "yes"), label=1):
    """A data set in the layout of `datasets.save_to_disk`: streams of Arrow batches and two descriptions."""
    folder.mkdir(parents=True)
    features = {
        "text": {"dtype": "string", "_type": "Value"},
        "label": {"names": list(names), "_type": "ClassLabel"},
    }
    schema = pa.schema([("text", pa.string()), ("label", pa.int64())])
    schema = schema.with_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    files = []
    for shard in range(shards):
        files.append({"filename": f"data-{shard:05d}-of-{shards:05d}.arrow"})
        part = texts[shard::shards]
        with pa.ipc.new_stream(str(folder / files[-1]["filename"]), schema) as writer:
            writer.write(pa.record_batch([part, [label] * len(part)], schema=schema))
    (folder / "dataset_info.json").write_text(json.dumps({"features": features}))
    (folder / "state.json").write_text(json.dumps({"_data_files": files, "_split": split, "_format_type": None}))
    return folder


def _read(*sources):
    said = []
    reader = RowReader(sources, on_bad=said.append)
    return list(reader), said, reader


@pytest.fixture
def folder(tmp_path):
    """Two folders of rows, among them what is no rows: a picture, a README, a hidden file, a broken archive."""
    (tmp_path / "b" / "deep").mkdir(parents=True)
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "two.csv").write_text("text,label\ntwo,0\n")
    (tmp_path / "a" / "one.jsonl").write_text('{"text": "one"}\n{broken\n')
    (tmp_path / "b" / "deep" / "four.txt").write_text("four\n")
    (tmp_path / "b" / "three.txt").write_text("three\n")
    (tmp_path / "b" / "broken.jsonl.gz").write_bytes(b"\x1f\x8b rubbish")
    (tmp_path / "b" / "photo.png").write_bytes(b"\x89PNG")
    (tmp_path / "README").write_text("nothing")
    (tmp_path / ".hidden.txt").write_text("hidden\n")
    return tmp_path


def test_a_folder_is_read_whole_and_sorted(folder):
    """Everything below a folder is read in the order of its paths; hidden files are passed over in silence."""
    rows, said, reader = _read(folder)
    assert [row.text for row in rows] == ["one", "two", "four", "three"]
    assert (reader.good, reader.bad, reader.left_out) == (4, 1, 3)
    lines = sorted(str(row).removeprefix(f"{folder}/") for row in said)
    assert lines[0].startswith("README was left out: its name ends in none of .jsonl")
    assert lines[1].startswith("a/one.jsonl:2: is not valid JSON")
    assert lines[2].startswith("b/broken.jsonl.gz was left out: is a damaged gzip archive")
    assert lines[3].startswith("b/photo.png was left out")


def test_a_file_named_by_the_caller_must_be_readable(folder):
    """What is left out of a folder is an error where it was asked for by name."""
    with pytest.raises(InputError, match="damaged gzip"):
        _read(folder / "b" / "broken.jsonl.gz")


@contextmanager
def _as_nobody(folder):
    """For root, who may enter every folder: as a user who may not, once the way to the folder is open to all."""
    if os.geteuid() != 0:
        yield
        return
    way = [path for path in (folder, *folder.parents) if path.stat().st_uid == 0 and not path.stat().st_mode & 0o001]
    modes = {path: path.stat().st_mode for path in way}
    for path in way:
        path.chmod(modes[path] | 0o055)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        for path, mode in modes.items():
            path.chmod(mode)


def test_a_folder_that_cannot_be_entered_is_named(folder):
    """A subfolder without permission is left out, and the rest is read."""
    (folder / "b").chmod(0)
    with _as_nobody(folder):
        rows, said, _ = _read(folder)
    (folder / "b").chmod(0o700)
    assert [row.text for row in rows] == ["one", "two"]
    assert any("Permission denied" in str(row) for row in said)


def test_a_link_to_a_folder_is_not_followed(folder):
    """A link that leads back up does not make the reading endless; a link to a file is read."""
    (folder / "a" / "up").symlink_to(folder)
    (folder / "a" / "zlink.txt").symlink_to(folder / "b" / "three.txt")
    rows, said, _ = _read(folder / "a")
    assert [row.text for row in rows] == ["one", "two", "three"]
    assert any(str(row).endswith("up was left out: it is no plain file") for row in said)


def test_a_pattern_stands_for_all_that_fits(folder):
    """Patterns are sorted and may cross folders; one that fits nothing is refused."""
    rows, _, _ = _read(f"{folder}/**/*.txt")
    assert [row.text for row in rows] == ["four", "three"]
    with pytest.raises(InputError, match="no file fits"):
        find_files(f"{folder}/*.parquet")


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(tmp_path):
    """Brackets in the name of a file that exists are no pattern."""
    path = tmp_path / "part[1].txt"
    path.write_text("x\n")
    assert [row.text for row in _read(path)[0]] == ["x"]


@pytest.mark.parametrize("make", [lambda _: None, lambda path: (path / "x.png").write_bytes(b"x")])
def test_a_folder_without_rows_is_refused(tmp_path, make):
    """The message says which files count, and what was left out."""
    make(tmp_path)
    with pytest.raises(InputError, match=r"holds no file of rows \(.jsonl"):
        find_files(tmp_path)


def test_a_saved_data_set_is_read_shard_by_shard(tmp_path):
    """Shards come in the order of the state file; a label of two classes is a label."""
    saved = _save(tmp_path / "set", [f"t{i}" for i in range(10)])
    rows, said, _ = _read(saved)
    assert [row.text for row in rows] == [f"t{i}" for i in (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)]
    assert {row.label for row in rows} == {1}
    assert said == []
    assert (rows[0].line, rows[5].line) == (1, 1)
    assert rows[5].file.endswith("data-00001-of-00002.arrow")


def test_a_dictionary_of_data_sets_names_the_split_of_each_row(tmp_path):
    """Splits come in their order, and each row says from which it is; one split can be named alone."""
    root = tmp_path / "sets"
    for split in ("train", "test"):
        _save(root / split, [split], shards=1, split=split)
    (root / "dataset_dict.json").write_text(json.dumps({"splits": ["train", "test"]}))
    assert [(row.text, row.meta["split"]) for row in _read(root)[0]] == [("train", "train"), ("test", "test")]
    assert [row.text for row in _read(root / "test")[0]] == ["test"]
    assert [row.text for row in _read(tmp_path)[0]] == ["train", "test"]


@pytest.mark.parametrize(
    ("label", "expected", "kind"), [(2, None, "sports"), (-1, None, None), (0, None, "world")], ids=str
)
def test_a_label_of_many_classes_is_no_answer(tmp_path, label, expected, kind):
    """Where the label has more classes than two it goes along by name; -1 stands for none."""
    saved = _save(tmp_path / "news", ["t"], shards=1, names=("world", "tech", "sports"), label=label)
    (row,) = _read(saved)[0]
    assert (row.label, row.meta.get("class")) == (expected, kind)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda path: (path / "data-00001-of-00002.arrow").unlink(), "shard data-00001-of-00002.arrow is missing"),
        (lambda path: (path / "state.json").unlink(), "state.json cannot be read"),
        (lambda path: (path / "state.json").write_text("[]"), "no JSON object"),
        (lambda path: (path / "state.json").write_text('{"_data_files": [{"filename": "../x"}]}'), "no plain name"),
        (lambda path: (path / "state.json").write_text('{"_indices_data_files": [1]}'), "flatten_indices"),
    ],
)
def test_a_damaged_data_set_is_refused_with_the_reason(tmp_path, spoil, message):
    """A missing shard or description is named, and nothing outside of the folder is ever read."""
    saved = _save(tmp_path / "set", ["a", "b"])
    spoil(saved)
    with pytest.raises(InputError, match=message):
        find_files(saved)


def test_a_truncated_shard_is_left_out_from_where_it_breaks(tmp_path):
    """The shard is named; the other one is read."""
    saved = _save(tmp_path / "set", [f"t{i}" for i in range(10)])
    shard = saved / "data-00000-of-00002.arrow"
    shard.write_bytes(shard.read_bytes()[:-200])
    rows, said, _ = _read(saved)
    assert [row.text for row in rows] == ["t1", "t3", "t5", "t7", "t9"]
    assert str(said[0]).startswith(f"{shard} was left out: is no readable Arrow file")
    assert isinstance(said[0], BadRow)
