"""The pilot of a bulk run: some texts of the corpus are scored to fit the gate on words to it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from ensemble.errors import InputError
from ensemble.row_spans import read_span
from ensemble.rows import Row
from ensemble.tasks.task import load_task
from ensemble.text import Text
from miners.bulk_gate import FILE, fit_gate
from miners.bulk_piece import load_members, score
from miners.bulk_plan import BulkSettings, Piece

LEAST, MOST, SHARE = 256, 4096, 0.05
"""Size of the pilot: a share of the corpus, between two numbers; as many of the task's rows at most stand beside it."""

_PLACES = 64
"""Pieces that the pilot is read from, evenly over the corpus."""


def make_gate(settings: BulkSettings, pieces: Sequence[Piece], folder: Path) -> None:
    """Fits the gate and writes it into the run's folder; one that is there already stays.

    Raises:
        ArtifactError: a member cannot be loaded.
    """
    path = folder / FILE
    if path.is_file():
        return
    scorers, niches = load_members(settings)
    count = min(MOST, max(LEAST, round(SHARE * sum(piece.span.rows for piece in pieces))))
    pilot, more = pilot_texts(pieces, count), _labelled(settings.task, count)
    priorities = niches.place(score(scorers, [*pilot, *more])).priorities if pilot or more else np.zeros(0)
    here = len(pilot) or len(more)  # a corpus without a readable row is refused later, by the run itself
    texts = [text.text for text in [*pilot, *more]]
    gate = fit_gate(
        texts[:here], priorities[:here], settings.look, more=texts[here:], more_priorities=priorities[here:]
    )
    draft = path.with_name(f".{os.getpid()}.npz")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    gate.save(draft)
    draft.replace(path)
    for scorer in scorers:
        scorer.close()


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
