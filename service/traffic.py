"""Sampling the texts that are scored over HTTP: decided after the answer, written in the background, never in the way.

What the sample means, and why its probability is known, stands in `miners.queue.traffic`. Here are the two sides of one
process: `note`, called in the event loop with what was scored, costs microseconds and never waits; `flush`, called in a
thread, reports to the store. Between them lies a buffer that is bounded, because the store may be slow or away. It
holds as many texts as a window keeps: one that is not among the smallest keys here cannot be among the smallest of all.
Where their bytes are too many, the largest keys go and the threshold falls, so that the probability stays right.
"""

from __future__ import annotations

import asyncio
import heapq
import json
import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from uuid import uuid4

import anyio.to_thread

from ensemble.text import identity
from ensemble.verdict import Verdict
from miners.errors import QueueError
from miners.queue.traffic import ONE, Limits, Report, Sighting, TrafficStore, key_of
from service import metrics as m
from service.config import LiveTrafficConfig
from service.metrics import Metrics

logger = logging.getLogger(__name__)

FLUSH_SECONDS = 1.0
"""Pause between two reports; what a process that is killed has not reported is lost."""

BUFFER_BYTES = 32 << 20
"""Texts that wait for a report, at most, in bytes."""


@dataclass
class _Pending:
    """What is to be reported of one window."""

    threshold: int = ONE
    seen: int = 0
    dropped: int = 0
    size: int = 0
    texts: dict[str, Sighting] = field(default_factory=dict)
    largest: list[tuple[int, str]] = field(default_factory=list)

    def put(self, text_id: str, key: int, payload: Callable[[], str]) -> None:
        known = self.texts.get(text_id)
        if known is not None:
            self.texts[text_id] = replace(known, times=known.times + 1)
            return
        self.texts[text_id] = Sighting(text_id, key, 1, payload())
        self.size += len(self.texts[text_id].payload)
        heapq.heappush(self.largest, (-key, text_id))

    def shrink(self, most: int, most_bytes: int) -> int:
        """Lets the largest keys go until the rest fits; returns how many of them might have been kept."""
        before = self.dropped
        while len(self.texts) > most or self.size > most_bytes:
            self.dropped += len(self.texts) <= most
            key, text_id = heapq.heappop(self.largest)
            self.threshold = -key
            self.size -= len(self.texts.pop(text_id).payload)
        return self.dropped - before


class TrafficSampler:
    """One process's part in the sample; `note` in the event loop, `flush` in a thread."""

    def __init__(
        self,
        store: TrafficStore,
        limits: Limits,
        metrics: Metrics,
        *,
        buffer_bytes: int = BUFFER_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Asks the store for its clock and salt.

        Args:
            store: where the sample is kept.
            limits: the store's.
            metrics: takes the numbers.
            buffer_bytes: texts that wait for a report, at most.
            clock: seconds; only differences matter.

        Raises:
            QueueError: the store does not answer.
        """
        self._store, self._limits, self._metrics, self._clock = store, limits, metrics, clock
        self._source, self._number, self._buffer_bytes = uuid4().hex[:12], 0, buffer_bytes
        self._lock, self._flushing = threading.Lock(), threading.Lock()
        self._pending: dict[int, _Pending] = {}
        self._thresholds: dict[int, int] = {}
        self._unsent: list[Report] = []
        state = store.state()
        self._salt, self._behind_ms = state.salt, state.now_ms - clock() * 1000

    def note(self, texts: Sequence[tuple[str, str]], verdicts: Sequence[Verdict]) -> None:
        """Takes note of what was scored: (text, context) and verdict of each, in order."""
        with self._lock:
            now = int(self._clock() * 1000 + self._behind_ms)
            window = self._limits.window(now)
            pending = self._pending.setdefault(window, _Pending())
            threshold = min(pending.threshold, self._thresholds.get(window, ONE))
            pending.seen += len(texts)
            for (text, context), verdict in zip(texts, verdicts, strict=True):
                text_id = identity(text, context)
                key = key_of(self._salt, window, text_id)
                if key < threshold:
                    pending.put(text_id, key, partial(_payload, text, context, verdict, now))
            dropped = pending.shrink(self._limits.texts, self._buffer_bytes)
        self._metrics.add(m.TRAFFIC_SEEN, len(texts))
        self._metrics.add(m.TRAFFIC_DROPPED, dropped, reason="buffer")

    async def anote(self, texts: Sequence[tuple[str, str]], verdicts: Sequence[Verdict]) -> None:
        """`note`, as what a response does once it is sent."""
        self.note(texts, verdicts)

    def flush(self) -> None:
        """Reports what was noted.

        Raises:
            QueueError: the store does not take it now; it is reported the next time.
        """
        with self._flushing:
            if not self._unsent:
                self._unsent = self._take()
            while self._unsent:
                self._heard(self._unsent[0])
                self._unsent.pop(0)

    def _take(self) -> list[Report]:
        """Reports of everything pending; what was let go of a window stays let go."""
        with self._lock:
            pending, salt = self._pending, self._salt
            current = max(pending, default=0)
            self._pending = {current: _Pending(pending[current].threshold)} if pending else {}
            self._thresholds = {name: value for name, value in self._thresholds.items() if name >= current}
        reports = []
        for window, found in sorted(pending.items()):
            if found.seen:
                self._number += 1
                texts = tuple(found.texts.values())
                reports.append(
                    Report(self._source, self._number, salt, window, found.seen, found.dropped, found.threshold, texts)
                )
        return reports

    def _heard(self, report: Report) -> None:
        """Sends one report and goes by the answer."""
        state = self._store.add(report)
        with self._lock:
            self._behind_ms = state.now_ms - self._clock() * 1000
            self._thresholds[report.window] = state.threshold
            cleared = state.salt != self._salt
            if cleared:  # everything noted under the old salt is void
                lost = sum(len(pending.texts) for pending in self._pending.values())
                self._salt, self._pending, self._thresholds = state.salt, {}, {}
        if cleared:
            lost += sum(len(unsent.texts) for unsent in self._unsent)
            self._unsent = self._unsent[:1]
            self._metrics.add(m.TRAFFIC_DROPPED, lost, reason="cleared")
            return
        self._metrics.set(m.TRAFFIC_KEPT, state.kept)
        self._metrics.set(m.TRAFFIC_PROBABILITY, state.threshold / ONE)


async def keep(sampler: TrafficSampler, every: float = FLUSH_SECONDS) -> None:
    """For ever: reports, pauses; once more in the end. While the store is away the buffer fills."""
    try:
        while True:
            await asyncio.sleep(every)
            await anyio.to_thread.run_sync(_flush, sampler)
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(_flush, sampler)


def limits_of(config: LiveTrafficConfig) -> Limits:
    """The store's limits out of the settings."""
    return Limits(
        texts=config.size,
        max_bytes=config.max_megabytes << 20,
        window_ms=round(config.window_hours * 3_600_000),
        windows=config.windows,
    )


def _flush(sampler: TrafficSampler) -> None:
    try:
        sampler.flush()
    except QueueError as error:
        logger.warning("the sample of live traffic cannot be written now: %s", error)
    except Exception:
        logger.exception("the sample of live traffic could not be written")


def _payload(text: str, context: str, verdict: Verdict, now_ms: int) -> str:
    served = {
        "decision": verdict.decision,
        "probability": round(verdict.probability, 4),
        "disagreement": round(verdict.disagreement, 4),
    }
    fields = {"text": text, "context": context, "first_at": now_ms, "served": served}
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
