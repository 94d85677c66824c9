"""The one reader of rows: JSONL, CSV, Parquet, Arrow and plain text, each also gzipped, and `-` for standard input.

Streams in constant memory. A bad row never stops the reading: it is handed out as a `BadRow` that names file and line.
A file that cannot be read at all is an `InputError` that names it; within a folder it is left out and named.
"""

from __future__ import annotations

import gzip
import io
import re
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from ensemble.errors import InputError
from ensemble.row_checks import BadRow, Row, check_row
from ensemble.row_columns import ARROW_MAGIC, STREAM_MAGIC, read_arrow, read_parquet
from ensemble.row_files import FoundFiles, RowFile, Source, find_files, format_of
from ensemble.row_formats import Format, Found, parse_json, parse_text, read_csv, read_lines

__all__ = [
    "BadRow",
    "Format",
    "FoundFiles",
    "Row",
    "RowFile",
    "RowReader",
    "Source",
    "checked",
    "find_files",
    "look_at",
    "opened",
    "read_files",
    "read_records",
    "read_rows",
    "sniff",
]

_GZIP_MAGIC = b"\x1f\x8b"
_PARQUET_MAGIC = b"PAR1"
_ARRAY = re.compile(rb"\s*\[\s*\{")
_PEEK_BYTES = 1 << 16


def read_rows(source: Source, *, format: Format | None = None, skip: int = 0) -> Iterator[Row | BadRow]:  # noqa: A002 (the word for it)
    """All rows of one file, good and bad, in file order.

    Args:
        source: path, or "-" for standard input.
        format: how to read it; None goes by the suffix, and by the first bytes where the suffix says nothing.
        skip: rows, good and bad together, to pass over at the start: the number handed out before.

    Raises:
        InputError: missing, unreadable, a folder (see `read_files`), a truncated archive, or no file of its format.
    """
    name = _name(source)
    for index, found in enumerate(read_records(source, format=format)):
        if index >= skip:
            yield checked(found, name)


def read_records(
    source: Source,
    *,
    format: Format | None = None,  # noqa: A002 (the word for it)
    required: str = "text",
) -> Iterator[Found]:
    """What stands in one file, in file order, before anybody has asked whether it is a row.

    Args:
        source: path, or "-" for standard input.
        format: see `read_rows`.
        required: the column that a table must have.

    Raises:
        InputError: see `read_rows`.
    """
    name = _name(source)
    try:
        with _opened(source) as (stream, random_access):
            head = stream.peek(_PEEK_BYTES)
            chosen = format or format_of(name) or sniff(head)
            _check_head(head, chosen)
            yield from _read(stream, chosen, random_access=random_access, required=required)
    except InputError as error:
        raise InputError(f"{name} {error}", field=error.field) from None
    except EOFError:
        raise InputError(f"{name} is a truncated gzip archive; fetch it again") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"{name} is a damaged gzip archive: {error}") from None
    except OSError as error:
        raise InputError(f"{name} cannot be read: {error.strerror or error}") from None


@contextmanager
def opened(source: Source) -> Iterator[io.BufferedReader]:
    """The decompressed bytes of a file, or of standard input, which is left open."""
    with _opened(source) as (stream, _):
        yield stream


def _name(source: Source) -> str:
    return "<stdin>" if source == "-" else str(source)


def sniff(head: bytes) -> Format:
    """The format that a file's first bytes (decompressed) speak for; plain text when nothing else fits."""
    if head.startswith(_PARQUET_MAGIC):
        return "parquet"
    if head.startswith((ARROW_MAGIC, STREAM_MAGIC)):
        return "arrow"
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"{"):
        return "jsonl"
    columns = [cell.strip().strip('"') for cell in start.split(b"\n", 1)[0].decode("utf-8", "replace").split(",")]
    return "csv" if "text" in columns and (len(columns) > 1 or head.count(b"\n") > 1) else "text"


