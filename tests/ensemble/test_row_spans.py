"""Large files cut into spans: together they give what the whole file gives, each row with its own line."""

import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ensemble.errors import InputError
from ensemble.row_spans import cut, read_span
from ensemble.rows import BadRow, read_rows


def _lines(count):
    good = [json.dumps({"text": f"text {i} " + "x" * (i % 90), "id": str(i)}) for i in range(count)]
    return [line if i % 7 else ("{broken", "", line)[i % 3] for i, line in enumerate(good)]


def _all(path, spans):
    return [row for span in spans for row in read_span(path, span)]


@pytest.mark.parametrize("size", [1, 37, 1000, 10**9])
@pytest.mark.parametrize("ending", ["\n", ""])
def test_the_spans_of_a_jsonl_file_give_its_rows(tmp_path, size, ending):
    """Whatever the size of the spans, no row is lost, none comes twice, and bad ones are named by their line."""
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(_lines(200)) + ending)
    spans = cut(path, size)
    assert _all(path, spans) == list(read_rows(path))
    assert any(isinstance(row, BadRow) for row in _all(path, spans))
    assert sum(span.rows for span in spans) == 200
    assert len(spans) == {1: 200, 10**9: 1}.get(size, len(spans))


def test_the_spans_of_a_parquet_file_give_its_rows(tmp_path):
    """A Parquet file is cut between its row groups, and rows are numbered from its start."""
    path = tmp_path / "a.parquet"
    table = pa.table({"text": [f"text {i}" if i % 5 else None for i in range(300)], "id": list(range(300))})
    pq.write_table(table, path, row_group_size=40)
    for size, count in ((1, 8), (10**9, 1)):
        spans = cut(path, size)
        assert len(spans) == count
        assert _all(path, spans) == list(read_rows(path))
        assert sum(span.rows for span in spans) == 300


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.txt", "a.csv"])
def test_what_cannot_be_cut_is_one_span(tmp_path, name):
    """Compressed files and records over several lines are read in one go, their lines counted for the progress bar."""
    path = tmp_path / name
    text = (
        "text,note\n" + "".join(f"row {i},x\n" for i in range(50)) if name == "a.csv" else "\n".join(_lines(50)) + "\n"
    )
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    (span,) = cut(path, 10)
    assert (span.unit, span.rows) == ("file", 51 if name == "a.csv" else 50)
    assert list(read_span(path, span)) == list(read_rows(path))


@pytest.mark.parametrize("skip", [0, 1, 33, 500])
def test_a_span_is_taken_up_where_it_was_left(tmp_path, skip):
    """Rows handed out before, good and bad, are passed over."""
    lines, table, zipped = tmp_path / "a.jsonl", tmp_path / "a.parquet", tmp_path / "a.jsonl.gz"
    lines.write_text("\n".join(_lines(120)))
    zipped.write_bytes(gzip.compress(lines.read_bytes()))
    pq.write_table(pa.table({"text": [f"text {i}" for i in range(120)]}), table, row_group_size=50)
    for path in (lines, table, zipped):
        span = cut(path, 3000)[-1]
        assert list(read_span(path, span, skip=skip)) == list(read_span(path, span))[skip:]


def test_one_huge_line_is_one_bad_row(tmp_path):
    """A line above the limit is named and passed over, also where it is longer than a span."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"text": "before"}\n' + b"x" * (5 << 20) + b'\n{"text": "after"}\n')
    rows = _all(path, cut(path, 1 << 20))
    assert [getattr(row, "text", None) for row in rows] == ["before", None, "after"]
    assert str(rows[1]) == f"{path}:2: is longer than 4 MB, the limit for one row"
    assert rows[2].line == 3


def test_an_empty_file_has_no_span(tmp_path):
    """Nothing is to be read of it."""
    for name in ("a.jsonl", "a.txt"):
        (tmp_path / name).write_text("")
        assert cut(tmp_path / name, 10) == []


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.parquet", b"PAR1 and no more", "is no readable Parquet file"),
        ("b.parquet", None, "has no column 'text', only 'body'"),
        ("missing.jsonl", None, "cannot be read: No such file"),
    ],
)
def test_what_is_no_file_of_rows_is_refused_by_name(tmp_path, name, content, message):
    """The error names the file and what is wrong with it."""
    if name == "b.parquet":
        pq.write_table(pa.table({"body": ["x"]}), tmp_path / name)
    elif content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=f"{name} {message}"):
        cut(tmp_path / name, 10)


def test_a_truncated_archive_is_read_as_far_as_it_goes(tmp_path):
    """It is cut all the same; reading it says where it ends."""
    path = tmp_path / "a.jsonl.gz"
    lines = "".join(json.dumps({"text": f"{i * 7919 % 104729} {i}"}) + "\n" for i in range(9000))
    whole = gzip.compress(lines.encode())
    path.write_bytes(whole[: len(whole) // 2])
    (span,) = cut(path, 10)
    rows = read_span(path, span)
    assert next(rows).text
    with pytest.raises(InputError, match="truncated gzip"):
        list(rows)
