"""Only the newest of a person's requests goes on: what was asked about an older text is given up, not piled up."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine
from typing import Any, TypeVar

from service.http_errors import ApiError, retry_later

T = TypeVar("T")


class Overtaking:
    """Requests that are under way, by person and by what they belong to; belongs to one event loop."""

    def __init__(self, most: int) -> None:
        """Nothing is under way; `most` requests of one person may be at once."""
        self._most = most
        self._running: dict[tuple[str, str], asyncio.Task[Any]] = {}
        self._count: Counter[str] = Counter()

    async def run(self, person: str, name: str | None, work: Coroutine[Any, Any, T]) -> T:
        """The result of some work, unless the same person asks again under the same name meanwhile.

        Args:
            person: who asks.
            name: what overtakes what; None = this overtakes nothing and is not overtaken.
            work: given up where it is overtaken, and where whoever waits for it is gone.

        Raises:
            ApiError: 409 where it was overtaken, 429 where too much is under way.
        """
        key = (person, name or "")
        if name is not None and (older := self._running.pop(key, None)) is not None:
            older.cancel()
        if self._count[person] >= self._most:
            work.close()
            message = f"{self._most} requests of yours are under way already; wait for one of them"
            raise retry_later(429, "too_many_at_once", message)
        task = asyncio.ensure_future(work)
        if name is not None:
            self._running[key] = task
        self._count[person] += 1
        try:
            await asyncio.wait([task])
            if task.cancelled():
                raise ApiError(409, "overtaken", "a newer request took the place of this one; nothing is lost")
            return task.result()
        finally:
            task.cancel()
            self._count[person] -= 1
            if not self._count[person]:
                del self._count[person]
            if self._running.get(key) is task:
                del self._running[key]
