"""Alive, and ready."""

from __future__ import annotations

from typing import Annotated, Any

import anyio
import anyio.to_thread
from fastapi import APIRouter, Depends

from miners.errors import QueueError
from service.json_response import SafeJSONResponse
from service.schemas import HealthResponse, ReadyResponse
from service.services import Services, services

router = APIRouter(tags=["health"])

STORE_SECONDS = 2.0
"""How long the queue's store may take to answer and still count as there."""


@router.get("/healthz", response_model=HealthResponse, summary="Alive")
async def healthz() -> Any:
    """Answers as long as the process does."""
    return {"status": "alive"}


@router.get("/readyz", response_model=ReadyResponse, responses={503: {"model": ReadyResponse}}, summary="Ready")
async def readyz(given: Annotated[Services, Depends(services)]) -> Any:
    """200 once every member group has answered and while the queue's store does; 503 until then."""
    members, queue = dict(given.groups_answered()), await store_answers(given)
    ready = queue and all(members.values())
    content = {"ready": ready, "members": members, "queue": queue}
    return SafeJSONResponse(content, 200 if ready else 503, headers={} if ready else {"Retry-After": "1"})


async def store_answers(given: Services) -> bool:
    """Whether the queue's store answers now."""
    with anyio.move_on_after(STORE_SECONDS):
        try:
            await anyio.to_thread.run_sync(given.ledger.counts, abandon_on_cancel=True)
        except QueueError:
            return False
        return True
    return False
