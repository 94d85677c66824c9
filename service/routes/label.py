"""What raters do over HTTP: take items, answer them, correct themselves."""

from __future__ import annotations

import hashlib
import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Request
from starlette.concurrency import run_in_threadpool

from miners.queue.types import NewAnswer, Receipt
from service.auth import Labelling
from service.http_errors import ApiError
from service.json_request import StrictRoute
from service.schemas import (
    AnswerRequest,
    LeaseRequest,
    LeaseResponse,
    LeasesResponse,
    ReleaseRequest,
    ReleaseResponse,
    RenewRequest,
)
from service.services import Services, services

router = APIRouter(prefix="/v1", tags=["label"], route_class=StrictRoute)

Given = Annotated[Services, Depends(services)]
Name = Annotated[str, Path(min_length=1, max_length=128, pattern=r"^[!-~]+$")]
IdempotencyKey = Annotated[
    str | None,
    Header(max_length=200, description="Chosen by the client; repeating a request with it gives the same leases."),
]


@router.post("/leases", response_model=LeasesResponse, summary="Take the items whose answers are worth most")
async def lease(
    rater: Labelling, given: Given, body: LeaseRequest | None = None, idempotency_key: IdempotencyKey = None
) -> Any:
    """Up to `count` items that this rater has not seen, held for `seconds`; never scores or others' answers."""
    asked = body or LeaseRequest()
    limit = given.config.queue.max_leases_per_request
    if asked.count > limit:
        raise ApiError(422, "invalid", f"count: {asked.count} items; the limit is {limit}", field="count")
    leases = await run_in_threadpool(
        given.queue.lease,
        rater.id,
        count=asked.count,
        seconds=_seconds(asked.seconds, given),
        request_id=_request_id(rater.id, idempotency_key),
        tags=rater.tags,
    )
    return {"leases": leases}


@router.post("/leases/{lease_id}/renew", response_model=LeaseResponse, summary="Hold on to an item")
async def renew(lease_id: Name, rater: Labelling, given: Given, body: RenewRequest | None = None) -> Any:
    """Holds the item for `seconds` from now."""
    seconds = _seconds(body.seconds if body else None, given)
    return {"lease": await run_in_threadpool(given.queue.renew, lease_id, rater.id, seconds=seconds)}


@router.post("/leases/{lease_id}/release", response_model=ReleaseResponse, summary="Give an item back")
async def release(lease_id: Name, rater: Labelling, given: Given, body: ReleaseRequest | None = None) -> Any:
    """The item returns at its old priority; repeating is harmless. One that many skip is put aside for admins."""
    asked = body or ReleaseRequest()
    await run_in_threadpool(given.queue.release, lease_id, rater.id, skip=asked.skip, reason=asked.reason)
    return {"released": True}


@router.post(
    "/leases/{lease_id}/answer",
    response_model=Receipt,
    response_model_exclude_none=True,
    summary="Answer an item",
)
async def answer(lease_id: Name, body: AnswerRequest, rater: Labelling, given: Given, request: Request) -> Any:
    """Acknowledged once it is durable. The same answer again is the same answer; another one is a 409."""
    return _told(await run_in_threadpool(given.queue.answer, lease_id, rater.id, _plain(body)), request)


@router.patch(
    "/answers/{answer_id}",
    response_model=Receipt,
    response_model_exclude_none=True,
    summary="Correct one's own answer",
)
async def amend(answer_id: Name, body: AnswerRequest, rater: Labelling, given: Given, request: Request) -> Any:
    """The old answer is kept in the item's history."""
    return _told(await run_in_threadpool(given.queue.amend, answer_id, rater.id, _plain(body)), request)


def _told(receipt: Receipt, request: Request) -> Receipt:
    """Without the label for a browser: who corrects to and fro could tell by it what others answered."""
    by_key = "authorization" in request.headers
    return receipt if by_key else receipt.model_copy(update={"label": None})


def _plain(body: AnswerRequest) -> NewAnswer:
    return NewAnswer.model_validate(body.model_dump())


def _seconds(asked: float | None, given: Services) -> float:
    settings = given.config.queue
    if asked is not None and asked > settings.max_lease_seconds:
        message = f"seconds: {asked:g}; the limit is {settings.max_lease_seconds:g}"
        raise ApiError(422, "invalid", message, field="seconds")
    return asked or settings.lease_seconds


def _request_id(rater: str, key: str | None) -> str:
    if key is None:
        return uuid.uuid4().hex
    # Hashed with the rater, so that two raters who choose the same key do not share leases.
    return hashlib.blake2b(f"{rater}\0{key}".encode(), digest_size=16).hexdigest()
