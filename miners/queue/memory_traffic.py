"""The sample of live traffic in this process, for notebooks and tests; gone with it."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from miners.queue.codec import moment
from miners.queue.traffic import ONE, Kept, Limits, Report, State, Window


@dataclass
class _Window:
    expires: int
    threshold: int = ONE
    seen: int = 0
    dropped: int = 0
    size: int = 0
    numbers: dict[str, int] = field(default_factory=dict)
    keys: dict[str, int] = field(default_factory=dict)
    times: dict[str, int] = field(default_factory=dict)
    payloads: dict[str, str] = field(default_factory=dict)

    def take(self, report: Report, limits: Limits) -> None:
        self.numbers[report.source] = report.number
        self.seen, self.dropped = self.seen + report.seen, self.dropped + report.dropped
        self.threshold = min(self.threshold, report.threshold)
        for text_id in [one for one, key in self.keys.items() if key >= self.threshold]:
            self.evict(text_id)
        for one in report.texts:
            if one.key < self.threshold:
                if one.text_id not in self.keys:
                    self.keys[one.text_id], self.payloads[one.text_id] = one.key, one.payload
                    self.size += len(one.payload.encode())
                self.times[one.text_id] = self.times.get(one.text_id, 0) + one.times
        while len(self.keys) > limits.texts or self.size > limits.max_bytes:
            largest = max(self.keys, key=lambda one: self.keys[one])
            self.threshold = min(self.threshold, self.keys[largest])
            self.evict(largest)

    def evict(self, text_id: str) -> bool:
        if text_id not in self.keys:
            return False
        self.size -= len(self.payloads.pop(text_id).encode())
        del self.keys[text_id], self.times[text_id]
        return True


class MemoryTraffic:
    """`TrafficStore` in this process.

    Args:
        limits: what is kept.
        clock: seconds since the epoch.
    """

    def __init__(self, limits: Limits | None = None, clock: Callable[[], float] = time.time) -> None:
        self._limits, self._clock = limits or Limits(), clock
        self._salt = secrets.token_hex(16)
        self._windows: dict[int, _Window] = {}
        self._lock = threading.Lock()

    def state(self) -> State:
        """Clock and salt."""
        return State(now_ms=self._now(), salt=self._salt)

    def add(self, report: Report) -> State:
        """Takes a report in, see `TrafficStore`."""
        with self._lock:
            self._expire()
            expires = report.window + self._limits.window_ms * self._limits.windows
            window = self._windows.get(report.window, _Window(expires))
            fresh = window.numbers.get(report.source, 0) < report.number
            if report.salt == self._salt and expires > self._now() and fresh:
                self._windows[report.window] = window
                window.take(report, self._limits)
            return State(self._now(), self._salt, window.threshold, len(window.keys))

    def windows(self) -> list[Window]:
        """What is kept, newest first."""
        with self._lock:
            self._expire()
            return [_shown(begins, self._windows[begins]) for begins in sorted(self._windows, reverse=True)]

    def read(self, window: int, *, after: int = -1, count: int = 64) -> list[Kept]:
        """Texts of a window in the order of their keys, behind the key `after`."""
        with self._lock:
            self._expire()
            kept = self._windows.get(window, _Window(0))
            found = sorted((key, text_id) for text_id, key in kept.keys.items() if key > after)[:count]
            return [
                Kept.model_validate_json(kept.payloads[one]).model_copy(
                    update={"text_id": one, "key": key, "times": kept.times[one]}
                )
                for key, one in found
            ]

    def clear(self) -> int:
        """Deletes all of it and changes the salt; returns how many texts are gone."""
        with self._lock:
            gone = sum(len(window.keys) for window in self._windows.values())
            self._windows, self._salt = {}, secrets.token_hex(16)
            return gone

    def forget(self, text_id: str) -> bool:
        """Deletes one text; whether it was there."""
        with self._lock:
            found = [window for window in self._windows.values() if window.evict(text_id)]
            return bool(found)

    def _now(self) -> int:
        return int(self._clock() * 1000)

    def _expire(self) -> None:
        now = self._now()
        self._windows = {begins: window for begins, window in self._windows.items() if window.expires > now}


def _shown(begins: int, window: _Window) -> Window:
    return Window(
        window=begins,
        begins=moment(begins),
        expires=moment(window.expires),
        seen=window.seen,
        kept=len(window.keys),
        kept_bytes=window.size,
        dropped=window.dropped,
        probability=window.threshold / ONE,
    )
