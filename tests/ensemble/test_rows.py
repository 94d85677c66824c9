"""The reader of rows: formats, bad rows, unreadable files, positions."""

import csv
import gzip
import io
import json
import tracemalloc
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensemble.errors import InputError
from ensemble.row_formats import MAX_LINE_BYTES
from ensemble.rows import BadRow, Row, RowReader, read_rows, sniff
from ensemble.text import MAX_TEXT_CHARS

ROWS = [
    {"text": "The lamp fell.", "context": "It was dark.", "id": "a", "label": 0, "meta": {"book": "x"}},
    {"text": "Dès l'aube, 雪.", "label": 1},
    {"text": 'She said "no",\nand left.'},
]


def _write(path, data: bytes, *, packed: bool):
    path = path.with_name(path.name + ".gz") if packed else path
    path.write_bytes(gzip.compress(data) if packed else data)
    return path


def _jsonl(rows) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def _csv(rows) -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, ["text", "context", "id", "label", "meta"])
    writer.writeheader()
    writer.writerows({**row, **({"meta": json.dumps(row["meta"])} if "meta" in row else {})} for row in rows)
    return out.getvalue().encode()


def _parquet(rows) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), sink)
    return sink.getvalue()


def _arrow(rows) -> bytes:
    table, sink = pa.Table.from_pylist(rows), io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def _feather(rows) -> bytes:
    table, sink = pa.Table.from_pylist(rows), io.BytesIO()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


COLUMNS = [(".parquet", _parquet), (".arrow", _arrow), (".feather", _feather)]


def _content(row: Row) -> tuple:
    return row.text, row.context, row.id, row.label, row.meta


EXPECTED = [
    ("The lamp fell.", "It was dark.", "a", 0, {"book": "x"}),
    ("Dès l'aube, 雪.", "", "", 1, {}),
    ('She said "no",\nand left.', "", "", None, {}),
]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize(("suffix", "write"), [(".jsonl", _jsonl), (".csv", _csv), *COLUMNS])
def test_every_format_gives_the_same_rows(tmp_path, suffix, write, named, packed):
    """JSONL, CSV, Parquet and Arrow, plain or gzipped, named by suffix or sniffed, hold the same rows."""
    path = _write(tmp_path / ("rows" + (suffix if named else "")), write(ROWS), packed=packed)
    assert [_content(row) for row in read_rows(path)] == EXPECTED


@pytest.mark.parametrize("packed", [False, True])
def test_plain_text_is_one_text_a_line(tmp_path, packed):
    """Plain text gives a row a line, skips blank lines, and keeps the line numbers of the file."""
    path = _write(tmp_path / "story.txt", "\ufeffOne.\r\n\n   \nTwo.\n\nThree".encode(), packed=packed)
    assert [(row.text, row.line) for row in read_rows(path)] == [("One.", 1), ("Two.", 4), ("Three", 6)]


def test_other_fields_go_into_meta_and_members_are_kept(tmp_path):
    """Unknown top-level fields join meta, meta wins, and member probabilities are handed on."""
    row = {"text": "x y", "book": "A", "year": 1, "meta": {"year": 2}, "members": {"encoder": 0.25, "judge": 1}}
    (found,) = read_rows(_write(tmp_path / "r.jsonl", _jsonl([row]), packed=False))
    assert found.meta == {"book": "A", "year": 2}
    assert found.members == {"encoder": 0.25, "judge": 1.0}


BAD_LINES = [
    (b'{"text": "a"', "is not valid JSON"),
    (b"[1, 2]", "must be a JSON object, not an array"),
    (b'"text"', "must be a JSON object, not a string"),
    (b"{}", "text is missing"),
    (b'{"text": null}', "text is missing"),
    (b'{"text": ""}', "text must not be empty"),
    (b'{"text": " \\n\\t "}', "text must not be empty"),
    (b'{"text": 5}', "text must be a string, not a number (5)"),
    (b'{"text": ["a"]}', "text must be a string, not an array"),
    (json.dumps({"text": "a" * (MAX_TEXT_CHARS + 1)}).encode(), "text has 20,001 characters; the limit is 20,000"),
    (b'{"text": "a\\ud800b"}', "text holds a lone surrogate"),
    (b'{"text": "a\\u0000b"}', "text holds a NUL"),
    (b'{"text": "a", "context": "\\u0000"}', "context holds a NUL"),
    (b'{"text": "a", "context": 1}', "context must be a string"),
    (b'{"text": "a", "label": 2}', "label must be 0, 1 or null, not a number (2)"),
    (b'{"text": "a", "label": true}', "label must be 0, 1 or null, not a boolean"),
    (b'{"text": "a", "label": "yes"}', "label must be 0, 1 or null, not a string ('yes')"),
    (b'{"text": "a", "label": 0.5}', "label must be 0, 1 or null"),
    (b'{"text": "a", "id": [1]}', "id must be a string"),
    (b'{"text": "a", "meta": 1}', "meta must be an object"),
    (b'{"text": "a", "meta": {"b": "\\udc00"}}', "meta holds a lone surrogate"),
    (b'{"text": "a", "members": {"m": 1.5}}', "members.m must be a probability"),
    (b'{"text": "a", "members": [0.5]}', "members must be an object of probabilities"),
    (b'{"text": "a", "x": NaN}', "NaN is no JSON number"),
    (b'{"text": "a", "x": ' + b"9" * 5000 + b"}", "integer string conversion"),
    (b'{"text": "a\xff"}', "is not valid UTF-8"),
    (b"[" * 100_000, "nested too deeply"),
    (b'{"text": "' + b"a" * MAX_LINE_BYTES + b'"}', "is longer than 4 MB"),
]


