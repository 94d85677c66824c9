"""A sample of live traffic with known probability: what is kept of the texts that the service scored.

Time is cut into windows. Within one, each distinct text has a key: a hash of text and window under a secret salt, as
good as a uniform random number. The texts with the smallest keys are kept, as many as the limits allow; the smallest
key that did not fit is the window's threshold. So a text of the window is kept with probability threshold / 2^53,
whatever it says and however often it came (bottom-k sampling with a hash as rank: Cohen and Kaplan, "Summarizing data
using bottom-k sketches", PODC 2007; thresholds that limits on bytes or on a buffer lower keep estimates unbiased: Ting,
"Adaptive Threshold Sampling", SIGMOD 2022). Because thresholds only fall, a text that is kept now was kept from its
first appearance in the window on, so that its number of appearances is exact. Samples of several processes merge by
taking the smallest keys of all. Nobody without the salt can choose texts that the sample never sees.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict

from ensemble.errors import InputError
from miners.queue.codec import moment

ONE = 2**53
"""A threshold below which all keys lie: everything is kept."""


def key_of(salt: str, window: int, text_id: str) -> int:
    """A text's key in a window: uniform over 0 .. 2^53 - 1 for whoever does not know the salt (keyed BLAKE2b)."""
    digest = hashlib.blake2b(f"{window}:{text_id}".encode(), digest_size=8, key=salt.encode()).digest()
    return int.from_bytes(digest, "big") >> 11


@dataclass(frozen=True)
class Limits:
    """What is kept at most.

    Attributes:
        texts: distinct texts a window.
        max_bytes: of them, as they are stored, a window.
        window_ms: length of a window in milliseconds.
        windows: windows kept, the one in progress among them; a text is gone this many window lengths after its window
            began.
    """

    texts: int = 10_000
    max_bytes: int = 64 << 20
    window_ms: int = 86_400_000
    windows: int = 7

    def __post_init__(self) -> None:
        """Refuses limits that keep nothing.

        Raises:
            InputError: one of them is below 1.
        """
        for name in ("texts", "max_bytes", "window_ms", "windows"):
            if getattr(self, name) < 1:
                raise InputError(f"is {getattr(self, name)}; at least 1 is needed", field=name)

    def window(self, now_ms: float) -> int:
        """The beginning of the window in which a moment lies; both in ms since the epoch."""
        return int(now_ms) // self.window_ms * self.window_ms


@dataclass(frozen=True)
class Sighting:
    """A text that was scored.

    Attributes:
        text_id: its identity.
        key: see `key_of`.
        times: how often since the last report.
        payload: JSON of a `Kept`, without what the store knows by itself.
    """

    text_id: str
    key: int
    times: int
    payload: str


@dataclass(frozen=True)
class Report:
    """What one process saw of one window since its last report.

    Attributes:
        source: the process; its reports are numbered, so that one that is sent twice counts once.
        number: from 1, growing with every report of the process.
        salt: under which the keys were made.
        window: its beginning.
        seen: texts scored, repeats included, also of those left out.
        dropped: texts that the process let go for lack of room; their keys were not below `threshold`.
        threshold: the smallest key that the process let go, else `ONE`.
        texts: those with keys below it.
    """

    source: str
    number: int
    salt: str
    window: int
    seen: int
    dropped: int = 0
    threshold: int = ONE
    texts: Sequence[Sighting] = field(default_factory=tuple)


@dataclass(frozen=True)
class State:
    """What the store answers.

    Attributes:
        now_ms: its clock.
        salt: the one in force; another than the report's means that nothing was taken, for the sample was cleared.
        threshold: of the report's window; texts with keys from here on need not be reported any more.
        kept: texts kept of that window.
    """

    now_ms: int
    salt: str
    threshold: int = ONE
    kept: int = 0


class Window(BaseModel):
    """What is kept of one window.

    Attributes:
        window: its beginning in ms since the epoch; also its name.
        begins, expires: the same as a time, and when everything of it is deleted.
        seen: texts scored, repeats included.
        kept: distinct texts kept.
        kept_bytes: as stored.
        dropped: texts that processes let go for lack of room; the probability accounts for them.
        probability: with which a distinct text of the window is kept, in (0, 1].
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    window: int
    begins: datetime
    expires: datetime
    seen: int
    kept: int
    kept_bytes: int
    dropped: int
    probability: float

    @property
    def distinct(self) -> float:
        """Estimated number of distinct texts of the window: kept / probability."""
        return self.kept / self.probability


class Kept(BaseModel):
    """A text of the sample.

    Attributes:
        text_id: its identity.
        text, context: as scored.
        first_at: when it first came, in ms since the epoch.
        served: what the service answered then: decision, probability, disagreement.
        key: see `key_of`.
        times: how often it came in its window.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    text_id: str = ""
    text: str
    context: str = ""
    first_at: int
    served: dict[str, Any]
    key: int = 0
    times: int = 1

    @property
    def when(self) -> datetime:
        """`first_at` as a time."""
        return moment(self.first_at)


class TrafficStore(Protocol):
    """Keeps the sample of one task. Durable and safe to repeat; thread-safe."""

    def state(self) -> State:
        """Clock and salt; the salt is made at the first call."""

    def add(self, report: Report) -> State:
        """Takes a report in; none of it where its salt is no longer in force or its window is over and deleted."""

    def windows(self) -> list[Window]:
        """What is kept, newest first."""

    def read(self, window: int, *, after: int = -1, count: int = 64) -> list[Kept]:
        """Texts of a window in the order of their keys, which is a random one, behind the key `after`."""

    def clear(self) -> int:
        """Deletes all of it and changes the salt; returns how many texts are gone."""

    def forget(self, text_id: str) -> bool:
        """Deletes one text; whether it was there."""
