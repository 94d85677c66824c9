"""Browser sessions: opened with a key, known by a token that is kept only as its SHA-256, over when idle or old.

The token has 256 random bits, so a fast hash keeps it as well as a slow one would, and each request can be checked.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.resources import files
from typing import Any, Protocol

import redis

from miners.queue.codec import moment
from miners.queue.guard import guarded

PREFIX = "{hungjury}:sessions:"
IDLE = timedelta(hours=2)
LONGEST = timedelta(hours=12)
MOST_OF_A_KEY = 20
"""Sessions that one key may have at once; a further one ends the one that would end first."""
_TOKEN_CHARS = 43


@dataclass(frozen=True)
class Session:
    """A session as it is kept.

    Attributes:
        key_id: of the key that opened it.
        serial: which of that key's secrets opened it.
        opened_at: by the store's clock.
        ends_at: when it is over however busy it is.
    """

    key_id: str
    serial: int
    opened_at: datetime
    ends_at: datetime


class SessionRecords(Protocol):
    """Where sessions are kept, by name."""

    def open(self, name: str, key_id: str, serial: int, *, idle: timedelta, longest: timedelta) -> Session:
        """Opens a session; repeated, it is the same one."""

    def use(self, name: str, *, idle: timedelta) -> Session | None:
        """The session, which now may be idle for so long again; None where it is over."""

    def end(self, name: str) -> None:
        """Ends it; harmless where there is none."""


class SessionStore:
    """Opens, looks up and ends sessions; thread-safe. Whether a session's key is still good is for the caller to ask.

    Args:
        records: where they are kept.
        idle: how long one may stay unused.
        longest: how long one may last in all.
    """

    def __init__(self, records: SessionRecords, *, idle: timedelta = IDLE, longest: timedelta = LONGEST) -> None:
        self._records, self.idle, self.longest = records, idle, longest

    def open(self, key_id: str, serial: int) -> tuple[str, Session]:
        """A new session for a key: its token, which nobody can show again, and what is known of it."""
        token = secrets.token_urlsafe(32)
        return token, self._records.open(_name(token), key_id, serial, idle=self.idle, longest=self.longest)

    def use(self, token: str) -> Session | None:
        """The session of a token; None where there is none, or it is over."""
        return self._records.use(_name(token), idle=self.idle) if is_token(token) else None

    def end(self, token: str) -> None:
        """Ends the session of a token, at once."""
        if is_token(token):
            self._records.end(_name(token))


def is_token(token: str) -> bool:
    """Whether it has the form of a token."""
    return len(token) == _TOKEN_CHARS and token.isascii()


def csrf_of(token: str) -> str:
    """What a page must send beside a session's cookie; it is made of the token, and says nothing about it."""
    return hmac.new(token.encode(), b"hungjury csrf", hashlib.sha256).hexdigest()


def _name(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


class RedisSessionRecords:
    """`SessionRecords` on a Redis or Valkey server; the server's clock counts.

    Args:
        client: redis-py client with `decode_responses=True`, see `connect`.
    """

    def __init__(self, client: redis.Redis) -> None:
        self._client: Any = client  # typed as bytes | str throughout; with decode_responses it is str
        scripts = files("miners.queue") / "lua"
        self._open = client.register_script((scripts / "session_open.lua").read_text())
        self._use = client.register_script((scripts / "session_use.lua").read_text())
        self._end = client.register_script((scripts / "session_end.lua").read_text())

    def open(self, name: str, key_id: str, serial: int, *, idle: timedelta, longest: timedelta) -> Session:
        """Opens a session; see `SessionRecords`."""
        args: list[str | int] = [name, key_id, serial, _ms(idle), _ms(longest), MOST_OF_A_KEY, f"{PREFIX}s:"]
        with guarded():
            opened, ends = self._open(keys=[_key(name), f"{PREFIX}k:{key_id}"], args=args)
        return Session(key_id, serial, moment(opened), moment(ends))

    def use(self, name: str, *, idle: timedelta) -> Session | None:
        """The session, used; see `SessionRecords`."""
        with guarded():
            found = self._use(keys=[_key(name)], args=[_ms(idle)])
        return Session(found[0], int(found[1]), moment(found[2]), moment(found[3])) if found else None

    def end(self, name: str) -> None:
        """Ends it; see `SessionRecords`."""
        with guarded():
            self._end(keys=[_key(name)], args=[name, f"{PREFIX}k:"])


@dataclass
class _Kept:
    session: Session
    idle_until: float


class MemorySessionRecords:
    """`SessionRecords` in this process, for notebooks and tests; gone with it.

    Args:
        clock: seconds since the epoch.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._kept: dict[str, _Kept] = {}

    def open(self, name: str, key_id: str, serial: int, *, idle: timedelta, longest: timedelta) -> Session:
        """Opens a session; see `SessionRecords`."""
        with self._lock:
            self._sweep()
            if name in self._kept:
                return self._kept[name].session
            now = int(self._clock() * 1000)
            session = Session(key_id, serial, moment(now), moment(now + _ms(longest)))
            self._kept[name] = _Kept(session, (now + min(_ms(idle), _ms(longest))) / 1000)
            mine = [(kept.session.ends_at, each) for each, kept in self._kept.items() if kept.session.key_id == key_id]
            for _, first in sorted(mine)[: max(0, len(mine) - MOST_OF_A_KEY)]:
                del self._kept[first]
            return session

    def use(self, name: str, *, idle: timedelta) -> Session | None:
        """The session, used; see `SessionRecords`."""
        with self._lock:
            self._sweep()
            kept = self._kept.get(name)
            if kept is None:
                return None
            kept.idle_until = min(self._clock() + idle.total_seconds(), kept.session.ends_at.timestamp())
            return kept.session

    def end(self, name: str) -> None:
        """Ends it."""
        with self._lock:
            self._kept.pop(name, None)

    def _sweep(self) -> None:
        now = self._clock()
        for name in [name for name, kept in self._kept.items() if now >= kept.idle_until]:
            del self._kept[name]


def _key(name: str) -> str:
    return f"{PREFIX}s:{name}"


def _ms(duration: timedelta) -> int:
    return round(duration.total_seconds() * 1000)
