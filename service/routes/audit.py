"""What admins did, for admins."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from starlette.concurrency import run_in_threadpool

from service.auditing import showed
from service.auth import ReadingAudit
from service.json_request import StrictRoute
from service.schemas import AuditResponse
from service.services import Services, services

router = APIRouter(prefix="/v1", tags=["admin"], route_class=StrictRoute)


@router.get("/audit", response_model=AuditResponse, summary="What admins did")
async def audit(
    request: Request,
    _: ReadingAudit,
    given: Annotated[Services, Depends(services)],
    since: datetime | None = None,
    after: Annotated[str | None, Query(max_length=32, pattern=r"^\d{1,15}-\d{1,9}$")] = None,
    count: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Any:
    """Who did what, when, to how much, from where; oldest first, from `since` on or behind the entry `after`.

    The log only grows at its end, and its oldest entries go where it is full. No entry holds a secret.
    """
    entries = await run_in_threadpool(given.audit.read, since=since, after=after, count=count)
    showed(request, len(entries))
    return {"entries": entries, "next": entries[-1].id if len(entries) == count else None}
