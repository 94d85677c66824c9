"""Texts out of files, in file order or shuffled within a bounded buffer."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from ensemble.errors import InputError
from ensemble.rows import BadRow, Row, RowFile, Source, find_files, read_files
from ensemble.text import identity
from miners.candidate import Candidate, Provenance, Scored
from miners.errors import SourceError

_BLOCK_ROWS = 4_096
_EXAMPLES = 20
_MOST_META_BYTES = 4_096


class Corpus:
    """Rows of several files, folders or data sets, one after the other.

    With a seed the rows of each block of `block` are shuffled, so that a sorted file does not give one-sided rounds; no
    more than a block is ever in memory. A text that comes again within its block is passed over, so that a million
    copies cost no more than reading them. Standard input can be read once only, so it cannot be resumed.

    Attributes:
        bad_rows: rows, and files of folders, that could not be read so far.
        bad_examples: the first of them, "file:line: message".
        repeated_rows: rows passed over so far because their block holds the text already.
    """

    def __init__(self, sources: Sequence[Source], *, seed: int | None = None, block: int = _BLOCK_ROWS) -> None:
        """Looks at each file once, as far as its first readable row.

        Args:
            sources: files, folders, patterns, or "-" for standard input; see `ensemble.row_files`.
            seed: shuffles within blocks; None keeps the file order.
            block: rows shuffled together.

        Raises:
            SourceError: no source, or one that cannot be read, or none that holds a readable row.
        """
        self._sources, self._seed, self._block_rows = tuple(sources), seed, block
        self.bad_rows, self.repeated_rows, self.bad_examples = 0, 0, list[str]()
        self._files = self._found()
        self._check()
        self._start = {"file": 0, "row": 0, "given": 0, "bad": self.bad_rows, "repeated": 0}
        self._emitted = 0
        self._waiting: list[Row] | None = None
        self._reading: Iterator[tuple[int, int, Row | BadRow]] | None = None
        self._cursor = (0, 0)
        self._counting = self._distinct_rows()
        self._counted = 0

    @property
    def name(self) -> str:
        """Kind and source, e.g. "corpus:fiction.jsonl", or the number of sources."""
        only = len(self._sources) == 1
        return f"corpus:{_label(self._sources[0])}" if only else f"corpus:{len(self._sources)} files"

    def propose(self, count: int) -> list[Candidate]:
        """The next `count` rows; fewer only at the end.

        Raises:
            InputError: a file became unreadable.
        """
        rows: list[Row] = []
        while len(rows) < count:
            block = self._open_block()
            if not block:
                self._next_block()  # bad rows at the very end belong to what is behind us
                break
            taken = block[self._emitted : self._emitted + count - len(rows)]
            rows += taken
            self._emitted += len(taken)
            if self._emitted == len(block):
                self._next_block()
        return [_candidate(row, self._labels[row.file]) for row in rows]

    def observe(self, scored: Sequence[Scored]) -> None:
        """Nothing to learn: files do not answer."""

    def state(self) -> dict[str, Any]:
        """Start of the block, rows given out of it, what was passed over before it, and the files so far."""
        return {
            **self._start,
            "emitted": self._emitted,
            "examples": self.bad_examples[: min(_EXAMPLES, self._start["bad"])],
            "files": self._fingerprint(self._start["file"]),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Reads the block again and goes on within it.

        Raises:
            SourceError: a folder's files changed, up to the one in progress.
        """
        self._start = {key: int(state[key]) for key in self._start}
        if state["files"] != self._fingerprint(self._start["file"]):
            raise SourceError("the files that were read so far are no longer there as they were; begin a new campaign")
        self._cursor = (self._start["file"], self._start["row"])
        self._reading, self._waiting = None, None
        self.bad_rows, self.repeated_rows = self._start["bad"], self._start["repeated"]
        self.bad_examples = list(state["examples"])
        self._emitted = int(state["emitted"])
        if self._emitted:
            self._open_block()

    def expected(self, limit: int) -> int | None:
        """Rows left, counted up to `limit`; None with standard input. Reads ahead, once, as far as it must count."""
        if "-" in map(str, self._sources):
            return None
        given = self._start["given"] + self._emitted
        self._counted += sum(1 for _ in islice(self._counting, max(0, given + limit - self._counted)))
        return min(limit, self._counted - given)

    def _open_block(self) -> list[Row]:
        if self._waiting is None:
            self._waiting = self._read_block()
        return self._waiting

    def _next_block(self) -> None:
        self._start = {
            "file": self._cursor[0],
            "row": self._cursor[1],
            "given": self._start["given"] + self._emitted,
            "bad": self.bad_rows,
            "repeated": self.repeated_rows,
        }
        self._emitted, self._waiting = 0, None

    def _read_block(self) -> list[Row]:
        if self._reading is None:
            self._reading = self._rows(*self._cursor)
        number = self._cursor
        rows: list[Row] = []
        for file, index, row in self._reading:
            self._cursor = (file, index + 1)
            if isinstance(row, BadRow):
                self._report(row)
            else:
                rows.append(row)
            if len(rows) == self._block_rows:
                break
        kept = list(_distinct(rows))
        self.repeated_rows += len(rows) - len(kept)
        if self._seed is None:
            return kept
        order = np.random.default_rng([self._seed, *number]).permutation(len(kept))
        return [kept[i] for i in order]

    def _rows(self, file: int, skip: int) -> Iterator[tuple[int, int, Row | BadRow]]:
        """Every row from a position on, with number of file and of row."""
        for number in range(file, len(self._files)):
            first = skip if number == file else 0
            for index, row in enumerate(read_files(self._files[number], skip=first), start=first):
                yield number, index, row

    def _distinct_rows(self) -> Iterator[Row]:
        """The rows that will be proposed, by the same blocks but in file order."""
        good = (row for file in self._files for row in read_files(file) if isinstance(row, Row))
        while block := list(islice(good, self._block_rows)):
            yield from _distinct(block)

    def _report(self, row: BadRow) -> None:
        self.bad_rows += 1
        if len(self.bad_examples) < _EXAMPLES:
            self.bad_examples.append(str(row))

    def _found(self) -> tuple[RowFile, ...]:
        """The files of all sources; those left out are reported as bad rows."""
        if not self._sources:
            raise SourceError("no input file given")
        try:
            found = [find_files(source) for source in self._sources]
        except InputError as error:
            raise SourceError(str(error)) from None
        for skipped in (one for each in found for one in each.skipped):
            self._report(skipped)
        files = tuple(file for each in found for file in each.files)
        self._labels = {"<stdin>" if file.path == "-" else str(file.path): _label(file.source) for file in files}
        return files

    def _check(self) -> None:
        """Reads as far as the first good row; files that were named must all be readable."""
        try:
            heads = [_head(file) for file in self._files if file.path != "-" and not file.searched]
            found = any(heads) or any(_head(file) for file in self._files if file.searched)
        except InputError as error:
            raise SourceError(str(error)) from None
        if not found and not any(file.path == "-" for file in self._files):
            raise SourceError(
                f"no readable row in {', '.join(map(str, self._sources))}; rows need a 'text' that is not empty"
            )

    def _fingerprint(self, last: int) -> str:
        """Hash of the files' names up to the one in progress; new ones behind it do no harm."""
        names = "\0".join(str(file.path) for file in self._files[: last + 1])
        return hashlib.blake2b(names.encode(errors="surrogateescape"), digest_size=8).hexdigest()


