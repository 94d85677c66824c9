"""Who is asking, and may they: bearer keys checked off the event loop."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, TypeAlias

import anyio
import anyio.to_thread
from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from miners.errors import QueueError
from service.http_errors import ApiError, retry_later
from service.services import KeyRecord, KeyStore, Role

CACHE_SECONDS = 5.0
"""How long a verified key is believed; a revoked one works at most this much longer."""

TRUST_SECONDS = 600.0
"""How long a verified key is believed while the store is away: scoring needs no store, and nobody can revoke then."""

CACHE_KEYS = 1_000
CHECKS_AT_ONCE = 2
CHECKS_WAITING = 64
MAX_KEY_CHARS = 512

bearer = HTTPBearer(
    auto_error=False, scheme_name="key", description="An API key, made with `hungjury key create --role ROLE --name N`."
)


@dataclass(frozen=True)
class _Known:
    """A key that was verified: when, and until when it is believed without asking again."""

    record: KeyRecord
    verified: float
    until: float


class Authenticator:
    """Checks keys against the store; the slow hash runs in a thread and its success is remembered for seconds."""

    def __init__(self, store: KeyStore, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._store, self._clock = store, clock
        self._known: OrderedDict[bytes, _Known] = OrderedDict()
        self._turns, self._waiting = anyio.Semaphore(CHECKS_AT_ONCE), 0
        self._checks: dict[bytes, asyncio.Task[KeyRecord | None]] = {}

    async def identify(self, key: str) -> KeyRecord | None:
        """Whose key it is, or None.

        Raises:
            ApiError: 429 where too many keys are being checked.
            QueueError: the store is away, and the key was not verified lately.
        """
        if len(key) > MAX_KEY_CHARS:
            return None
        digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
        known, now = self._known.pop(digest, None), self._clock()
        if known is None or now >= known.until:
            known = await self._refreshed(key, digest, known, now)
        if known is None:
            return None
        self._known[digest] = known
        if len(self._known) > CACHE_KEYS:
            self._known.popitem(last=False)
        return known.record

    async def _refreshed(self, key: str, digest: bytes, known: _Known | None, now: float) -> _Known | None:
        try:
            record = await self._checked_once(key, digest)
        except QueueError:
            if known is None or now >= known.verified + TRUST_SECONDS:
                raise
            return _Known(known.record, known.verified, self._clock() + CACHE_SECONDS)
        return _Known(record, now, now + CACHE_SECONDS) if record is not None else None

    async def _checked_once(self, key: str, digest: bytes) -> KeyRecord | None:
        """Many requests with one key wait for one check; it goes on when one of them is given up."""
        check = self._checks.get(digest)
        if check is None:
            check = self._checks[digest] = asyncio.create_task(self._check(key))
            check.add_done_callback(lambda done: self._forget(digest, done))
        return await asyncio.shield(check)

    def _forget(self, digest: bytes, done: asyncio.Task[KeyRecord | None]) -> None:
        del self._checks[digest]
        if not done.cancelled():
            done.exception()  # looked at, so that asyncio does not complain where every caller has gone

    async def _check(self, key: str) -> KeyRecord | None:
        if self._waiting >= CHECKS_WAITING:
            raise retry_later(429, "too_many_keys", "too many keys are being checked; try again")
        self._waiting += 1
        try:
            async with self._turns:
                return await anyio.to_thread.run_sync(self._store.verify, key)
        finally:
            self._waiting -= 1


def require(*roles: Role) -> Callable[..., Awaitable[KeyRecord]]:
    """A dependency that lets only these roles in, and admins always.

    The dependency raises ApiError: 401 without a good key, 403 with one of another role.
    """

    async def check(
        request: Request, given: Annotated[HTTPAuthorizationCredentials | None, Security(bearer)]
    ) -> KeyRecord:
        if given is None or not given.credentials:
            raise _unauthorised("missing_key", "send a key: Authorization: Bearer KEY")
        authenticator: Authenticator = request.app.state.authenticator
        record = await authenticator.identify(given.credentials)
        if record is None:
            raise _unauthorised("bad_key", "this key is not known here; make one with `hungjury key create`")
        if record.role not in {*roles, "admin"}:
            needed = " or ".join(roles) or "admin"
            raise ApiError(403, "wrong_role", f"this key has the role {record.role}; this needs {needed}")
        return record

    return check


def _unauthorised(code: str, message: str) -> ApiError:
    return ApiError(401, code, message, headers={"WWW-Authenticate": "Bearer"})


Scoring: TypeAlias = Annotated[KeyRecord, Depends(require("score"))]
Labelling: TypeAlias = Annotated[KeyRecord, Depends(require("label"))]
Administering: TypeAlias = Annotated[KeyRecord, Depends(require())]
Anyone: TypeAlias = Annotated[KeyRecord, Depends(require("score", "label"))]
