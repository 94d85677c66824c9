"""Writing items, findings and answers in the formats of other programs, one record at a time.

A file appears under its name once it is whole. Tables are written a few hundred rows at a time, JSON a record a line,
so that memory does not grow with the number of records.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, Any, Literal, cast, get_args

from pydantic import BaseModel

from ensemble.errors import InputError
from ensemble.tasks.task import Task
from miners.exchange import argilla, label_studio
from miners.exchange.cells import GUARD, guarded
from miners.exchange.tables import Row, columns, to_row
from miners.queue.types import Answer, Finding, Item

Target = Literal["jsonl", "csv", "parquet", "label-studio", "argilla", "hf"]
"""Formats that `write` knows; hf is a folder of Parquet files that `datasets.load_dataset` opens."""

BATCH_ROWS = 256
SHARD_ROWS = 50_000
_PART = ".part"
_CARD = """---
configs:
- config_name: default
  data_files:
  - split: train
    path: data/*.parquet
---

Written by `hungjury export`. `selection_probability` is the probability with which a text was selected for labeling:
weight by its inverse for rates. `split` says which texts may train. What is no plain value stands as JSON.
"""


def target_of(name: str | None, path: Path | None) -> Target:
    """The format of that name; without one, csv or parquet for a file whose name ends so, else jsonl.

    Raises:
        InputError: no such format.
    """
    for target in get_args(Target):
        if name == target or (name is None and path is not None and path.suffix.lower() == f".{target}"):
            return cast("Target", target)
    if name is not None:
        raise InputError(f"is {name!r}; known are {', '.join(get_args(Target))}", field="--format")
    return "jsonl"


def write(records: Iterable[BaseModel], kind: type[BaseModel], target: Target, path: Path, task: Task) -> int:
    """Writes records of one kind (`Item`, `Finding` or `Answer`) to a file, or for "hf" to a folder.

    Beside a file for Label Studio or Argilla lies its labeling configuration or its settings, see `companion`.

    Returns:
        How many were written.

    Raises:
        InputError: the format cannot carry this kind, or the folder is not empty.
        OSError: it cannot be written.
    """
    if target in ("label-studio", "argilla") and kind is Answer:
        raise InputError(f"{target} has answers only with their texts; export items instead", field="--format")
    if target == "hf":
        return _write_folder(map(to_row, _typed(records)), columns(kind), path)
    if target == "parquet":
        with _whole(path) as part:
            return _write_parquet(map(to_row, _typed(records)), columns(kind), part)
    with _whole(path) as part, part.open("w", encoding="utf-8", newline="") as stream:
        written = write_text(records, kind, target, stream)
    if (beside := companion(target, path)) is not None:
        text = label_studio.labeling_config(task) if target == "label-studio" else _pretty(argilla.settings(task))
        with _whole(beside) as part:
            part.write_text(text, encoding="utf-8")
    return written


def write_text(records: Iterable[BaseModel], kind: type[BaseModel], target: Target, stream: IO[str]) -> int:
    """Writes records to a stream of text; returns how many.

    Raises:
        InputError: the format is no text.
    """
    if target == "jsonl":
        return _lines(stream, (record.model_dump_json() for record in records))
    if target == "csv":
        return _write_csv(map(to_row, _typed(records)), columns(kind), stream, empty=GUARD if kind is Answer else "")
    if target in ("label-studio", "argilla"):
        convert: Callable[[Item], Any] = label_studio.to_task if target == "label-studio" else argilla.to_record
        return _array(stream, (convert(_item(record)) for record in records))
    raise InputError(f"{target} is no text; name a file with --out", field="--format")


def companion(target: Target, path: Path) -> Path | None:
    """What lies beside a file: Label Studio's labeling configuration, or Argilla's settings."""
    names = {"label-studio": ".labeling.xml", "argilla": ".settings.json"}
    return path.with_name(path.stem + names[target]) if target in names else None


def _typed(records: Iterable[BaseModel]) -> Iterator[Item | Finding | Answer]:
    for record in records:
        if isinstance(record, Item | Finding | Answer):
            yield record


def _item(record: BaseModel) -> Item:
    found = record.item if isinstance(record, Finding) else record
    if not isinstance(found, Item):
        raise InputError(f"a {type(record).__name__} is no item", field="--format")
    return found


def _lines(stream: IO[str], lines: Iterable[str]) -> int:
    return sum(1 for line in lines if stream.write(line + "\n"))


def _array(stream: IO[str], values: Iterable[Any]) -> int:
    number = 0
    stream.write("[")
    for number, value in enumerate(values, start=1):
        stream.write("\n" if number == 1 else ",\n")
        stream.write(json.dumps(value, ensure_ascii=False))
    stream.write("\n]\n")
    return number


def _write_csv(rows: Iterable[Row], names: dict[str, type], stream: IO[str], *, empty: str) -> int:
    writer = csv.writer(stream, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    writer.writerow(names)
    return sum(1 for row in rows if writer.writerow([_cell(row[name], empty) for name in names]))


def _cell(value: Any, empty: str) -> str | int | float:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return guarded(value) if value else empty
    return "" if value is None else value


def _schema(names: dict[str, type]) -> Any:
    """Types of the columns, for Arrow and, in its metadata, for `datasets`; `label` has its classes named there."""
    import pyarrow as pa

    arrow = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
    shown = {str: "string", int: "int64", float: "float64", bool: "bool"}
    features: dict[str, Any] = {name: {"dtype": shown[of], "_type": "Value"} for name, of in names.items()}
    if "label" in names:
        features["label"] = {"names": ["no", "yes"], "_type": "ClassLabel"}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    return pa.schema([(name, arrow[of]) for name, of in names.items()], metadata=metadata)


def _write_parquet(rows: Iterable[Row], names: dict[str, type], path: Path) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema, number, rows = _schema(names), 0, iter(rows)
    with pq.ParquetWriter(path, schema) as writer:
        while batch := list(islice(rows, BATCH_ROWS)):
            writer.write_batch(pa.RecordBatch.from_pylist(batch, schema=schema))
            number += len(batch)
    return number


def _write_folder(rows: Iterable[Row], names: dict[str, type], path: Path) -> int:
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise InputError(f"{path} is there already; name a folder that is new or empty", field="--out")
    data = path / "data"
    data.mkdir(parents=True)
    rows, shards, number = iter(rows), list[Path](), 0
    while not shards or number == len(shards) * SHARD_ROWS:
        shard = data / f"{len(shards):05d}{_PART}"
        number += _write_parquet(islice(rows, SHARD_ROWS), names, shard)
        shards.append(shard)
    for index, shard in enumerate(shards):
        shard.rename(data / f"train-{index:05d}-of-{len(shards):05d}.parquet")
    (path / "README.md").write_text(_CARD, encoding="utf-8")
    return number


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """A file beside it that takes its place once the block is through."""
    part = path.with_name(path.name + _PART)
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _pretty(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"
