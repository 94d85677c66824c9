"""Cutting a large file into spans that are read apart from each other, without reading it from its start.

A plain JSONL file is cut between lines, a Parquet file between row groups. What is compressed as a whole, and formats
whose records may run over lines, can only be read in one go.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import IO, Any, cast

from ensemble.errors import InputError
from ensemble.row_columns import batch_rows
from ensemble.row_formats import Found, parse_json, read_lines
from ensemble.rows import BadRow, Row, checked, look_at, read_rows

_CHUNK = 1 << 20
_PARQUET_BATCH = 256


@dataclass(frozen=True)
class Span:
    """A part of a file, or all of it.

    Attributes:
        unit: what start and stop count: "bytes" of a plain JSONL file, "groups" of rows of a Parquet file, or "file"
            where it is read in one go.
        start, stop: from and up to which.
        before: lines, or rows, of the file before this span.
        rows: lines, or rows, in it; blank lines count, so that it may be a little too high.
    """

    unit: str
    start: int
    stop: int
    before: int
    rows: int


def cut(path: Path, most_bytes: int) -> list[Span]:
    """The spans of a file, in order, each of about `most_bytes` at most where it can be cut; none for an empty file.

    Raises:
        InputError: it cannot be read, or is no file of its format.
    """
    try:
        compressed, chosen = look_at(path)
        if chosen == "parquet" and not compressed:
            return _cut_groups(path, most_bytes)
        if chosen == "jsonl" and not compressed:
            return _cut_lines(path, most_bytes)
        if chosen == "parquet":
            return [Span("file", 0, 0, 0, 0)]
        rows = _count_lines(path, compressed=compressed)
        return [Span("file", 0, 0, 0, rows)] if rows else []
    except (EOFError, gzip.BadGzipFile, zlib.error):
        return [Span("file", 0, 0, 0, 0)]  # damaged further on: whoever reads it says where
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from None


def read_span(path: Path, span: Span, *, skip: int = 0) -> Iterator[Row | BadRow]:
    """Rows of a span, good and bad, in file order; their lines are counted from the start of the file.

    Args:
        path: the file, as it was when it was cut.
        span: one of `cut`.
        skip: rows, good and bad together, to pass over at the start.

    Raises:
        InputError: the file became unreadable, or is damaged from some row on.
    """
    if span.unit == "file":
        yield from read_rows(path, skip=skip)
        return
    try:
        with path.open("rb") as stream:
            found = _lines(stream, span) if span.unit == "bytes" else _groups(stream, span)
            for index, one in enumerate(found):
                if index >= skip:
                    yield checked(replace(one, line=one.line + span.before), str(path))
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from None


def _cut_lines(path: Path, most_bytes: int) -> list[Span]:
    size, start, before = path.stat().st_size, 0, 0
    spans = []
    with path.open("rb") as stream:
        while start < size:
            stop = _line_end(stream, min(size, start + most_bytes))
            rows = _lines_between(stream, start, stop)
            spans.append(Span("bytes", start, stop, before, rows))
            start, before = stop, before + rows
    return spans


def _line_end(stream: IO[bytes], at: int) -> int:
    """The end of the line that holds the byte before `at`."""
    stream.seek(at - 1)
    while (piece := stream.readline(_CHUNK)) and not piece.endswith(b"\n"):
        pass
    return stream.tell()


def _lines_between(stream: IO[bytes], start: int, stop: int) -> int:
    stream.seek(start)
    lines, last = 0, b"\n"
    while (left := stop - stream.tell()) > 0 and (chunk := stream.read(min(_CHUNK, left))):
        lines, last = lines + chunk.count(b"\n"), chunk[-1:]
    return lines + (last != b"\n")


def _count_lines(path: Path, *, compressed: bool) -> int:
    with gzip.open(path) if compressed else path.open("rb") as stream:
        lines, last = 0, b"\n"
        while chunk := stream.read(_CHUNK):
            lines, last = lines + chunk.count(b"\n"), chunk[-1:]
        return lines + (last != b"\n")


def _cut_groups(path: Path, most_bytes: int) -> list[Span]:
    with path.open("rb") as stream:
        meta = _parquet(stream, path).metadata
    spans: list[Span] = []
    first = before = rows = size = 0
    for group in range(meta.num_row_groups):
        described = meta.row_group(group)
        if rows and size + described.total_byte_size > most_bytes:
            spans.append(Span("groups", first, group, before, rows))
            first, before, rows, size = group, before + rows, 0, 0
        rows, size = rows + described.num_rows, size + described.total_byte_size
    return [*spans, Span("groups", first, meta.num_row_groups, before, rows)] if rows else spans


def _parquet(stream: IO[bytes], path: Path) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # With a buffer the columns of a row group are read page by page instead of whole.
        file = pq.ParquetFile(stream, buffer_size=_CHUNK, pre_buffer=False)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path} is no readable Parquet file: {str(error).splitlines()[0]}") from None
    if "text" not in file.schema_arrow.names:
        raise InputError(f"{path} has no column 'text', only {', '.join(map(repr, file.schema_arrow.names[:10]))}")
    return file


def _lines(stream: io.BufferedReader, span: Span) -> Iterator[Found]:
    stream.seek(span.start)
    return read_lines(cast("IO[bytes]", _Until(stream, span.stop)), parse_json)


def _groups(stream: IO[bytes], span: Span) -> Iterator[Found]:
    import pyarrow as pa

    path, numbers = Path(stream.name), count(1)
    groups = list(range(span.start, span.stop))
    try:
        for batch in _parquet(stream, path).iter_batches(_PARQUET_BATCH, row_groups=groups, use_threads=False):
            for found in batch_rows(batch):
                number = next(numbers)
                yield Found(number, problem=found) if isinstance(found, str) else Found(number, found)
    except pa.ArrowException as error:
        raise InputError(f"{path} is damaged: {str(error).splitlines()[0]}") from None


class _Until(io.RawIOBase):
    """A stream that ends at a byte which is the end of a line."""

    def __init__(self, stream: io.BufferedReader, stop: int) -> None:
        self._stream, self._left = stream, stop - stream.tell()

    def readline(self, size: int | None = -1, /) -> bytes:
        """The next line, or what fits of it."""
        wanted = self._left if size is None or size < 0 else min(size, self._left)
        line = self._stream.readline(wanted) if wanted > 0 else b""
        self._left -= len(line)
        return line
