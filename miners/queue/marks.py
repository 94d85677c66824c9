"""What families of texts are for, as admins say: kept by family, so that no rewrite of a held-out text ever trains."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import redis

from miners.queue.guard import guarded
from miners.queue.types import Mark


class RedisMarks:
    """Marks of one task's families on a Redis or Valkey server; every call may be repeated.

    Args:
        client: redis-py client with `decode_responses=True`, see `connect`.
        prefix: of the task's keys, hash tag included.
    """

    def __init__(self, client: redis.Redis, prefix: str) -> None:
        self._client: Any = client  # typed as bytes | str throughout; with decode_responses it is str
        self._key = f"{prefix}marks"

    def put(self, family: str, mark: Mark | None) -> None:
        """Sets the mark of a family, or takes it back."""
        with guarded():
            if mark is None:
                self._client.hdel(self._key, family)
            else:
                self._client.hset(self._key, family, mark)

    def of(self, families: Sequence[str]) -> list[Mark | None]:
        """The marks of these families, in order."""
        if not families:
            return []
        with guarded():
            found: list[Mark | None] = self._client.hmget(self._key, families)
        return found

    def all(self) -> dict[str, Mark]:
        """All marks, by family."""
        with guarded():
            found: dict[str, Mark] = self._client.hgetall(self._key)
        return found
