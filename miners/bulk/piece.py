"""Working on one piece of a shard: read, score with the cheap members, keep the top of every niche, write it down.

After every part of so many rows the state of the piece replaces its file in one step. A process that is killed costs
the part it had in hand; begun again, the piece goes on behind the last one and ends with the same numbers, because
nothing that is not in the file is carried from part to part.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from ensemble.artifacts import Artifact
from ensemble.errors import InputError
from ensemble.row_spans import read_span
from ensemble.rows import BadRow, Row
from ensemble.scorer import FloatArray, Scorer
from ensemble.text import Text
from miners.bulk.gate import FILE as GATE
from miners.bulk.gate import WordGate
from miners.bulk.niches import Niches, Placed, niche_count
from miners.bulk.plan import BulkSettings, Piece
from miners.bulk.topk import Kept, TopK, capacity, uniform

EXAMPLES = 20
"""Bad rows that are named; the others are counted."""

MOST_META_BYTES = 4_096
"""A row's own fields are kept up to here."""

_SLICE = 512
"""Texts scored between two words on progress."""


class PieceState(BaseModel):
    """How far a piece is, and what it kept.

    Attributes:
        name: of the piece.
        done: whether its end was reached.
        read: rows read, good and bad.
        bad: rows that could not be read.
        bad_examples: the first of them, "file:line: message".
        repeats: rows whose text was in the same part before, or is kept already.
        passed_over: texts that the gate left out.
        seen: texts scored, by niche; repeats in different parts count each time.
        stood_for: texts that those stand for, by niche: the sum of 1 / g, see `miners.bulk.gate`.
        problem: why the shard could not be read to its end; "" if it could.
        kept: the smallest keys of every niche, see `miners.bulk.topk`.
    """

    model_config = ConfigDict(extra="forbid")

    name: str
    done: bool = False
    read: int = 0
    bad: int = 0
    bad_examples: list[str] = Field(default_factory=list)
    repeats: int = 0
    passed_over: int = 0
    seen: dict[str, int] = Field(default_factory=dict)
    stood_for: dict[str, float] = Field(default_factory=dict)
    problem: str = ""
    kept: list[Kept] = Field(default_factory=list)


class _Read(NamedTuple):
    """A row that the members read: its text's identity and number, and the probability of being read."""

    name: str
    row: Row
    number: float
    gate: float


