"""Who is asking, and may they: bearer keys and browser sessions, checked off the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias

import anyio
import anyio.to_thread

from miners.errors import QueueError
from miners.queue.api_keys import Refusal
from miners.queue.sessions import SessionStore, is_token
from service.callers import household
from service.config import AccessConfig
from service.http_errors import ApiError, retry_later
from service.rates import Buckets
from service.services import KeyRecord, KeyStore

CACHE_SECONDS = 5.0
"""How long a verified key or session is believed; a revoked one works at most this much longer."""

Ask: TypeAlias = Callable[[], Coroutine[Any, Any, KeyRecord | None]]
"""Asks the store."""

TRUST_SECONDS = 600.0
"""How long it is believed while the store is away: scoring needs no store, and nobody can revoke then."""

CACHE_KEYS = 1_000
CHECKS_AT_ONCE = 2
CHECKS_WAITING = 64
MAX_KEY_CHARS = 512


@dataclass(frozen=True)
class _Known:
    """A key that was verified: when, and until when it is believed without asking again."""

    record: KeyRecord
    verified: float
    until: float


class Authenticator:
    """Checks keys and sessions against the store, and counts who asks how much; belongs to one event loop.

    The slow hash runs in a thread, its success is remembered for seconds, and who guesses is soon not looked at.

    Args:
        store: the keys.
        sessions: the browser sessions; None = there are none.
        access: limits.
        clock: seconds; only differences matter.
        now: the time of day, for expiry.
    """

    def __init__(
        self,
        store: KeyStore,
        *,
        sessions: SessionStore | None = None,
        access: AccessConfig | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store, self._sessions, self._access = store, sessions, access or AccessConfig()
        self._clock, self._now = clock, now
        self._known: OrderedDict[bytes, _Known] = OrderedDict()
        self._turns, self._waiting = anyio.Semaphore(CHECKS_AT_ONCE), 0
        self._checks: dict[bytes, asyncio.Task[KeyRecord | None]] = {}
        self._asked, self._guesses = Buckets(clock=clock), Buckets(clock=clock)

    async def identify(self, key: str, address: str | None = None) -> KeyRecord | None:
        """Whose key it is, or None.

        Args:
            key: as it was sent.
            address: who sent it; too many wrong keys from there, and unknown ones are not looked at. None = anybody.

        Raises:
            ApiError: 401 for a key whose time is over, 429 where too many keys are being checked or were wrong.
            QueueError: the store is away, and the key was not verified lately.
        """
        digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
        if digest not in self._known and address is not None:
            self._refuse_guesses(household(address))
        record = None
        if len(key) <= MAX_KEY_CHARS:
            record = await self._believed(digest, lambda: self._check(key))
        if record is None and address is not None:
            self._guesses.take(household(address), self._access.wrong_keys_per_minute)
        return record

    async def resume(self, token: str) -> KeyRecord | None:
        """Whose session it is, or None where it is over or its key is not in use any more.

        Raises:
            QueueError: the store is away, and the session was not verified lately.
        """
        if not is_token(token):
            return None
        return await self._believed(_session_digest(token), lambda: self._check_session(token))

    def forget(self, token: str) -> None:
        """The session has ended; here it is not believed any more."""
        self._known.pop(_session_digest(token), None)

    def count(self, record: KeyRecord) -> None:
        """Counts one request.

        Raises:
            ApiError: 429 where the key has asked too much this minute.
        """
        limit = record.per_minute or getattr(self._access, f"{record.role}_requests_per_minute")
        if limit is None:
            return
        wait = self._asked.wait(record.id, limit)
        if wait > 0:
            message = f"this key may ask {limit:,} times a minute, and has; wait as Retry-After says"
            raise retry_later(429, "too_many_requests", message, seconds=int(wait) + 1)
        self._asked.take(record.id, limit)

    def _refuse_guesses(self, client: str) -> None:
        wait = self._guesses.wait(client, self._access.wrong_keys_per_minute)
        if wait > 0:
            message = "too many wrong keys came from your address; wait as Retry-After says, then send the right one"
            raise retry_later(429, "too_many_wrong_keys", message, seconds=int(wait) + 1)

    async def _believed(self, digest: bytes, ask: Ask) -> KeyRecord | None:
        known, now = self._known.get(digest), self._clock()
        if known is None or now >= known.until:
            known = await self._refreshed(digest, ask, known, now)
        if known is None:
            self._known.pop(digest, None)
            return None
        if known.record.over(self._now()):
            raise _expired()
        self._known[digest] = known
        self._known.move_to_end(digest)
        if len(self._known) > CACHE_KEYS:
            self._known.popitem(last=False)
        return known.record

    async def _refreshed(self, digest: bytes, ask: Ask, known: _Known | None, now: float) -> _Known | None:
        try:
            record = await self._checked_once(digest, ask)
        except QueueError:
            if known is None or now >= known.verified + TRUST_SECONDS:
                raise
            return _Known(known.record, known.verified, self._clock() + CACHE_SECONDS)
        return _Known(record, now, now + CACHE_SECONDS) if record is not None else None

    async def _checked_once(self, digest: bytes, ask: Ask) -> KeyRecord | None:
        """Many requests with one key wait for one check; it goes on when one of them is given up."""
        check = self._checks.get(digest)
        if check is None:
            check = self._checks[digest] = asyncio.create_task(ask())
            check.add_done_callback(lambda done: self._done(digest, done))
        return await asyncio.shield(check)

    def _done(self, digest: bytes, done: asyncio.Task[KeyRecord | None]) -> None:
        del self._checks[digest]
        if not done.cancelled():
            done.exception()  # looked at, so that asyncio does not complain where every caller has gone

    async def _check(self, key: str) -> KeyRecord | None:
        if self._waiting >= CHECKS_WAITING:
            raise retry_later(429, "too_many_keys", "too many keys are being checked; try again")
        self._waiting += 1
        try:
            async with self._turns:
                found = await anyio.to_thread.run_sync(self._store.check, key)
        finally:
            self._waiting -= 1
        if found.refusal is Refusal.expired:
            raise _expired()
        return found.key

    async def _check_session(self, token: str) -> KeyRecord | None:
        sessions = self._sessions
        return await anyio.to_thread.run_sync(self._key_of, sessions, token) if sessions is not None else None

    def _key_of(self, sessions: SessionStore, token: str) -> KeyRecord | None:
        session = sessions.use(token)
        if session is None:
            return None
        record = self._store.find(session.key_id, session.serial)
        if record is None:
            with contextlib.suppress(QueueError):  # it opens nothing either way
                sessions.end(token)
        return record


def unauthorised(code: str, message: str) -> ApiError:
    """A 401."""
    return ApiError(401, code, message, headers={"WWW-Authenticate": "Bearer"})


def _expired() -> ApiError:
    return unauthorised("key_expired", "this key's time is over; ask whoever runs the service for a new one")


def _session_digest(token: str) -> bytes:
    return hashlib.sha256(b"session " + token.encode()).digest()
