"""Which files a source stands for: a file, a folder, a pattern, or a data set that `datasets.save_to_disk` wrote.

Of a folder everything below it counts, sorted, hidden files aside. What is no file of rows is named and left out.
"""

from __future__ import annotations

import glob
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from ensemble.errors import InputError
from ensemble.row_checks import BadRow

if TYPE_CHECKING:
    from ensemble.row_formats import Format

Source: TypeAlias = str | Path
"""A path, a pattern such as "data/*.jsonl", or "-" for standard input."""

SUFFIXES: dict[str, Format] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".csv": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".txt": "text",
    ".text": "text",
}

_DATA_SET, _STATE, _SPLITS = "dataset_info.json", "state.json", "dataset_dict.json"
_PATTERN = frozenset("*?[")


@dataclass(frozen=True)
class RowFile:
    """One file of rows.

    Attributes:
        path: of the file, or "-".
        source: what the caller named, of which it is a part or all.
        split: of the data set that it belongs to; empty where there is none.
    """

    path: Source
    source: Source
    split: str = ""

    @property
    def searched(self) -> bool:
        """Whether it was found in a folder or by a pattern, and not named by the caller."""
        return self.path != self.source


@dataclass(frozen=True)
class FoundFiles:
    """What a source stands for.

    Attributes:
        files: in the order in which they are read.
        skipped: files and folders left out, and why.
    """

    files: tuple[RowFile, ...]
    skipped: tuple[BadRow, ...] = ()


def find_files(source: Source) -> FoundFiles:
    """The files of rows that a source stands for.

    Nothing is read but the descriptions of data sets; a single file need not exist, for reading it will tell.

    Raises:
        InputError: a folder without a file of rows, or a pattern that fits nothing.
    """
    if str(source) == "-":
        return FoundFiles((RowFile("-", source),))
    path = Path(source).expanduser()
    if path.is_dir():
        found = list(_below(path, source))
    elif not path.exists() and _PATTERN & set(str(source)):
        found = [one for match in _matches(path, source) for one in _at(match, source)]
    else:
        return FoundFiles((RowFile(source, source),))
    files = tuple(one for one in found if isinstance(one, RowFile))
    if not files:
        why = f"; left out: {found[0]}" if found else ""
        raise InputError(f"{source} holds no file of rows ({', '.join(SUFFIXES)}, each also .gz){why}")
    return FoundFiles(files, tuple(one for one in found if isinstance(one, BadRow)))


def format_of(name: str) -> Format | None:
    """What a file's suffix says; None where it says nothing."""
    return SUFFIXES.get(Path(name.removesuffix(".gz")).suffix.lower())


def _matches(pattern: Path, source: Source) -> list[Path]:
    found = sorted(map(Path, glob.glob(str(pattern), recursive=True)))  # noqa: PTH207 (Path.glob takes no absolute pattern)
    if not found:
        raise InputError(f"no file fits {source}")
    return found


def _at(path: Path, source: Source) -> Iterator[RowFile | BadRow]:
    if path.is_dir():
        yield from _below(path, source)
    elif format_of(path.name) is None:
        yield BadRow(str(path), 0, f"was left out: its name ends in none of {', '.join(SUFFIXES)} (or .gz)")
    else:
        yield RowFile(path, source)


def _below(folder: Path, source: Source) -> Iterator[RowFile | BadRow]:
    """Everything in a folder and below it; links to folders are not followed, for they may lead round in circles."""
    try:
        described = (folder / _SPLITS).is_file() or (folder / _DATA_SET).is_file()
        inside = [] if described else sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        yield BadRow(str(folder), 0, f"was left out: {error.strerror or error}")
        return
    if described:
        yield from _data_set(folder, source)
    for entry in inside:
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _below(Path(entry.path), source)
        elif entry.is_file():
            yield from _at(Path(entry.path), source)
        else:
            yield BadRow(entry.path, 0, "was left out: it is no plain file")


def _data_set(folder: Path, source: Source) -> Iterator[RowFile | BadRow]:
    """The shards of a data set, or of each split of a dictionary of them."""
    try:
        if (folder / _SPLITS).is_file():
            for split in _names(_described(folder / _SPLITS).get("splits"), "splits"):
                yield from _shards(folder / split, source, split)
        else:
            yield from _shards(folder, source, "")
    except InputError as error:
        yield BadRow(str(folder), 0, f"was left out: {error}")


def _shards(folder: Path, source: Source, split: str) -> Iterator[RowFile]:
    state = _described(folder / _STATE)
    if state.get("_indices_data_files"):
        raise InputError("its rows are picked by an index; save it again after flatten_indices()")
    listed = state.get("_data_files")
    shards = _names([one.get("filename") for one in listed if isinstance(one, dict)] if listed else [], "_data_files")
    if missing := [name for name in shards if not (folder / name).is_file()]:
        raise InputError(f"its shard {missing[0]} is missing")
    for name in shards:
        yield RowFile(folder / name, source, split or str(state.get("_split") or ""))


def _described(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "not JSON"
        raise InputError(f"{path.name} cannot be read ({why}); save the data set again") from None
    if not isinstance(found, dict):
        raise InputError(f"{path.name} is no JSON object; save the data set again")
    return found


def _names(found: object, field: str) -> list[str]:
    """Names of files or folders right below a data set's folder; anything else is refused."""
    names = found if isinstance(found, list) else []
    if not all(isinstance(name, str) and name and Path(name).name == name for name in names):
        raise InputError(f"{field} holds something that is no plain name")
    return [str(name) for name in names]
