"""The audit log: who did what as an admin, when, to how much, from where. Entries are only ever added at its end."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any, Protocol
from uuid import uuid4

import redis
from pydantic import BaseModel, ConfigDict, Field

from ensemble.errors import InputError
from miners.queue.codec import moment
from miners.queue.guard import guarded

PREFIX = "{hungjury}:audit:"
MOST_ENTRIES = 200_000
"""Beyond it the oldest go: at some 300 bytes each, 60 MB. `hungjury audit --json` takes them along before."""
PAGE = 500
_MAX_CHARS = 200
_CURSOR = re.compile(r"(\d{1,15})-(\d{1,9})")


class Act(BaseModel):
    """Something that an admin did. No field ever holds a secret.

    Attributes:
        who: id of the key, or "cli:" and the user of the machine.
        name: of the key, for people.
        what: the act, for example "key.create", "export" or "POST /v1/items/{item_id}/order".
        subject: what it was done to: an id, a file's name.
        count: how many were concerned; None where that says nothing.
        where: client's address, or "host:" and the machine of the command line.
        detail: what else matters, as text.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    who: str
    name: str = ""
    what: str
    subject: str = ""
    count: int | None = None
    where: str = ""
    detail: Mapping[str, str] = Field(default_factory=dict)


class Entry(Act):
    """An act as it is kept.

    Attributes:
        id: its place: "<milliseconds>-<number>", growing.
        at: when, by the store's clock.
    """

    id: str
    at: datetime


class AuditLog(Protocol):
    """Where acts are kept. Thread-safe."""

    def add(self, act: Act) -> Entry:
        """Writes an act at the end, durably; texts are cut at 200 characters and made printable."""

    def read(self, *, since: datetime | None = None, after: str | None = None, count: int = PAGE) -> list[Entry]:
        """Entries, oldest first: from that time on, or behind the entry of that id.

        Raises:
            InputError: an id that is none.
        """


def every(log: AuditLog, *, since: datetime | None = None) -> Iterator[Entry]:
    """All entries from that time on, oldest first."""
    page = log.read(since=since)
    while page:
        yield from page
        page = log.read(after=page[-1].id)


class RedisAuditLog:
    """`AuditLog` on a Redis or Valkey server: one stream.

    Args:
        client: redis-py client with `decode_responses=True`, see `connect`.
        most: entries kept, or a few more.
    """

    def __init__(self, client: redis.Redis, *, most: int = MOST_ENTRIES) -> None:
        self._client: Any = client  # typed as bytes | str throughout; with decode_responses it is str
        self._most = most
        self._append = client.register_script((files("miners.queue") / "lua" / "audit_append.lua").read_text())

    def add(self, act: Act) -> Entry:
        """Writes an act at the end; see `AuditLog`."""
        act = _clean(act)
        with guarded():
            place = self._append(
                keys=[f"{PREFIX}log", f"{PREFIX}t:{uuid4().hex}"],
                args=[act.model_dump_json(exclude_defaults=True), self._most],
            )
        return _entry(place, act)

    def read(self, *, since: datetime | None = None, after: str | None = None, count: int = PAGE) -> list[Entry]:
        """Entries, oldest first; see `AuditLog`."""
        start = f"({_checked(after)}" if after is not None else _ms(since)
        with guarded():
            found = self._client.xrange(f"{PREFIX}log", min=start, max="+", count=count)
        return [_entry(place, Act.model_validate_json(fields["e"])) for place, fields in found]


class MemoryAuditLog:
    """`AuditLog` in this process, for notebooks and tests; gone with it.

    Args:
        clock: seconds since the epoch.
        most: entries kept.
    """

    def __init__(self, clock: Callable[[], float] = time.time, *, most: int = MOST_ENTRIES) -> None:
        self._clock, self._most, self._lock = clock, most, threading.Lock()
        self._kept: list[tuple[tuple[int, int], Act]] = []
        self._last = (0, 0)

    def add(self, act: Act) -> Entry:
        """Writes an act at the end; see `AuditLog`."""
        act = _clean(act)
        with self._lock:
            ms = max(int(self._clock() * 1000), self._last[0])
            self._last = (ms, self._last[1] + 1 if ms == self._last[0] else 0)
            self._kept.append((self._last, act))
            del self._kept[: -self._most]
            return _entry("{}-{}".format(*self._last), act)

    def read(self, *, since: datetime | None = None, after: str | None = None, count: int = PAGE) -> list[Entry]:
        """Entries, oldest first; see `AuditLog`."""
        low = _place(_checked(after)) if after is not None else (int(_ms(since)) if since else 0, -1)
        with self._lock:
            found = [(place, act) for place, act in self._kept if place > low][:count]
        return [_entry("{}-{}".format(*place), act) for place, act in found]


def _clean(act: Act) -> Act:
    """Printable and short, so that an entry can neither flood the log nor a terminal."""
    cut = {name: _printable(getattr(act, name)) for name in ("who", "name", "what", "subject", "where")}
    detail = {_printable(name): _printable(value) for name, value in list(act.detail.items())[:20]}
    return act.model_copy(update={**cut, "detail": detail})


def _printable(text: str) -> str:
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text[:_MAX_CHARS])


def _entry(place: str, act: Act) -> Entry:
    return Entry(id=place, at=moment(place.partition("-")[0]), **act.model_dump())


def _ms(since: datetime | None) -> str:
    if since is None:
        return "-"
    aware = since if since.tzinfo is not None else since.replace(tzinfo=UTC)
    return str(max(0, round(aware.timestamp() * 1000)))


def _checked(place: str) -> str:
    if not _CURSOR.fullmatch(place):
        raise InputError("is no entry's id, which looks like 1700000000000-0", field="after")
    return place


def _place(place: str) -> tuple[int, int]:
    ms, _, number = place.partition("-")
    return int(ms), int(number)
