"""What the routes of the attack bench stand on: its parts, the starting texts, earlier attacks, expected severities."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from functools import cached_property
from typing import Final

from ensemble.tasks.task import Task
from ensemble.text import Text
from ensemble.verdict import Verdict
from miners.attack.earlier import Earlier, EarlierTexts
from miners.attack.goal import Goal, goal_of
from miners.attack.severity import SeverityByWords
from miners.attack.submission import BLANK, Start, StartKind, start_of_item
from miners.errors import QueueError, UnknownItemError
from miners.queue.labels import mean_severity
from miners.queue.protocol import Ledger
from miners.queue.types import FindingKind
from service.attack import AttackBench
from service.config import AttackConfig
from service.errors import NoAnswerError
from service.http_errors import ApiError
from service.overtaking import Overtaking

SPLIT: Final = "train"
"""Seed rows that attacks may begin with: those to measure by stay out of it."""

_WAIT_SECONDS = 0.3
"""How long a text waits for earlier ones to be read; the rest of a long queue is read while people work on."""

_PAUSE_SECONDS = 0.01
"""Between two pages, so that requests come to their turn."""


class _Reading:
    """Reads what there is of earlier texts, in a thread that does not keep the process.

    Attributes:
        finished: set once all is read, or the store did not answer.
        error: in that case.
    """

    def __init__(self, earlier: EarlierTexts) -> None:
        self.finished = threading.Event()
        self.error: QueueError | None = None
        self._earlier = earlier
        threading.Thread(target=self._read, name="earlier", daemon=True).start()

    def _read(self) -> None:
        try:
            while not self._earlier.follow(1):
                time.sleep(_PAUSE_SECONDS)
        except QueueError as error:
            self.error = error
        finally:
            self.finished.set()


class AttackDesk:
    """One task's bench, in one event loop.

    Attributes:
        bench: what it offers.
        deployed: name of the member to fool.
        thresholds: by member, P(yes) from which it votes yes.
        missing: which parts are not there ("saliency", "suggestions"), and why.
        overtaking: see there.
    """

    def __init__(
        self, bench: AttackBench, deployed: str, task: Task, ledger: Ledger, config: AttackConfig,
        thresholds: Mapping[str, float], missing: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        """Joins the parts; nothing is read yet."""
        self.bench, self.deployed, self.missing = bench, deployed, dict(missing or {})
        self.thresholds = dict(thresholds)
        self._task, self._ledger = task, ledger
        self._earlier = EarlierTexts(ledger, config.near_duplicate_similarity)
        self.overtaking = Overtaking(config.requests_at_once)
        self._learning, self._turn = threading.Lock(), threading.Lock()
        self._reader: _Reading | None = None

    def goal(self, verdict: Verdict, text: str, guess: float | None) -> Goal:
        """How good an attack a text is; the severity is the attacker's guess or, without one, told from the words.

        Raises:
            NoAnswerError: the deployed member did not answer.
        """
        score = verdict.members.get(self.deployed)
        if score is None:
            raise NoAnswerError(f"the deployed member {self.deployed!r} does not answer now; try again")
        if guess is not None:
            return goal_of(score.probability, self.bench.threshold, guess, "attacker")
        with self._learning:  # it takes a second, once
            told = self._severity([text])
        if told is None:
            return goal_of(score.probability, self.bench.threshold, 0.0, "nothing")
        return goal_of(score.probability, self.bench.threshold, float(told[0]), "words")

    def nearest(self, text: Text, besides: str | None) -> tuple[Earlier | None, bool]:
        """The earlier attack or finding that is nearly the same, and whether all of them were compared.

        Raises:
            QueueError: the store does not answer.
        """
        reading = self._reading()
        complete = reading.finished.wait(_WAIT_SECONDS)
        if reading.error is not None:
            raise reading.error
        return self._earlier.nearest(text, besides=besides), complete

    def start(self, kind: StartKind, name: str) -> Start:
        """What an attack begins with.

        Raises:
            ApiError: 404, there is no such finding or seed row.
            QueueError: the store does not answer.
        """
        if kind == "blank":
            return BLANK
        if kind == "seed":
            found = self._seeds.get(name)
            if found is None:
                raise ApiError(404, "unknown_seed", f"start.id: no seed row {name!r} may be attacked", field="start.id")
            return found
        try:
            item = self._ledger.item(name)
        except UnknownItemError:
            item = None
        if item is None or item.finding is None:
            raise ApiError(404, "unknown_finding", f"start.id: {name!r} is no finding", field="start.id")
        return start_of_item(item, mean_severity([answer.body for answer in item.answers]))

    def findings(self, kind: FindingKind | None, offset: int, count: int) -> list[Start]:
        """Findings, newest first.

        Raises:
            QueueError: the store does not answer.
        """
        found = self._ledger.findings(kind=kind, offset=offset, count=count)
        return [start_of_item(finding.item, finding.severity) for finding in found]

    def seeds(self, kind: FindingKind | None, offset: int, count: int) -> list[Start]:
        """Seed rows in the order of the task's file: harmful ones, with kind FP harmless ones."""
        wanted = 0 if kind == "FP" else 1
        return [seed for seed in self._seeds.values() if seed.label == wanted][offset : offset + count]

    def _reading(self) -> _Reading:
        with self._turn:
            if self._reader is None or self._reader.finished.is_set():
                self._reader = _Reading(self._earlier)
            return self._reader

    @cached_property
    def _seeds(self) -> dict[str, Start]:
        rows = [row for row in self._task.rows(SPLIT) if row.row_id]
        return {
            row.row_id: Start(
                "seed",
                row.row_id,
                Text(row.text, row.context),
                row.meta["family"],
                row.label,
                float(row.meta["severity"]) if "severity" in row.meta else None,
                {key: row.meta[key] for key in ("split", "harm") if key in row.meta},
            )
            for row in rows
        }

    @cached_property
    def _severity(self) -> SeverityByWords:
        return SeverityByWords(self._task.rows(SPLIT))
