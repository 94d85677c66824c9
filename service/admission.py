"""How much scoring goes on at once: so many requests run, so many wait, the next is told to come back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from service import metrics as m
from service.config import ServerConfig
from service.http_errors import retry_later
from service.metrics import Metrics


class Admission:
    """A bounded line in front of the members; belongs to one event loop."""

    def __init__(self, limits: ServerConfig, metrics: Metrics) -> None:
        self._limits, self._metrics = limits, metrics
        self._turns, self._waiting = asyncio.Semaphore(limits.max_ongoing_requests), 0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Waits for a turn and holds it; the whole stay is bounded by `request_timeout_seconds`.

        Raises:
            ApiError: 503 with Retry-After where the line is full or the time is up.
        """
        if self._turns.locked() and self._waiting >= self._limits.max_queued_requests:
            raise self._refuse("overloaded", f"{self._waiting} requests wait already; send fewer at a time")
        seconds = self._limits.request_timeout_seconds
        try:
            async with asyncio.timeout(seconds):
                await self._wait()
                try:
                    yield
                finally:
                    self._turns.release()
        except TimeoutError:
            raise self._refuse("timeout", f"not done within {seconds:g} s; send fewer texts at a time") from None

    async def _wait(self) -> None:
        self._waiting += 1
        try:
            await self._turns.acquire()
        finally:
            self._waiting -= 1

    def _refuse(self, reason: str, message: str) -> Exception:
        self._metrics.add(m.REFUSED, reason=reason)
        return retry_later(503, reason, message, seconds=self._limits.retry_after_seconds)
