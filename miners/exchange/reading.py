"""Reading files from elsewhere: which form they have, and what stands in them, one record at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Literal

from ensemble.errors import InputError
from ensemble.row_checks import BadRow, check_row
from ensemble.row_files import format_of
from ensemble.row_formats import Format, Found
from ensemble.rows import opened, read_records, sniff
from miners.exchange import argilla, label_studio
from miners.exchange.cells import unguarded
from miners.exchange.incoming import Incoming, Raters
from miners.exchange.json_array import read_values
from miners.exchange.tables import from_row, kind_of
from miners.imports import exported

Form = Literal["rows", "exported", "label-studio", "argilla"]
"""Rows for `ensemble.rows`; what `hungjury export` wrote as JSONL, CSV or Parquet; tasks or records of others."""

_PEEK = 1 << 16


def form_of(path: Path) -> Form:
    """What a file's first record speaks for; rows where nothing else fits, or nothing can be read."""
    try:
        first = next((found.record for found in islice(_found(path), 20) if found.problem is None), None)
    except (InputError, EOFError, OSError):
        return "rows"
    if not isinstance(first, Mapping):
        return "rows"
    if isinstance(first.get("data"), Mapping):
        return "label-studio"
    if isinstance(first.get("fields"), Mapping):
        return "argilla"
    ours = "new" in first or {"item", "kind"} <= first.keys() or {"item_id", "body"} <= first.keys()
    return "exported" if ours or kind_of(first) is not None else "rows"


def is_array(path: Path) -> bool:
    """Whether a file holds one JSON array, which `ensemble.rows` does not read."""
    try:
        with opened(path) as stream:
            return stream.peek(_PEEK).removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"["
    except (EOFError, OSError):
        return False


def read(path: Path, form: Form, raters: Raters | None = None) -> Iterator[Incoming | BadRow]:
    """What stands in a file, in its order; what cannot be read is a `BadRow` that names file and line.

    Args:
        path: of a file.
        form: see `form_of`.
        raters: who is who.

    Raises:
        InputError: the file cannot be read.
    """
    raters, file = raters or Raters(), str(path)
    parse = _PARSERS[form]
    for found in _found(path):
        if found.problem is not None:
            yield BadRow(file, found.line, found.problem)
            continue
        try:
            incoming = parse(found.record, file, found.line, raters)
            if incoming.row is not None:
                check_row(incoming.row, file=file, line=found.line)
        except InputError as error:
            yield BadRow(file, found.line, f"{error.field} {error}" if error.field else str(error))
        else:
            given = tuple(replace(answer, where=incoming.where) for answer in incoming.answers)
            yield replace(incoming, answers=given)


def _found(path: Path) -> Iterator[Found]:
    chosen = _format(path)
    if chosen == "array":
        with opened(path) as stream:
            yield from read_values(stream)
        return
    try:
        records = read_records(path, format=chosen)
        first = next(records, None)
    except InputError:
        if chosen not in ("csv", "parquet", "arrow"):
            raise
        records = read_records(path, format=chosen, required="item_id")  # a table of answers has no texts
        first = next(records, None)
    if first is not None:
        yield _unguarded(first) if chosen == "csv" else first
    yield from map(_unguarded, records) if chosen == "csv" else records


def _format(path: Path) -> Format | Literal["array"]:
    if not path.exists():
        raise InputError(f"{path} does not exist")
    with opened(path) as stream:
        head = stream.peek(_PEEK)
    named = format_of(path.name) or sniff(head)
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if named in ("jsonl", "text") and (start[:1] == b"[" or start.split(b"\n", 1)[0].strip() == b"{"):
        return "array"
    return "csv" if named == "text" and start.startswith((b"item_id,", b'"item_id",')) else named


def _unguarded(found: Found) -> Found:
    """A table of ours without what keeps spreadsheets from computing its cells; any other as it is."""
    if not isinstance(found.record, dict) or kind_of(found.record) is None:
        return found
    cells = {name: unguarded(cell) if isinstance(cell, str) else cell for name, cell in found.record.items()}
    return replace(found, record=cells)


def _from_export(record: object, file: str, line: int, _raters: Raters) -> Incoming:
    if not isinstance(record, Mapping):
        raise InputError("is no item as `hungjury export` writes it")
    item, answers = exported(from_row(record) if kind_of(record) is not None else record)
    return Incoming(file, line, item=item, answers=tuple(answers))


def _from_row(record: object, file: str, line: int, _raters: Raters) -> Incoming:
    if not isinstance(record, Mapping):
        raise InputError("must be a JSON object")
    return Incoming(file, line, row=record)


_PARSERS: dict[Form, Callable[[object, str, int, Raters], Incoming]] = {
    "rows": _from_row,
    "exported": _from_export,
    "label-studio": label_studio.from_task,
    "argilla": argilla.from_record,
}
