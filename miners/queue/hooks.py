"""How far each webhook has been told of the changes of findings, and which one sender tells it now.

The position lies in the store, so that whoever sends next goes on behind what was acknowledged. A sender holds a
webhook for some seconds and renews that; one that is gone loses it by itself. Time is the store's clock.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Protocol

import redis

from miners.queue.checks import check_task
from miners.queue.guard import guarded

_VERBS = ("hold", "advance", "release")


@dataclass(frozen=True)
class Held:
    """A webhook that is held.

    Attributes:
        position: changes that were told already.
        changes: how many there are.
        name: random, and the same for ever; with the position it names a delivery.
    """

    position: int
    changes: int
    name: str


class Hooks(Protocol):
    """Safe to repeat, and thread-safe."""

    def hold(self, hook: str, sender: str, *, seconds: float) -> Held | None:
        """Holds a webhook, or goes on holding it; None while another sender does.

        One that was never held begins behind all changes so far.
        """

    def advance(self, hook: str, sender: str, position: int) -> bool:
        """Notes that everything before a position was told; False where another sender holds the webhook."""

    def release(self, hook: str, sender: str) -> bool:
        """Lets it go; whether this sender held it."""


class RedisHooks:
    """`Hooks` of one task on a Redis or Valkey server; every method raises StoreUnavailableError without an answer.

    Args:
        client: redis-py client with `decode_responses=True`, see `connect`.
        task: name of the task.
    """

    def __init__(self, client: redis.Redis, task: str) -> None:
        self._prefix = f"{{hungjury:{check_task(task)}}}:"
        folder = files("miners.queue") / "lua"
        self._scripts = {verb: client.register_script((folder / f"hook_{verb}.lua").read_text()) for verb in _VERBS}

    def hold(self, hook: str, sender: str, *, seconds: float) -> Held | None:
        """Holds a webhook; see `Hooks`."""
        reply = self._call("hold", hook, sender, round(seconds * 1000), secrets.token_hex(8))
        return Held(*reply) if reply else None

    def advance(self, hook: str, sender: str, position: int) -> bool:
        """Notes that everything before a position was told; see `Hooks`."""
        return bool(self._call("advance", hook, sender, position))

    def release(self, hook: str, sender: str) -> bool:
        """Lets it go; see `Hooks`."""
        return bool(self._call("release", hook, sender))

    def _call(self, verb: str, *args: str | int) -> Any:
        with guarded():
            return self._scripts[verb](keys=[self._prefix], args=args)


@dataclass
class _Record:
    at: int
    name: str
    sender: str = ""
    until: float = 0.0


class MemoryHooks:
    """`Hooks` in this process.

    Args:
        changes: how many changes there are.
        clock: seconds.
    """

    def __init__(self, changes: Callable[[], int], clock: Callable[[], float] = time.monotonic) -> None:
        self._changes, self._clock = changes, clock
        self._records: dict[str, _Record] = {}
        self._lock = threading.Lock()

    def hold(self, hook: str, sender: str, *, seconds: float) -> Held | None:
        """Holds a webhook; see `Hooks`."""
        with self._lock:
            now, total = self._clock(), self._changes()
            record = self._records.setdefault(hook, _Record(total, secrets.token_hex(8)))
            if record.sender not in ("", sender) and record.until > now:
                return None
            record.sender, record.until = sender, now + seconds
            return Held(record.at, total, record.name)

    def advance(self, hook: str, sender: str, position: int) -> bool:
        """Notes that everything before a position was told; see `Hooks`."""
        with self._lock:
            record = self._records.get(hook)
            if record is None or record.sender != sender:
                return False
            record.at = max(record.at, position)
            return True

    def release(self, hook: str, sender: str) -> bool:
        """Lets it go; see `Hooks`."""
        with self._lock:
            record = self._records.get(hook)
            if record is None or record.sender != sender:
                return False
            record.sender = ""
            return True