def _head(file: RowFile) -> Row | None:
    return next((row for row in read_files(file) if isinstance(row, Row)), None)


def _label(source: Source) -> str:
    """What a person calls a source: the name of its file or folder."""
    return Path(source).name or str(source)


def _distinct(rows: Iterable[Row]) -> Iterator[Row]:
    """The first row of each text."""
    seen: set[tuple[str, str]] = set()
    for row in rows:
        key = (row.text, row.context)
        if key not in seen:
            seen.add(key)
            yield row


def _candidate(row: Row, label: str) -> Candidate:
    text = row.as_text()
    meta = dict(row.meta)
    if row.label is not None:
        meta["label"] = row.label
    if len(json.dumps(meta)) > _MOST_META_BYTES:
        kept = {"split": row.meta["split"]} if isinstance(row.meta.get("split"), str) else {}
        meta = {**kept, "dropped": f"meta of {_MOST_META_BYTES:,} bytes or more"}
    family, file = row.meta.get("family"), Path(row.file).name
    return Candidate(
        text,
        Provenance(
            source=f"corpus:{label}",
            family=family if isinstance(family, str) and family else identity(row.text, row.context),
            row_id=row.id or None,
            meta={**meta, **({"file": file} if file != label else {}), "line": row.line},
        ),
    )
