"""Reading records out of Parquet files and Arrow files, a few hundred rows at a time.

Data sets of Hugging Face name the classes of their label in the file's schema; a label of two classes is an answer to a
yes/no question, one of more classes is not and goes along as a field of its own, `class`.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import IO, Any

from ensemble.errors import InputError
from ensemble.row_formats import MAX_LINE_BYTES, NOT_UTF8, TOO_LONG, Found

ARROW_MAGIC = b"ARROW1"
"""How an Arrow file begins that has an index of its batches; one without is a stream of them."""

STREAM_MAGIC = b"\xff\xff\xff\xff"
"""How a stream of batches begins."""

_BATCH_ROWS = 256
_BUFFER_BYTES = 1 << 20


def read_parquet(stream: IO[bytes], *, random_access: bool, required: str = "text") -> Iterator[Found]:
    """Rows of a Parquet file; `line` is the number of the row. Without `random_access` a copy is made on disk.

    Raises:
        InputError: not a Parquet file, or without a column of the `required` name.
    """
    import pyarrow.parquet as pq

    with _searchable(stream, random_access=random_access) as file, _readable("Parquet"):
        # Without these two a whole group of rows, which may be the whole file, is read at once.
        table = pq.ParquetFile(file, buffer_size=_BUFFER_BYTES, pre_buffer=False)
        yield from _records(table.schema_arrow, table.iter_batches(batch_size=_BATCH_ROWS, use_threads=False), required)


def read_arrow(stream: IO[bytes], *, random_access: bool, required: str = "text") -> Iterator[Found]:
    """Rows of an Arrow file or stream, as `datasets` keeps them; `line` is the number of the row.

    One batch of the file at a time is in memory; `datasets` writes a thousand rows a batch. The file is read and not
    mapped, for a mapped one that another program shortens ends this process.

    Raises:
        InputError: not an Arrow file, or without a column of the `required` name.
    """
    import pyarrow as pa

    with _searchable(stream, random_access=random_access) as file, _readable("Arrow"):
        magic = file.read(len(ARROW_MAGIC))
        file.seek(0)
        name = getattr(file, "name", None)
        source = pa.OSFile(name) if isinstance(name, str) else pa.PythonFile(file, "r")
        with source:
            if magic == ARROW_MAGIC:
                indexed = pa.ipc.open_file(source)
                batches = (indexed.get_batch(i) for i in range(indexed.num_record_batches))
                yield from _records(indexed.schema, batches, required)
            else:
                running = pa.ipc.open_stream(source)
                yield from _records(running.schema, running, required)


@contextmanager
def _readable(kind: str) -> Iterator[None]:
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise InputError(f"is no readable {kind} file: {next(iter(str(error).splitlines()), 'damaged')}") from None


def _records(schema: Any, batches: Iterable[Any], required: str) -> Iterator[Found]:
    if required not in schema.names:
        raise InputError(f"has no column {required!r}, only {', '.join(map(repr, schema.names[:10])) or 'none'}")
    classes, number = _classes(schema), 0
    for batch in batches:
        for start in range(0, batch.num_rows, _BATCH_ROWS):
            for found in batch_rows(batch.slice(start, _BATCH_ROWS)):
                number += 1
                yield Found(number, problem=found) if isinstance(found, str) else Found(number, _named(found, classes))


def batch_rows(batch: Any) -> Iterable[dict[str, Any] | str]:
    """The rows of a batch, each as a record or as what is wrong with it."""
    import pyarrow as pa

    if batch.nbytes <= MAX_LINE_BYTES:
        try:
            batch.validate(full=True)
            return [_filled(record) for record in batch.to_pylist()]
        except (pa.ArrowInvalid, UnicodeDecodeError):  # one bad string spoils the batch: take its rows apart
            pass
    return (_row(batch.slice(i, 1)) for i in range(batch.num_rows))


def _row(row: Any) -> dict[str, Any] | str:
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        row.validate()
        lengths = [pc.binary_length(column)[0].as_py() for column in row.columns if _is_string(column.type)]
        if any(length and length > MAX_LINE_BYTES for length in lengths):
            return TOO_LONG
        row.validate(full=True)
        return _filled(row.to_pylist()[0])
    except UnicodeDecodeError:
        return NOT_UTF8
    except pa.ArrowInvalid as error:
        return NOT_UTF8 if "UTF8" in str(error) else f"is damaged: {str(error).splitlines()[0]}"


def _is_string(kind: Any) -> bool:
    import pyarrow.types as pt

    return bool(pt.is_string(kind) or pt.is_large_string(kind) or pt.is_binary(kind) or pt.is_large_binary(kind))


def _filled(record: dict[str, Any]) -> dict[str, Any]:
    return {name: item for name, item in record.items() if item is not None}


def _classes(schema: Any) -> list[str]:
    """Names of the label's classes where `datasets` wrote them into the schema; empty elsewhere."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        return [str(name) for name in features["label"]["names"]]
    except (KeyError, TypeError, ValueError):
        return []


def _named(record: dict[str, Any], classes: list[str]) -> dict[str, Any]:
    """The record with its class by name in place of a label that answers no yes/no question."""
    label = record.get("label")
    if not classes or not isinstance(label, int):
        return record
    if label == -1:  # how data sets write that a row has none
        return {name: item for name, item in record.items() if name != "label"}
    if len(classes) == 2 or not 0 <= label < len(classes):
        return record
    return {**{name: item for name, item in record.items() if name != "label"}, "class": classes[label]}


@contextmanager
def _searchable(stream: IO[bytes], *, random_access: bool) -> Iterator[IO[bytes]]:
    """The stream itself where it can be searched cheaply, else a copy on disk: Parquet is read from its end."""
    if random_access:
        yield stream
        return
    with tempfile.TemporaryFile() as copy:
        shutil.copyfileobj(stream, copy)
        copy.seek(0)
        yield copy