@pytest.mark.parametrize(("line", "message"), BAD_LINES, ids=[message[:40] for _, message in BAD_LINES])
def test_a_bad_row_is_named_and_skipped(tmp_path, line, message):
    """A bad line becomes a BadRow with file and line, and the rows around it are read."""
    path = _write(tmp_path / "r.jsonl", b'{"text": "before"}\n\n' + line + b'\n{"text": "after"}\n', packed=False)
    before, bad, after = read_rows(path)
    assert (before.text, before.line, after.text, after.line) == ("before", 1, "after", 4)
    assert isinstance(bad, BadRow)
    assert (bad.file, bad.line) == (str(path), 3)
    assert message in bad.message


BAD_CELLS = [
    (b'"never closed\nover lines', "unexpected end of data"),
    (b'"a"b,1', "expected after"),
    (b"a,1,2,3", "has 4 cells where the header has 2"),
    (b",1", "text is missing"),
    (b"a\xff,1", "is not valid UTF-8"),
    (b"a,maybe", "label must be 0, 1 or null"),
    (b"a\0b,1", "text holds a NUL"),
    (b"a" * 200_000 + b",1", "the limit is 20,000"),
    (b"a" * (MAX_LINE_BYTES + 1), "is longer than 4 MB"),
]


@pytest.mark.parametrize(("line", "message"), BAD_CELLS, ids=[message[:30] for _, message in BAD_CELLS])
def test_a_bad_csv_record_is_named_and_skipped(tmp_path, line, message):
    """A bad CSV record is reported by the line on which it starts."""
    path = _write(tmp_path / "r.csv", b'text,label\n"two\nlines",1\n' + line + b"\n", packed=False)
    good, bad = read_rows(path)
    assert (good.text, good.label, good.line) == ("two\nlines", 1, 2)
    assert (bad.line, message in bad.message) == (4, True)


def test_rows_after_a_bad_csv_record_are_read(tmp_path):
    """Reading goes on behind a record with too many cells, a huge line and bad bytes."""
    huge = b"x" * (MAX_LINE_BYTES + 5)
    path = _write(tmp_path / "r.csv", b"text,label\na,1,9\n" + huge + b"\n\xff,0\nlast,0\n", packed=False)
    rows = list(read_rows(path))
    assert [type(row) for row in rows] == [BadRow, BadRow, BadRow, Row]
    assert (rows[-1].text, rows[-1].line) == ("last", 5)


