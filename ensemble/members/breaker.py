"""A circuit breaker: a service that keeps failing is left alone for a while, so that nobody waits for it in vain."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Literal

State = Literal["closed", "open", "probing"]

_LONGEST_SECONDS = 300.0
"""However long a service asks to be left alone, after this it is tried again."""


class Breaker:
    """Counts failures in a row. Thread-safe.

    Closed, everything passes. After `failures` in a row it opens: nothing passes. After `seconds` one caller is told to
    probe, and its success closes it again; its failure keeps it open for as long once more.

    Args:
        failures: in a row, at least 1.
        seconds: how long it stays open.
        clock: seconds that only grow.
    """

    def __init__(self, failures: int, seconds: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._seconds, self._clock = failures, seconds, clock
        self._lock = threading.Lock()
        self._count, self._until, self._last = 0, 0.0, ""
        self._state: State = "closed"

    @property
    def is_open(self) -> bool:
        """Whether calls are to fail at once."""
        return self._state != "closed"

    @property
    def reason(self) -> str:
        """Why it is open, and for how long, for people."""
        left = max(0.0, self._until - self._clock())
        when = f"it is tried again in {left:.0f} s" if left else "it is being tried again"
        return f"left alone after {self._count} failures in a row, the last: {self._last}; {when}"

    def may_probe(self) -> bool:
        """Whether the caller is to find out if the service is back; true for one caller at a time."""
        with self._lock:
            due = self._state == "open" and self._clock() >= self._until
            if due:
                self._state = "probing"
            return due

    def succeed(self) -> None:
        """Notes an answer."""
        with self._lock:
            self._count, self._state = 0, "closed"

    def fail(self, why: str, *, leave_alone: float = 0.0) -> None:
        """Notes a failure.

        Args:
            why: for people.
            leave_alone: seconds that the service asked for; above 0 it opens at once, for as long.
        """
        with self._lock:
            self._count, self._last = self._count + 1, why
            seconds = self._seconds if self._count >= self._most or self._state == "probing" else 0.0
            if wait := min(_LONGEST_SECONDS, max(seconds, leave_alone)):
                self._state, self._until = "open", self._clock() + wait
