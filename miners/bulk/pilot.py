"""The pilot of a bulk run: some texts of the corpus are scored to fit the gate on words to it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path

import numpy as np

from ensemble.errors import InputError
from ensemble.row_spans import read_span
from ensemble.rows import Row
from ensemble.scorer import FloatArray
from ensemble.tasks.task import load_task
from ensemble.text import Text
from miners.bulk.gate import FILE, fit_gate
from miners.bulk.piece import load_members, score
from miners.bulk.plan import BulkSettings, Piece

LEAST, MOST, SHARE = 256, 4096, 0.05
"""Size of the pilot: a share of the corpus, between two numbers; as many of the task's rows at most stand beside it."""

_SLICE = 512
"""Texts scored at once."""

_PLACES = 64
"""Pieces that the pilot is read from, evenly over the corpus."""


def make_gate(
    settings: BulkSettings, pieces: Sequence[Piece], folder: Path, priorities: FloatArray | None = None
) -> None:
    """Fits the gate and writes it into the run's folder; one that is there already stays.

    Args:
        settings: of the run.
        pieces: all of them.
        folder: of the run.
        priorities: what `score_pilot` gave for all slices, joined in order; None scores them here.

    Raises:
        ArtifactError: a member cannot be loaded.
    """
    path = folder / FILE
    if path.is_file():
        return
    known = score_pilot(settings, pieces) if priorities is None else priorities
    pilot, more = _texts_of(settings, pieces)
    here = len(pilot) or len(more)  # a corpus without a readable row is refused later, by the run itself
    texts = [text.text for text in [*pilot, *more]]
    gate = fit_gate(texts[:here], known[:here], settings.look, more=texts[here:], more_priorities=known[here:])
    draft = path.with_name(f".{os.getpid()}.npz")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    gate.save(draft)
    draft.replace(path)


def score_pilot(settings: BulkSettings, pieces: Sequence[Piece], part: int = 0, parts: int = 1) -> FloatArray:
    """What the members give to one of several parts of the pilot: priorities, shape (texts of that part,).

    However many parts there are, the same texts stand beside each other in a forward pass, so that the numbers are the
    same to the last digit.

    Raises:
        ArtifactError: a member cannot be loaded.
    """
    texts = list(chain(*_texts_of(settings, pieces)))
    starts = np.array_split(np.arange(0, len(texts), _SLICE), parts)[part]
    if not len(starts):
        return np.zeros(0)
    scorers, niches = load_members(settings)
    found = [score(scorers, texts[start : start + _SLICE]) for start in starts.tolist()]
    for scorer in scorers:
        scorer.close()
    return niches.place(np.concatenate(found)).priorities


def pilot_parts(pieces: Sequence[Piece]) -> int:
    """Into how many parts the pilot is worth cutting: scoring one takes longer than loading the members for it."""
    return max(1, _count(pieces) // _SLICE)


def _texts_of(settings: BulkSettings, pieces: Sequence[Piece]) -> tuple[list[Text], list[Text]]:
    """The pilot, and rows of the task beside it."""
    count = _count(pieces)
    return pilot_texts(pieces, count), _labelled(settings.task, count)


def _count(pieces: Sequence[Piece]) -> int:
    return min(MOST, max(LEAST, round(SHARE * sum(piece.span.rows for piece in pieces))))


def pilot_texts(pieces: Sequence[Piece], count: int) -> list[Text]:
    """Distinct texts from the beginnings of pieces all over the corpus, at most `count`."""
    places = np.unique(np.linspace(0, len(pieces) - 1, min(len(pieces), _PLACES)).round().astype(int))
    each = -(-count // len(places))
    found = {text.id: text for place in places.tolist() for text in islice(_texts(pieces[place]), each)}
    return list(found.values())[:count]


def _texts(piece: Piece) -> Iterator[Text]:
    try:
        for row in read_span(Path(piece.path), piece.span):
            if isinstance(row, Row):
                yield row.as_text()
    except InputError:  # damaged further on; the run itself reports it
        return


def _labelled(task: str, count: int) -> list[Text]:
    """Rows of the task that words can be learnt from, evenly over their order."""
    rows = load_task(task).rows("train")
    step = max(1, -(-len(rows) // count))
    return [Text(row.text, row.context) for row in rows[::step]]