def test_a_quote_that_never_closes_does_not_take_the_file_into_memory(tmp_path):
    """A CSV record that runs on over lines is cut off at the limit and reported."""
    lines = b'text\n"start\n' + (b'",' + b'"' + b"y" * 1000 + b"\n") * 6000
    path = _write(tmp_path / "r.csv", lines, packed=False)
    tracemalloc.start()
    rows = list(read_rows(path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert rows
    assert all(isinstance(row, BadRow) for row in rows)
    assert peak < 30 << 20


def test_parquet_rows_with_odd_values(tmp_path):
    """Float labels with gaps, dates and bytes in Parquet become labels and plain JSON; bad bytes spoil one row only."""
    table = pa.table(
        {
            "text": pa.array([b"one", b"two", b"\xff", None], pa.binary()).cast(pa.binary()).view(pa.string()),
            "label": pa.array([1.0, float("nan"), 0.0, 0.0]),
            "when": pa.array([0, 1, 2, 3], pa.timestamp("s")),
            "raw": pa.array([b"\x00", None, b"", b""]),
        }
    )
    path = tmp_path / "r.parquet"
    pq.write_table(table, path)
    one, two, three, four = read_rows(path)
    assert (one.label, two.label) == (1, None)
    assert one.meta == {"when": "1970-01-01T00:00:00", "raw": "b'\\x00'"}
    assert (three.line, three.message) == (3, "is not valid UTF-8")
    assert (four.line, four.message) == (4, "text is missing")


def _truncated(path):
    path.write_bytes(gzip.compress(_jsonl([{"text": f"row {i} {i * 7919}"} for i in range(5000)]))[:-500])


UNREADABLE = [
    ("missing.jsonl", lambda _: None, "cannot be read: No such file"),
    ("folder.jsonl", lambda path: path.mkdir(), "cannot be read: Is a directory"),
    ("cut.jsonl.gz", _truncated, "is a truncated gzip archive"),
    ("bent.gz", lambda path: path.write_bytes(gzip.compress(b"a" * 99)[:12] + b"\xff" * 40), "gzip archive"),
    ("r.parquet", lambda path: path.write_bytes(b"PAR1 and nothing more"), "is no readable Parquet file"),
    ("r.parquet", lambda path: path.write_bytes(_parquet([{"body": "x"}])), "has no column 'text', only 'body'"),
    ("r.csv", lambda path: path.write_bytes(b"a,b\n1,2\n"), "has no column 'text', only 'a', 'b'"),
    ("r.csv", lambda path: path.write_bytes(b"text,text\n1,2\n"), "two columns of one name"),
    ("r.csv", lambda path: path.write_bytes(b"\xff,text\n1,2\n"), "its header cannot be read"),
]


@pytest.mark.parametrize(("name", "make", "message"), UNREADABLE, ids=[f"{n} {m[:25]}" for n, _, m in UNREADABLE])
def test_an_unreadable_file_is_an_error_that_names_it(tmp_path, name, make, message):
    """A file that cannot be read as a whole raises InputError with its name and the reason."""
    path = tmp_path / name
    make(path)
    with pytest.raises(InputError) as raised:
        list(read_rows(path))
    assert str(raised.value).startswith(str(path))
    assert message in str(raised.value)


@pytest.mark.parametrize("name", ["e.jsonl", "e.csv", "e.txt", "e", "e.gz"])
def test_an_empty_file_has_no_rows(tmp_path, name):
    """An empty file is no error by itself."""
    (tmp_path / name).write_bytes(b"")
    assert list(read_rows(tmp_path / name)) == []


@pytest.mark.parametrize(("suffix", "write"), [(".jsonl", _jsonl), (".csv", _csv), (".parquet", _parquet)])
def test_skipping_goes_on_where_reading_stopped(tmp_path, suffix, write):
    """For every n, n rows read and the rest with skip=n are the whole, bad rows counted among them."""
    rows = [{"text": f"row\n{i}" if i % 3 else ""} for i in range(600)]
    path = _write(tmp_path / f"r{suffix}", write([{**row, "label": 1} for row in rows]), packed=False)
    whole = list(read_rows(path))
    assert len(whole) == 600
    assert sum(isinstance(row, BadRow) for row in whole) == 200
    for n in (0, 1, 255, 256, 257, 599, 600, 900):
        assert list(read_rows(path, skip=n)) == whole[n:]


def test_standard_input_is_read_and_left_open(monkeypatch):
    """A dash reads standard input, sniffs what it is, and does not close it."""
    stream = io.BytesIO(gzip.compress(_jsonl(ROWS)))
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=stream))
    rows = list(read_rows("-"))
    assert [_content(row) for row in rows] == EXPECTED
    assert rows[0].file == "<stdin>"
    assert not stream.closed


def test_parquet_comes_through_a_pipe(monkeypatch):
    """Parquet, which is read from its end, can still come over standard input."""
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(_parquet(ROWS))))
    assert [_content(row) for row in read_rows("-")] == EXPECTED


def test_a_reader_of_several_files_counts(tmp_path):
    """RowReader gives the good rows of all files in order, counts good and bad, and reports each bad one."""
    first = _write(tmp_path / "a.jsonl", b'{"text": "1"}\nbroken\n', packed=False)
    second = _write(tmp_path / "b.txt", b"2\n3\n", packed=False)
    reported = []
    reader = RowReader([first, second], on_bad=reported.append)
    assert [row.text for row in reader] == ["1", "2", "3"]
    assert (reader.good, reader.bad) == (3, 1)
    assert str(reported[0]).startswith(f"{first}:2: is not valid JSON")


