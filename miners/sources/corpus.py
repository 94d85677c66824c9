"""Texts out of files, in file order or shuffled within a bounded buffer."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from ensemble.errors import InputError
from ensemble.rows import BadRow, Row, Source, read_rows
from ensemble.text import identity
from miners.candidate import Candidate, Provenance, Scored
from miners.errors import SourceError

_BLOCK_ROWS = 4_096
_EXAMPLES = 20
_MOST_META_BYTES = 4_096


class Corpus:
    """Rows of several files, one after the other.

    With a seed the rows of each block of `block` are shuffled, so that a sorted file does not give one-sided rounds; no
    more than a block is ever in memory. Standard input can be read once only, so it cannot be resumed.

    Attributes:
        bad_rows: rows that could not be read so far.
        bad_examples: the first of them, "file:line: message".
    """

    def __init__(self, files: Sequence[Source], *, seed: int | None = None, block: int = _BLOCK_ROWS) -> None:
        """Looks at each file once.

        Args:
            files: paths, or "-" for standard input.
            seed: shuffles within blocks; None keeps the file order.
            block: rows shuffled together.

        Raises:
            SourceError: no file, or one that cannot be read, or none that holds a readable row.
        """
        self._files, self._seed, self._block = tuple(files), seed, block
        self.bad_rows, self.bad_examples = 0, list[str]()
        self._check()
        self._block_start = {"file": 0, "row": 0, "good": 0, "bad": 0}
        self._emitted = 0
        self._waiting: list[Row] | None = None
        self._reading: Iterator[tuple[int, int, Row | BadRow]] | None = None
        self._cursor = (0, 0)
        self._counting = (row for file in self._files for row in _good(file))
        self._counted = 0

    @property
    def name(self) -> str:
        """Kind and file, e.g. "corpus:fiction.jsonl", or the number of files."""
        return f"corpus:{Path(self._files[0]).name}" if len(self._files) == 1 else f"corpus:{len(self._files)} files"

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
        return [_candidate(row) for row in rows]

    def observe(self, scored: Sequence[Scored]) -> None:
        """Nothing to learn: files do not answer."""

    def state(self) -> dict[str, Any]:
        """Start of the block, rows given out of it, and the bad rows before it."""
        return {
            **self._block_start,
            "emitted": self._emitted,
            "examples": self.bad_examples[: min(_EXAMPLES, self._block_start["bad"])],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Reads the block again and goes on within it."""
        self._block_start = {key: int(state[key]) for key in self._block_start}
        self._cursor = (self._block_start["file"], self._block_start["row"])
        self._reading, self._waiting = None, None
        self.bad_rows, self.bad_examples = self._block_start["bad"], list(state["examples"])
        self._emitted = int(state["emitted"])
        if self._emitted:
            self._open_block()

    def expected(self, limit: int) -> int | None:
        """Rows left, counted up to `limit`; None with standard input. Reads ahead, once, as far as it must count."""
        if "-" in map(str, self._files):
            return None
        given = self._block_start["good"] + self._emitted
        self._counted += sum(1 for _ in islice(self._counting, max(0, given + limit - self._counted)))
        return min(limit, self._counted - given)

    def _open_block(self) -> list[Row]:
        if self._waiting is None:
            self._waiting = self._read_block()
        return self._waiting

    def _next_block(self) -> None:
        good = self._block_start["good"] + self._emitted
        self._block_start = {"file": self._cursor[0], "row": self._cursor[1], "good": good, "bad": self.bad_rows}
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
            if len(rows) == self._block:
                break
        if self._seed is None:
            return rows
        order = np.random.default_rng([self._seed, *number]).permutation(len(rows))
        return [rows[i] for i in order]

    def _rows(self, file: int, skip: int) -> Iterator[tuple[int, int, Row | BadRow]]:
        """Every row from a position on, with number of file and of row."""
        for number in range(file, len(self._files)):
            first = skip if number == file else 0
            for index, row in enumerate(read_rows(self._files[number], skip=first), start=first):
                yield number, index, row

    def _report(self, row: BadRow) -> None:
        self.bad_rows += 1
        if len(self.bad_examples) < _EXAMPLES:
            self.bad_examples.append(str(row))

    def _check(self) -> None:
        if not self._files:
            raise SourceError("no input file given")
        try:
            heads = [next(_good(file), None) for file in self._files if str(file) != "-"]
        except InputError as error:
            raise SourceError(str(error)) from None
        if heads and not any(heads) and len(heads) == len(self._files):
            raise SourceError(
                f"no readable row in {', '.join(map(str, self._files))}; rows need a 'text' that is not empty"
            )


def _good(file: Source) -> Iterator[Row]:
    return (row for row in read_rows(file) if isinstance(row, Row))


def _candidate(row: Row) -> Candidate:
    text = row.as_text()
    meta = dict(row.meta)
    if row.label is not None:
        meta["label"] = row.label
    if len(json.dumps(meta)) > _MOST_META_BYTES:
        meta = {"dropped": f"meta of {_MOST_META_BYTES:,} bytes or more"}
    family = row.meta.get("family")
    return Candidate(
        text,
        Provenance(
            source=f"corpus:{Path(row.file).name}",
            family=family if isinstance(family, str) and family else identity(row.text, row.context),
            row_id=row.id or None,
            meta={**meta, "line": row.line},
        ),
    )
