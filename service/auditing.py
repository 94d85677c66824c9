"""Writes what admins do over HTTP into the audit log, before they are told that it is done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import anyio.to_thread
from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from miners.errors import QueueError
from miners.queue.audit import Act, AuditLog
from service.http_errors import from_queue, respond
from service.services import KeyRecord

QUIET = frozenset({"queue:read", "metrics:read"})
"""Numbers that dashboards read again and again: not written down, unless a handler says how many texts it showed."""

_PENDING = "hungjury.audit"


@dataclass
class _Pending:
    """What will be written, if the request succeeds."""

    act: Act | None = None
    quiet: bool = True
    count: int | None = None
    detail: Mapping[str, str] = field(default_factory=dict)


def acting(request: Request, record: KeyRecord, address: str, *, quiet: bool) -> None:
    """Notes who does as an admin what this request asks for.

    Args:
        request: the request, its route found.
        record: whose key it is.
        address: where it comes from.
        quiet: not worth an entry unless `showed` is called.
    """
    pending: _Pending = request.scope[_PENDING]
    template = getattr(request.scope.get("route"), "path", request.url.path)
    pending.act = Act(
        who=record.id,
        name=record.name,
        what=f"{request.method} {template}",
        subject=", ".join(str(value) for value in request.path_params.values()),
        where=address,
    )
    pending.quiet = quiet


def showed(request: Request, count: int) -> None:
    """Says how many items, findings or entries the request concerns; it is then written down in any case."""
    pending: _Pending = request.scope[_PENDING]
    pending.count, pending.quiet = count, False


def detailed(request: Request, **detail: str) -> None:
    """Says what else matters about what the request did."""
    pending: _Pending = request.scope[_PENDING]
    pending.detail = detail


class Auditing:
    """Middleware: an act that succeeded is in the log before its response goes out; where it cannot be, a 503 does."""

    def __init__(self, app: ASGIApp, log: AuditLog) -> None:
        self._app, self._log = app, log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Runs the application."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        pending = scope[_PENDING] = _Pending()
        refused = False

        async def written(message: Message) -> None:
            nonlocal refused
            if refused:
                return
            if message["type"] == "http.response.start" and message["status"] < 400:
                try:
                    await self._write(pending)
                except QueueError as error:
                    refused = True
                    await respond(from_queue(error))(scope, receive, send)
                    return
            await send(message)

        await self._app(scope, receive, written)

    async def _write(self, pending: _Pending) -> None:
        if pending.act is not None and not pending.quiet:
            act = pending.act.model_copy(update={"count": pending.count, "detail": pending.detail})
            await anyio.to_thread.run_sync(self._log.add, act)
