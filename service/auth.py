"""Who is asking, and may they: bearer keys checked off the event loop."""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeAlias

import anyio
import anyio.to_thread
from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from service.http_errors import ApiError, retry_later
from service.services import KeyRecord, KeyStore, Role

CACHE_SECONDS = 5.0
"""How long a verified key is believed; a revoked one works at most this much longer."""

CACHE_KEYS = 1_000
CHECKS_AT_ONCE = 2
CHECKS_WAITING = 64
MAX_KEY_CHARS = 512

bearer = HTTPBearer(
    auto_error=False, scheme_name="key", description="An API key, made with `hungjury key create --role ROLE --name N`."
)


class Authenticator:
    """Checks keys against the store; the slow hash runs in a thread and its success is remembered for seconds."""

    def __init__(self, store: KeyStore, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._store, self._clock = store, clock
        self._known: OrderedDict[bytes, tuple[KeyRecord, float]] = OrderedDict()
        self._turns, self._waiting = anyio.Semaphore(CHECKS_AT_ONCE), 0

    async def identify(self, key: str) -> KeyRecord | None:
        """Whose key it is, or None.

        Raises:
            ApiError: 429 where too many keys are being checked.
        """
        if len(key) > MAX_KEY_CHARS:
            return None
        digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
        record, until = self._known.get(digest, (None, 0.0))
        if record is not None and self._clock() < until:
            return record
        record = await self._check(key)
        self._known.pop(digest, None)
        if record is not None:
            self._known[digest] = (record, self._clock() + CACHE_SECONDS)
            if len(self._known) > CACHE_KEYS:
                self._known.popitem(last=False)
        return record

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