def test_memory_stays_constant(tmp_path):
    """A 40 MB file is read within a few megabytes, a 30 MB line in it among them."""
    path = tmp_path / "big.jsonl"
    with path.open("wb") as file:
        for _ in range(5000):
            file.write(b'{"text": "' + b"a" * 2000 + b'"}\n')
        file.write(b'{"text": "' + b"b" * (30 << 20) + b'"}\n')
    tracemalloc.start()
    bad = sum(isinstance(row, BadRow) for row in read_rows(path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert bad == 1
    assert peak < 16 << 20


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b' {"text": 1}', "jsonl"),
        (b"\xef\xbb\xbf{", "jsonl"),
        (b"id,text\n", "csv"),
        (b'"text","id"\n1,2', "csv"),
        (b"PAR1....", "parquet"),
        (b"Call me Ishmael, she said.\n", "text"),
        (b"", "text"),
    ],
)
def test_sniffing(head, expected):
    """The first bytes tell the format."""
    assert sniff(head) == expected


@given(st.binary(max_size=300), st.sampled_from(["jsonl", "csv", "text", "parquet", "arrow", None]))
def test_any_bytes_give_rows_bad_rows_or_an_input_error(tmp_path_factory, data, kind):
    """Whatever a file holds, reading ends in rows, bad rows or an InputError, never in another exception."""
    path = tmp_path_factory.getbasetemp() / "fuzz"
    path.write_bytes(data)
    rows, message = [], str(path)
    try:
        rows = list(read_rows(path, format=kind))
    except InputError as error:
        message = str(error)
    assert str(path) in message
    assert all(row.text.strip() for row in rows if isinstance(row, Row))


@pytest.mark.parametrize(("suffix", "write"), COLUMNS)
def test_a_huge_value_of_a_column_is_named_and_skipped(tmp_path, suffix, write):
    """A row over the limit is reported by its number; its neighbours in the same batch are read."""
    path = _write(
        tmp_path / f"r{suffix}",
        write([{"text": "a"}, {"text": "x" * (MAX_LINE_BYTES + 1)}, {"text": "b"}]),
        packed=False,
    )
    first, bad, last = read_rows(path)
    assert (first.text, last.text) == ("a", "b")
    assert str(bad) == f"{path}:2: is longer than 4 MB, the limit for one row"


@pytest.mark.parametrize(("suffix", "write"), COLUMNS)
def test_a_string_that_is_not_utf8_spoils_its_row_only(tmp_path, suffix, write):
    """Bytes that are no text are reported by row, and the rows beside it are read."""
    path = _write(tmp_path / f"r{suffix}", write([{"text": "a"}, {"text": "QQQQ"}, {"text": "b"}]), packed=False)
    path.write_bytes(path.read_bytes().replace(b"QQQQ", b"\xff\xfe\xff\xfe"))
    found = list(read_rows(path))
    assert [row.text for row in found if isinstance(row, Row)] == ["a", "b"]
    assert "is not valid UTF-8" in str(found[1])


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".txt"])
def test_a_line_without_end_never_comes_into_memory(tmp_path, suffix):
    """A quarter of a gigabyte on one line costs a few megabytes; file, line and limit are named."""
    path = tmp_path / f"r{suffix}.gz"
    with gzip.open(path, "wb", compresslevel=1) as stream:
        stream.write(b"text\nfirst\n")
        for _ in range(256):
            stream.write(b"x" * (1 << 20))
        stream.write(b"\nlast\n")
    tracemalloc.start()
    found = list(read_rows(path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    problem = next(row for row in found if isinstance(row, BadRow) and "longer" in str(row))
    assert str(problem) == f"{path}:3: is longer than 4 MB, the limit for one row"
    assert peak < 32 << 20


def test_a_json_array_is_told_apart_from_a_row_a_line(tmp_path):
    """A file that is one array is refused with what to do; a single bad row that is one is a bad row."""
    whole, row = tmp_path / "a.json", tmp_path / "b.jsonl"
    whole.write_text('[\n {"text": "x"}\n]')
    row.write_text('[1]\n{"text": "x"}\n')
    with pytest.raises(InputError, match="one object a line"):
        list(read_rows(whole))
    assert [type(found) for found in read_rows(row)] == [BadRow, Row]


def test_a_parquet_file_of_one_group_of_rows_is_read_piece_by_piece(tmp_path):
    """Memory stays far below the file, also where the file is one single group."""
    path = tmp_path / "r.parquet"
    table = pa.table({"text": [f"{i} " + "word " * 200 for i in range(20_000)]})
    pq.write_table(table, path, row_group_size=20_000, compression="none", use_dictionary=False)
    tracemalloc.start()
    rows = sum(1 for _ in read_rows(path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert rows == 20_000
    assert path.stat().st_size > 19 << 20
    assert peak < 10 << 20
