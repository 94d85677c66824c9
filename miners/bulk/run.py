"""The Ray shell around a bulk run: pieces of shards go through a pool of actors, each with the cheap members loaded.

Ray Data moves only the names of pieces and counts; the texts go from the file into the members of the same process and
no further. So memory does not depend on the size of the corpus, nor on Ray's object store. A lost actor is replaced by
Ray, and its piece begun again from its file. The same code runs on one machine and on a cluster whose nodes share the
folder of the run and the shards.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import ray
from ray.exceptions import RayError

from ensemble.row_spans import Span
from ensemble.scorer import FloatArray
from miners.bulk.gate import FILE as GATE
from miners.bulk.piece import PieceWorker, load_state
from miners.bulk.pilot import make_gate, pilot_parts, score_pilot
from miners.bulk.plan import BulkSettings, Piece, Plan
from miners.bulk.shortlist import BulkReport, join
from miners.errors import CampaignError

BACKGROUND = 15
"""Niceness of the actors beside those who serve: whoever waits for a verdict comes first."""

_LOOK_SECONDS = 0.5
_WHOLE = 1.0
"""CPUs of a process that has a core of its own."""


class PieceReader:
    """What Ray Data keeps in an actor: loads the members once, works on the pieces it is given."""

    def __init__(self, settings: str, folder: str, niceness: int) -> None:
        os.nice(niceness)
        self._done = 0
        self._note = Path(folder) / "progress" / f"{socket.gethostname()}-{os.getpid()}"
        self._worker = PieceWorker(BulkSettings.model_validate_json(settings), Path(folder), self._tell)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Works on the pieces of a batch; what it found lies in their files."""
        pieces = [_unpacked(one) for one in batch["piece"]]
        return {"rows": [self._worker.work(piece).read for piece in pieces]}

    def _tell(self, rows: int) -> None:
        self._done += rows
        self._note.write_text(str(self._done), encoding="ascii")


def run_bulk(
    plan: Plan,
    settings: BulkSettings,
    folder: Path,
    *,
    processes: int | None = None,
    niceness: int = BACKGROUND,
    progress: Callable[[int], None] = lambda _: None,
) -> BulkReport:
    """Brings every piece to its end and joins them. Call from a program that is connected to Ray.

    It may be killed at any moment; called again with the same arguments it goes on, and ends with the same shortlist.

    Args:
        plan: what to read.
        settings: how.
        folder: of the run; takes what is finished.
        processes: actors; None = as many as there are free CPUs in the cluster.
        niceness: added to that of the actors.
        progress: told rows done so far, also those of earlier calls.

    Raises:
        CampaignError: the members cannot be loaded, Ray fails, or nothing could be read; what is finished stays.
    """
    began = time.monotonic()
    waiting, before = _left(plan, folder)
    with _watched(folder, before, plan.rows, progress):
        if waiting and settings.look < 1:
            _fit_gate(plan, settings, folder, processes, niceness)
        if waiting:
            _work(waiting, settings, folder, processes, niceness)
    report = BulkReport(shards=plan.shards, pieces=len(plan.pieces))
    join(folder, plan.pieces, settings, report)
    report.seconds = time.monotonic() - began
    report.rows_per_second = (report.rows - before) / report.seconds
    return report


def _left(plan: Plan, folder: Path) -> tuple[list[Piece], int]:
    """Pieces that are not finished, and the rows that are done already."""
    states = [(piece, load_state(folder, piece.name)) for piece in plan.pieces]
    return [piece for piece, state in states if not state.done], sum(state.read for _, state in states)


def _work(pieces: list[Piece], settings: BulkSettings, folder: Path, processes: int | None, niceness: int) -> None:
    import ray.data
    from ray.data import ActorPoolStrategy, DataContext

    logging.getLogger("ray.data").setLevel(logging.ERROR)  # what it tells of every run, the caller's progress does
    context = DataContext.get_current()
    context.enable_progress_bars = context.print_on_execution_start = False
    context.execution_no_progress_timeout_s = -1  # a shard that cannot be cut takes as long as it takes
    most, cpus = _pool(len(pieces), processes)
    names = [{"piece": json.dumps(asdict(piece))} for piece in pieces]
    done = ray.data.from_items(names, override_num_blocks=len(names)).map_batches(
        PieceReader,
        fn_constructor_args=(settings.model_dump_json(), str(folder), niceness),
        batch_size=1,
        batch_format="numpy",
        compute=ActorPoolStrategy(size=most, max_tasks_in_flight_per_actor=1),
        num_cpus=cpus,
    )
    try:
        for _ in done.iter_batches(batch_size=None, batch_format="numpy"):
            pass
    except RayError as error:
        raise CampaignError(f"the bulk run failed: {_cause(error)}; what is finished stays") from error


def _fit_gate(plan: Plan, settings: BulkSettings, folder: Path, processes: int | None, niceness: int) -> None:
    """Fits the gate in processes of their own, which give their memory back."""
    if (folder / GATE).is_file():
        return
    parts, cpus = _pool(pilot_parts(plan.pieces), processes)
    alone = ray.remote(num_cpus=cpus, max_calls=1)
    try:
        scored = [alone(_scored_pilot).remote(settings, plan.pieces, part, parts, niceness) for part in range(parts)]
        ray.get(alone(make_gate).remote(settings, plan.pieces, folder, np.concatenate(ray.get(scored))))
    except RayError as error:
        raise CampaignError(f"the gate cannot be fitted: {_cause(error)}") from error


def _scored_pilot(
    settings: BulkSettings, pieces: tuple[Piece, ...], part: int, parts: int, niceness: int
) -> FloatArray:
    os.nice(niceness)
    return score_pilot(settings, pieces, part, parts)


def _pool(pieces: int, processes: int | None) -> tuple[int, float]:
    """Actors, and the CPUs that each books: a whole one, or what is free where that is less."""
    free = float(ray.available_resources().get("CPU", 0.0))
    wanted = processes or max(1, int(free))
    return min(pieces, wanted), min(_WHOLE, max(0.01, round(0.9 * free / wanted, 2)))


@contextmanager
def _watched(folder: Path, before: int, most: int, progress: Callable[[int], None]) -> Iterator[None]:
    """Tells how many rows the actors have done, which they write down themselves."""
    notes, over = folder / "progress", threading.Event()
    notes.mkdir(parents=True, exist_ok=True, mode=0o700)
    for note in notes.iterdir():
        note.unlink()

    def look() -> None:
        told = before
        while not over.wait(_LOOK_SECONDS):
            done = before + sum(int(note.read_text("ascii") or 0) for note in notes.iterdir())
            told = min(most, max(told, done))  # a note that is being rewritten reads as empty
            progress(told)

    thread = threading.Thread(target=look, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _unpacked(packed: str) -> Piece:
    fields = json.loads(packed)
    return Piece(fields["name"], fields["path"], Span(**fields["span"]))


def _cause(error: Exception) -> str:
    """The last line of what Ray says, which is the error in the actor."""
    lines = [line for line in str(error).strip().splitlines() if line.strip()]
    return lines[-1].strip() if lines else type(error).__name__
