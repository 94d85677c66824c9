"""Reading records out of JSONL, CSV and plain text, one at a time and in constant memory.

Every reader yields `Found` in file order: what was parsed and the line on which it starts, or what is wrong with it.
Parquet and Arrow are read by `ensemble.row_columns`.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, Any, Literal

from ensemble.errors import InputError

Format = Literal["jsonl", "csv", "parquet", "arrow", "text"]

MAX_LINE_BYTES = 4 << 20
"""Longest line, longest CSV record over several lines, and longest value of a column that is read."""

TOO_LONG = f"is longer than {MAX_LINE_BYTES >> 20} MB, the limit for one row"
NOT_UTF8 = "is not valid UTF-8"

_DRAIN_BYTES = 1 << 16


@dataclass(frozen=True)
class Found:
    """One record as it stands in the file.

    Attributes:
        line: where it starts, from 1.
        record: what was parsed; meaningless when `problem` is set.
        problem: what is wrong with it, or None.
    """

    line: int
    record: Any = None
    problem: str | None = None


class _LineError(Exception):
    """A line that cannot be handed on; the lines after it can."""


class _Lines:
    """Lines of a binary stream; one that is too long or not UTF-8 raises, and the next call goes on behind it.

    A class and not a generator, because a generator is over once it has raised.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self.number, self._record_bytes = stream, 0, 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        raw = self._stream.readline(MAX_LINE_BYTES + 1)
        if not raw:
            raise StopIteration
        self.number += 1
        self._record_bytes += len(raw)
        if len(raw) > MAX_LINE_BYTES:
            self._drain(raw)
        if self._record_bytes > MAX_LINE_BYTES:
            raise _LineError(TOO_LONG)
        try:
            return raw.decode("utf-8-sig" if self.number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise _LineError(f"{NOT_UTF8} (byte {error.start + 1})") from None

    def start_record(self) -> None:
        """A new record starts with the next line; its size is counted from here."""
        self._record_bytes = 0

    def _drain(self, raw: bytes) -> None:
        while raw and not raw.endswith(b"\n"):
            raw = self._stream.readline(_DRAIN_BYTES)


def read_lines(stream: IO[bytes], parse: Callable[[str], Any]) -> Iterator[Found]:
    """One record a line, blank lines passed over; `parse` raises ValueError with a message for a bad line."""
    lines = _Lines(stream)
    while True:
        lines.start_record()
        try:
            line = next(lines, None)
            if line is None:
                return
            if not line.strip():
                continue
            found = Found(lines.number, parse(line.rstrip("\r\n")))
        except (_LineError, ValueError) as error:
            found = Found(lines.number, problem=str(error))
        yield found


def parse_json(line: str) -> Any:
    """One JSON value.

    Raises:
        ValueError: broken, nested too deeply, or with numbers that JSON does not know.
    """
    try:
        return json.loads(line, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise ValueError(f"is not valid JSON: {error.msg} at column {error.colno}") from None
    except RecursionError:
        raise ValueError("is not valid JSON: nested too deeply") from None


def parse_text(line: str) -> Any:
    """A line of plain text as a record."""
    return {"text": line}


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"is not valid JSON: {name} is no JSON number")


def read_csv(stream: IO[bytes], *, required: str = "text") -> Iterator[Found]:
    """Records of a CSV file with a header row that has a column of the `required` name.

    Raises:
        InputError: no such header.
    """
    lines = _Lines(stream)
    csv.field_size_limit(max(csv.field_size_limit(), MAX_LINE_BYTES))  # of the process; `_Lines` has the real limit
    reader = csv.reader(lines, strict=True)
    header: list[str] | None = None
    while True:
        lines.start_record()
        start = lines.number + 1
        try:
            cells = next(reader, None)
            problem = None
        except (_LineError, csv.Error) as error:
            cells, problem = [], str(error)
        if cells is None:
            return
        if header is None:
            header = _csv_header(cells, problem, required)
        elif problem or any(cell.strip() for cell in cells):
            yield _csv_record(header, cells, start, problem)


def _csv_header(cells: list[str], problem: str | None, required: str) -> list[str]:
    names = [cell.strip() for cell in cells]
    if problem:
        raise InputError(f"its header cannot be read: {problem}")
    if required not in names:
        raise InputError(f"has no column {required!r}, only {', '.join(map(repr, names[:10])) or 'an empty line'}")
    if len(set(names)) < len(names):
        raise InputError("has two columns of one name")
    return names


def _csv_record(header: list[str], cells: list[str], line: int, problem: str | None) -> Found:
    if problem:
        return Found(line, problem=problem)
    if len(cells) > len(header):
        return Found(line, problem=f"has {len(cells)} cells where the header has {len(header)}")
    record: dict[str, Any] = {name: cell for name, cell in zip(header, cells, strict=False) if cell != ""}
    try:
        record |= {name: parse_json(record[name]) for name in ("meta", "members") if name in record}
    except ValueError as error:
        return Found(line, problem=str(error))
    label = record.get("label", "").strip()
    if label in ("0", "1", "0.0", "1.0"):
        record["label"] = int(float(label))
    elif label.lower() in ("", "null", "nan"):
        record.pop("label", None)
    return Found(line, record)