class PieceWorker:
    """Works on pieces, one after the other, with the models loaded once."""

    def __init__(self, settings: BulkSettings, folder: Path, tell: Callable[[int], None] = lambda _: None) -> None:
        """Loads the members.

        Args:
            settings: of the run.
            folder: of the run; `pieces/` in it takes the states, and the gate lies there where one is needed.
            tell: told rows as they are done.

        Raises:
            ArtifactError: a member cannot be loaded.
            CampaignError: the gate cannot.
        """
        self._scorers, self._niches = load_members(settings)
        self._gate = WordGate.load(folder / GATE) if settings.look < 1 else None
        self._settings, self._folder, self._tell = settings, folder, tell

    def work(self, piece: Piece) -> PieceState:
        """Brings a piece to its end, from where its file says it is."""
        state = load_state(self._folder, piece.name)
        if state.done:
            return state
        held = empty(self._settings)
        held.add(state.kept)
        rows = read_span(Path(piece.path), piece.span, skip=state.read)
        while not state.done:
            part = self._part(rows, state)
            self._take(part, held, state)
            state.done = len(part) < self._settings.part_rows
            state.kept = held.entries()
            save_state(self._folder, state)
        return state

    def _part(self, rows: Iterator[Row | BadRow], state: PieceState) -> list[Row | BadRow]:
        """The next rows; fewer than a part at the end, or where the shard is damaged."""
        part: list[Row | BadRow] = []
        try:
            part.extend(islice(rows, self._settings.part_rows))
        except InputError as error:
            state.problem = str(error)
        return part

    def _take(self, part: Sequence[Row | BadRow], held: TopK, state: PieceState) -> None:
        fresh: dict[str, Row] = {}
        for row in part:
            if isinstance(row, BadRow):
                state.bad += 1
                state.bad_examples += [str(row)] if len(state.bad_examples) < EXAMPLES else []
                continue
            name = row.as_text().id
            if name in fresh or name in held:
                state.repeats += 1
            else:
                fresh[name] = row
        state.read += len(part)
        chosen = self._chosen(fresh)
        state.passed_over += len(fresh) - len(chosen)
        self._tell(len(part) - len(chosen))
        self._keep(chosen, held, state)

    def _chosen(self, fresh: Mapping[str, Row]) -> list[_Read]:
        """The texts that the members read: all, or those that the gate lets through."""
        numbers = [uniform(name, self._settings.seed) for name in fresh]
        gates = [1.0] * len(fresh)
        if self._gate is not None and fresh:
            gates = self._gate([row.text for row in fresh.values()]).tolist()
        found = zip(fresh.items(), numbers, gates, strict=True)
        return [_Read(name, row, u, g) for (name, row), u, g in found if u < g]

    def _keep(self, chosen: Sequence[_Read], held: TopK, state: PieceState) -> None:
        """Scores texts, and offers those that may have a place."""
        if not chosen:
            return
        placed = self._niches.place(self._scored([one.row.as_text() for one in chosen]))
        offered = []
        for i, one in enumerate(chosen):
            niche, key = placed.niches[i], one.number / float(placed.weights[i])
            state.seen[niche] = state.seen.get(niche, 0) + 1
            state.stood_for[niche] = state.stood_for.get(niche, 0.0) + 1 / one.gate
            if key < held.cut(niche):
                offered.append(self._kept(one, key, placed, i))
        held.add(offered)

    def _kept(self, one: _Read, key: float, placed: Placed, i: int) -> Kept:
        row = one.row
        return Kept(
            key=key,
            weight=float(placed.weights[i]),
            gate=one.gate,
            niche=placed.niches[i],
            id=one.name,
            text=row.text,
            context=row.context,
            row_id=row.id,
            label=row.label,
            file=row.file,
            line=row.line,
            priority=float(placed.priorities[i]),
            members=dict(zip(self._niches.members, placed.probabilities[i].tolist(), strict=True)),
            meta=_small(row),
        )

    def _scored(self, texts: Sequence[Text]) -> FloatArray:
        found = []
        for start in range(0, len(texts), _SLICE):
            part = texts[start : start + _SLICE]
            found.append(score(self._scorers, part))
            self._tell(len(part))
        return np.concatenate(found)

    def close(self) -> None:
        """Closes the members."""
        for scorer in self._scorers:
            scorer.close()


def load_members(settings: BulkSettings) -> tuple[list[Scorer], Niches]:
    """The members that read texts, and the niches that their scores make.

    Raises:
        ArtifactError: a member cannot be loaded.
        InputError: the deployed member is not among them.
    """
    artifact = Artifact(Path(settings.artifact))
    scorers = [artifact.load_scorer(group, threads=settings.threads) for group in settings.groups]
    members = [member.name for scorer in scorers for member in scorer.members]
    return scorers, Niches(artifact.joint, members, settings.weights)


def score(scorers: Sequence[Scorer], texts: Sequence[Text]) -> FloatArray:
    """P(yes), shape (len(texts), members)."""
    return np.hstack([scorer.score(texts) for scorer in scorers])


def empty(settings: BulkSettings) -> TopK:
    """What a run keeps, before its first text."""
    return TopK(capacity(settings.keep, niche_count(len(settings.versions))))


def load_state(folder: Path, name: str) -> PieceState:
    """How far a piece is; not begun where nothing was written down."""
    try:
        return PieceState.model_validate_json(_file(folder, name).read_bytes())
    except FileNotFoundError:
        return PieceState(name=name)


def save_state(folder: Path, state: PieceState) -> None:
    """Replaces a piece's file in one step, safely on the disk."""
    write_safely(_file(folder, state.name), state.model_dump_json())


def write_safely(path: Path, content: str) -> None:
    """Replaces a file in one step; after a crash it holds the old or the new content, never half of it."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with draft.open("w", encoding="utf-8") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(path)


def _file(folder: Path, name: str) -> Path:
    return folder / "pieces" / f"{name}.json"


def _small(row: Row) -> dict[str, object]:
    """What the row carries, unless it is too much to be kept with every text."""
    if len(json.dumps(row.meta)) > MOST_META_BYTES:
        return {"dropped": f"meta of {MOST_META_BYTES:,} bytes or more"}
    return dict(row.meta)
