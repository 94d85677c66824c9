"""Packing the texts of concurrent requests into the forward passes of one scorer."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from ensemble.errors import MemberUnavailableError, UnansweredTextError
from ensemble.scorer import FloatArray
from ensemble.text import Text
from service.errors import OverloadedError

T = TypeVar("T")

ScoreBatch = Callable[[Sequence[Text]], FloatArray]
"""Texts to an array of shape (texts, columns)."""


@dataclass(frozen=True)
class BatchedScores:
    """One request's answer.

    Attributes:
        scores: shape (texts, columns), in request order.
        seconds: its share of the forward passes that its texts were in.
        batches: sizes of those passes, in texts.
        forward_seconds: how long it was in forward passes, shared with others or not.
        wait_seconds: how long it waited before and between them.
    """

    scores: FloatArray
    seconds: float
    batches: tuple[int, ...]
    forward_seconds: float
    wait_seconds: float


@dataclass(eq=False)
class _Request:
    texts: Sequence[Text]
    done: asyncio.Future[BatchedScores]
    taken: int = 0
    seconds: float = 0.0
    forward: float = 0.0
    came: float = field(default_factory=time.perf_counter)
    parts: list[FloatArray] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)

    @property
    def left(self) -> int:
        return len(self.texts) - self.taken

    def take(self, count: int) -> Sequence[Text]:
        self.taken += count
        return self.texts[self.taken - count : self.taken]

    def receive(self, rows: FloatArray, seconds: float, batch: int) -> None:
        self.parts.append(rows)
        self.batches.append(batch)
        self.seconds += seconds * len(rows) / batch
        self.forward += seconds
        if not self.left and not self.done.done():
            waited, rows = time.perf_counter() - self.came - self.forward, np.concatenate(self.parts)
            self.done.set_result(BatchedScores(rows, self.seconds, tuple(self.batches), self.forward, max(0.0, waited)))

    def fail(self, error: BaseException) -> None:
        if not self.done.done():
            self.done.set_exception(error)


class Batcher:
    """Runs one scorer in one thread; the event loop never waits for it.

    Every waiting request has a fair share of the next pass, so one text is not held up by a long list before it; what
    is left of the pass goes to the oldest. Abandoned requests are dropped before their next pass. Belongs to the event
    loop in which it is first used.
    """

    def __init__(
        self, score: ScoreBatch, *, max_batch_size: int = 64, wait_seconds: float = 0.0, max_queued: int = 4096
    ) -> None:
        """Takes the scoring function and its bounds; sizes are in texts."""
        self._score, self._size, self._wait, self._max_queued = score, max_batch_size, wait_seconds, max_queued
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="scorer")
        self._waiting: deque[_Request] = deque()
        self._worker: asyncio.Task[None] | None = None
        self._busy_since: float | None = None

    @property
    def queued(self) -> int:
        """Texts that wait for a pass."""
        return sum(request.left for request in self._waiting)

    @property
    def busy_seconds(self) -> float:
        """How long the thread has been at its present work; 0 when idle."""
        return 0.0 if self._busy_since is None else time.monotonic() - self._busy_since

    async def submit(self, texts: Sequence[Text]) -> BatchedScores:
        """Scores of a request's texts.

        Raises:
            ValueError: no texts.
            OverloadedError: more than `max_queued` texts would wait.
            MemberUnavailableError: as the scorer raises it.
        """
        if not texts:
            raise ValueError("a request needs at least one text")
        if self.queued and self.queued + len(texts) > self._max_queued:
            raise OverloadedError(f"{self.queued} texts wait already; the limit is {self._max_queued}")
        request = _Request(texts, asyncio.get_running_loop().create_future())
        self._waiting.append(request)
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._drain())
        return await request.done

    async def run(self, work: Callable[[], T]) -> T:
        """Other work on the same model, between two passes."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._timed(work))

    def close(self) -> None:
        """Refuses what waits and ends the thread; harmless when repeated."""
        if self._worker is not None:
            self._worker.cancel()
        for request in self._waiting:
            request.fail(MemberUnavailableError("the member is shutting down"))
        self._waiting.clear()
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _drain(self) -> None:
        while self._waiting:
            if self.queued < self._size and self._wait > 0:
                await asyncio.sleep(self._wait)
            if packed := self._pack():
                await self._pass(packed)

    def _pack(self) -> list[tuple[_Request, Sequence[Text]]]:
        live = [request for request in self._waiting if not request.done.done()]
        share, room = max(1, self._size // max(1, len(live))), self._size
        counts = []
        for request in live:
            counts.append(min(share, request.left, room))
            room -= counts[-1]
        for i, request in enumerate(live):
            more = min(room, request.left - counts[i])
            counts[i] += more
            room -= more
        packed = [(request, request.take(count)) for request, count in zip(live, counts, strict=True) if count]
        self._waiting = deque(request for request in live if request.left)
        return packed

    async def _pass(self, packed: list[tuple[_Request, Sequence[Text]]]) -> None:
        texts = [text for _, part in packed for text in part]
        started = time.perf_counter()
        try:
            rows = await self.run(lambda: self._score(texts))
        except UnansweredTextError as error:
            await self._isolate(packed, error)
        except MemberUnavailableError as error:
            self._fail(packed, error)
        except Exception as error:  # noqa: BLE001 - whatever one text does to the scorer, the others must not pay for it
            await self._isolate(packed, error)
        else:
            seconds, row = time.perf_counter() - started, 0
            for request, part in packed:
                request.receive(rows[row : row + len(part)], seconds, len(texts))
                row += len(part)

    async def _isolate(self, packed: list[tuple[_Request, Sequence[Text]]], error: Exception) -> None:
        if len(packed) == 1:
            known = isinstance(error, MemberUnavailableError)
            said = error if known else MemberUnavailableError(f"scoring failed: {type(error).__name__}: {error}")
            self._fail(packed, said)
            return
        for one in packed:
            await self._pass([one])

    def _fail(self, packed: list[tuple[_Request, Sequence[Text]]], error: Exception) -> None:
        for request, _ in packed:
            request.fail(error)

    def _timed(self, work: Callable[[], T]) -> Callable[[], T]:
        def timed() -> T:
            self._busy_since = time.monotonic()
            try:
                return work()
            finally:
                self._busy_since = None

        return timed