def read_files(file: RowFile, *, skip: int = 0) -> Iterator[Row | BadRow]:
    """All rows of a file that stands for a source or is part of one, see `read_rows`.

    Rows of a data set's split carry it in `meta`, unless they say themselves. A file that was found by searching and
    cannot be read, or not to its end, ends in a `BadRow` of line 0.

    Raises:
        InputError: the caller named this very file, and it cannot be read.
    """
    try:
        for row in read_rows(file.path, skip=skip):
            if isinstance(row, Row) and file.split:
                row.meta.setdefault("split", file.split)
            yield row
    except InputError as error:
        if not file.searched:
            raise
        name = str(file.path)
        yield BadRow(name, 0, f"was left out: {str(error).removeprefix(name).strip()}")


def look_at(path: Path) -> tuple[bool, Format]:
    """Whether a file is compressed, and how it is read: by its suffix, else by its first bytes.

    Raises:
        OSError, EOFError: it cannot be read, or is a truncated archive.
    """
    with path.open("rb") as raw:
        compressed = raw.read(2) == _GZIP_MAGIC
    with _opened(path) as (stream, _):
        return compressed, format_of(str(path)) or sniff(stream.peek(_PEEK_BYTES))


class RowReader:
    """Good rows of several sources in order; bad ones are counted and reported.

    Attributes:
        good: rows handed out so far.
        bad: rows skipped so far.
        left_out: files of folders that were skipped so far.
    """

    def __init__(self, sources: Sequence[Source], *, on_bad: Callable[[BadRow], None] | None = None) -> None:
        self.sources, self.good, self.bad, self.left_out = tuple(sources), 0, 0, 0
        self._on_bad = on_bad

    def __iter__(self) -> Iterator[Row]:
        for source in self.sources:
            found = find_files(source)
            for skipped in found.skipped:
                self._report(skipped)
            for row in (row for file in found.files for row in read_files(file)):
                if isinstance(row, BadRow):
                    self._report(row)
                else:
                    self.good += 1
                    yield row

    def _report(self, row: BadRow) -> None:
        self.bad += bool(row.line)
        self.left_out += not row.line
        if self._on_bad:
            self._on_bad(row)


def _check_head(head: bytes, chosen: Format) -> None:
    if chosen == "jsonl" and _ARRAY.match(head.removeprefix(b"\xef\xbb\xbf")):
        raise InputError("holds one JSON array; write one object a line instead (`jq -c '.[]' FILE`)")


def _read(stream: IO[bytes], chosen: Format, *, random_access: bool, required: str) -> Iterator[Found]:
    if chosen == "parquet":
        return read_parquet(stream, random_access=random_access, required=required)
    if chosen == "arrow":
        return read_arrow(stream, random_access=random_access, required=required)
    if chosen == "csv":
        return read_csv(stream, required=required)
    return read_lines(stream, parse_json if chosen == "jsonl" else parse_text)


def checked(found: Found, file: str) -> Row | BadRow:
    """The row that was found in a file, or what is wrong with it."""
    if found.problem is not None:
        return BadRow(file, found.line, found.problem)
    try:
        return check_row(found.record, file=file, line=found.line)
    except InputError as error:
        return BadRow(file, found.line, f"{error.field} {error}" if error.field else str(error))
    except RecursionError:  # an object nested close to the parser's own limit
        return BadRow(file, found.line, "is nested too deeply")


@contextmanager
def _opened(source: Source) -> Iterator[tuple[io.BufferedReader, bool]]:
    """The decompressed stream, and whether it can be searched cheaply. Standard input is left open."""
    raw: IO[bytes] = sys.stdin.buffer if source == "-" else Path(source).expanduser().open("rb")
    outer = raw if isinstance(raw, io.BufferedReader) else io.BufferedReader(cast("io.RawIOBase", raw), _PEEK_BYTES)
    try:
        if outer.peek(2).startswith(_GZIP_MAGIC):
            # GzipFile reads like a raw stream; the buffer over it serves short lines without a call into it each.
            unpacked = cast("io.RawIOBase", gzip.GzipFile(fileobj=outer))
            yield io.BufferedReader(unpacked, _PEEK_BYTES), False
        else:
            yield outer, source != "-" and outer.seekable()
    finally:
        if source != "-":
            outer.close()
        elif outer is not raw:
            outer.detach()
