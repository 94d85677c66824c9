"""What a request may do, as FastAPI dependencies: by key or by browser session, by role, scope and task."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, TypeAlias

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer

from miners.queue.scopes import Role
from miners.queue.sessions import csrf_of
from service.auditing import QUIET, acting
from service.authenticator import Authenticator, unauthorised
from service.callers import Callers
from service.http_errors import ApiError
from service.services import KeyRecord, Services, services

CSRF_HEADER = "X-CSRF-Token"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

bearer = HTTPBearer(
    auto_error=False, scheme_name="key", description="An API key, made with `hungjury key create --role ROLE --name N`."
)
_cookie = APIKeyCookie(
    name="hungjury_8000",
    auto_error=False,
    scheme_name="session",
    description="What `POST /v1/session` sets; its name ends in the service's port, and begins with `__Host-` where "
    f"the browser speaks https. Unsafe methods also need the header `{CSRF_HEADER}`.",
)

Bearer = Annotated[HTTPAuthorizationCredentials | None, Security(bearer)]
Cookie = Annotated[str | None, Security(_cookie)]


@dataclass(frozen=True)
class Caller:
    """Who sent a request: whose key it is, and the token of the session where it came by one."""

    record: KeyRecord
    token: str | None = None


def cookie_name(request: Request) -> str:
    """Name of the session's cookie: by port, as cookies are not, so that two services on one machine do not mix."""
    callers: Callers = request.app.state.callers
    name = f"hungjury_{services(request).config.server.port}"
    return f"__Host-{name}" if callers.secure(request) else name


async def by_key(request: Request, given: Bearer) -> Caller:
    """The caller by a key alone.

    Raises:
        ApiError: 401 without a good key, 429.
    """
    if given is None or not given.credentials:
        raise unauthorised("missing_key", "send a key: Authorization: Bearer KEY")
    authenticator: Authenticator = request.app.state.authenticator
    callers: Callers = request.app.state.callers
    record = await authenticator.identify(given.credentials, callers.address(request))
    if record is None:
        raise unauthorised("bad_key", "this key is not known here; make one with `hungjury key create`")
    authenticator.count(record)
    return Caller(record)


async def by_session(request: Request, _: Cookie) -> Caller:
    """The caller by a session alone.

    Raises:
        ApiError: 401 where there is none, or it is over; 403 where the request is not surely from our own page; 429.
    """
    token = request.cookies.get(cookie_name(request))
    if not token:
        raise unauthorised("no_session", "nobody is signed in here; sign in with a key: POST /v1/session")
    authenticator: Authenticator = request.app.state.authenticator
    record = await authenticator.resume(token)
    if record is None:
        raise unauthorised("session_over", "the session is over; sign in again")
    if request.method not in SAFE:
        check_origin(request)
        sent = request.headers.get(CSRF_HEADER, "")
        if not hmac.compare_digest(sent.encode(), csrf_of(token).encode()):
            message = f"{CSRF_HEADER}: is missing, or of another session; GET /v1/session tells the right one"
            raise ApiError(403, "bad_csrf_token", message, field=CSRF_HEADER)
    authenticator.count(record)
    return Caller(record, token)


def check_origin(request: Request) -> None:
    """Refuses what a page of another origin has sent.

    Raises:
        ApiError: 403.
    """
    callers: Callers = request.app.state.callers
    if not callers.same_origin(request):
        raise ApiError(403, "foreign_origin", "a page of another site sent this; nothing was done")


async def caller(request: Request, given: Bearer, cookie: Cookie) -> Caller:
    """The caller by key or, where no Authorization header came, by session."""
    if "authorization" in request.headers or not request.cookies.get(cookie_name(request)):
        return await by_key(request, given)
    return await by_session(request, cookie)


def require(*roles: Role, scope: str | None = None, noted: bool = True) -> Callable[..., Awaitable[KeyRecord]]:
    """A dependency that lets only these roles in, and admins always; what only admins may do goes to the audit log.

    Args:
        roles: who may, beside admins.
        scope: what a key with scopes must have among them; None = no such key may.
        noted: whether it is worth an entry in the audit log unless a handler says how many texts it showed.

    The dependency raises ApiError: 401 without a good key or session, 403 where it does not open this, 429.
    """

    async def check(
        request: Request, who: Annotated[Caller, Depends(caller)], given: Annotated[Services, Depends(services)]
    ) -> KeyRecord:
        record = who.record
        if record.role not in {*roles, "admin"}:
            needed = " or ".join(roles) or "admin"
            raise ApiError(403, "wrong_role", f"this key has the role {record.role}; this needs {needed}")
        if record.scopes is not None and scope not in record.scopes:
            needed = f"the scope {scope}" if scope else "a key without scopes"
            raise ApiError(
                403, "wrong_scope", f"this key has the scopes {', '.join(record.scopes)}; this needs {needed}"
            )
        if record.tasks is not None and given.task.name not in record.tasks:
            message = f"this key is for {', '.join(record.tasks)}; the task served here is {given.task.name}"
            raise ApiError(403, "wrong_task", message)
        if not roles:
            callers: Callers = request.app.state.callers
            acting(
                request,
                record,
                callers.address(request),
                quiet=not noted or (scope in QUIET and request.method in SAFE),
            )
        return record

    return check


async def _any(who: Annotated[Caller, Depends(caller)]) -> KeyRecord:
    return who.record


AnyKey: TypeAlias = Annotated[KeyRecord, Depends(_any)]
Scoring: TypeAlias = Annotated[KeyRecord, Depends(require("score", scope="texts:score"))]
Labelling: TypeAlias = Annotated[KeyRecord, Depends(require("label", scope="items:label"))]
Attacking: TypeAlias = Annotated[KeyRecord, Depends(require(scope="texts:attack", noted=False))]
HandingIn: TypeAlias = Annotated[KeyRecord, Depends(require(scope="texts:attack"))]
Administering: TypeAlias = Annotated[KeyRecord, Depends(require())]
Anyone: TypeAlias = Annotated[KeyRecord, Depends(require("score", "label", scope="tasks:read"))]
ReadingQueue: TypeAlias = Annotated[KeyRecord, Depends(require(scope="queue:read"))]
ReadingItems: TypeAlias = Annotated[KeyRecord, Depends(require(scope="items:read"))]
OrderingItems: TypeAlias = Annotated[KeyRecord, Depends(require(scope="items:order"))]
ReadingFindings: TypeAlias = Annotated[KeyRecord, Depends(require(scope="findings:read"))]
MarkingFindings: TypeAlias = Annotated[KeyRecord, Depends(require(scope="findings:mark"))]
ReadingRaters: TypeAlias = Annotated[KeyRecord, Depends(require(scope="raters:read"))]
ReadingMetrics: TypeAlias = Annotated[KeyRecord, Depends(require(scope="metrics:read"))]
ReadingAudit: TypeAlias = Annotated[KeyRecord, Depends(require(scope="audit:read"))]
ImportingData: TypeAlias = Annotated[KeyRecord, Depends(require(scope="data:import"))]
ExportingData: TypeAlias = Annotated[KeyRecord, Depends(require(scope="data:export"))]
