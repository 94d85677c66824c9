"""What admins read over HTTP, and order."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.concurrency import run_in_threadpool

from miners.adjudicated import LiveIndependence
from miners.raters import RaterReport, rater_report
from service.auditing import showed
from service.auth import OrderingItems, ReadingItems, ReadingMetrics, ReadingQueue, ReadingRaters
from service.http_errors import ApiError
from service.json_request import StrictRoute
from service.schemas import (
    ItemResponse,
    OrderRequest,
    OrderResponse,
    QueueResponse,
    ReviveResponse,
    SkipsResponse,
    SummaryResponse,
)
from service.services import Services, services

router = APIRouter(prefix="/v1", tags=["admin"], route_class=StrictRoute)

Given = Annotated[Services, Depends(services)]


@router.get("/queue", response_model=QueueResponse, summary="The queue in numbers, and its top")
async def queue(request: Request, _: ReadingQueue, given: Given, top: Annotated[int, Query(ge=0, le=1000)] = 0) -> Any:
    """Counts; with `top`, also the items that would be served next to a new rater."""
    counts = await run_in_threadpool(given.ledger.counts)
    items = await run_in_threadpool(given.ledger.top, top) if top else []
    if items:
        showed(request, len(items))
    return {**counts.model_dump(), "top": items}


@router.get("/skips", response_model=SkipsResponse, summary="Items that raters would not judge")
async def skips(
    request: Request,
    _: ReadingItems,
    given: Given,
    offset: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
    count: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Any:
    """Those that most raters skipped first; `skips` says who and why, `state` is `dead` for those given up."""
    found = await run_in_threadpool(given.ledger.skipped, offset=offset, count=count)
    showed(request, len(found))
    return {"items": found, "offset": offset, "count": len(found)}


@router.get("/dead", response_model=SkipsResponse, summary="Items that nobody is asked about any more")
async def dead(
    request: Request,
    _: ReadingItems,
    given: Given,
    offset: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
    count: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Any:
    """The newest first. Leases ran out, or raters skipped, so often in a row that they seem beyond judging."""
    found = await run_in_threadpool(given.ledger.dead, offset=offset, count=count)
    showed(request, len(found))
    return {"items": found, "offset": offset, "count": len(found)}


@router.post("/items/{item_id}/revive", response_model=ReviveResponse, summary="Serve a dead item again")
async def revive(item_id: Annotated[str, Path(min_length=1, max_length=128)], _: OrderingItems, given: Given) -> Any:
    """It is served at its priority again, to those who have neither answered nor skipped it.

    `revived` is false, and nothing changes, where it was not dead.
    """
    return {"item_id": item_id, "revived": await run_in_threadpool(given.queue.revive, item_id)}


@router.get("/items/{item_id}", response_model=ItemResponse, summary="One item with its whole history")
async def item(item_id: Annotated[str, Path(min_length=1, max_length=128)], _: ReadingItems, given: Given) -> Any:
    """Verdict, provenance, answers and their corrections."""
    found = await run_in_threadpool(given.ledger.item, item_id)
    return {**found.model_dump(), "item_id": item_id}


@router.post("/items/{item_id}/order", response_model=OrderResponse, summary="Order further answers to an item")
async def order(
    item_id: Annotated[str, Path(min_length=1, max_length=128)], _: OrderingItems, given: Given, body: OrderRequest
) -> Any:
    """The item is served again, to others than those who have answered it, until it has `needed` answers.

    Its label stands meanwhile. One that wants so many already stays as it is; `ordered` is false for a dead one.
    """
    known = await run_in_threadpool(given.ledger.item, item_id)
    priority = known.new.priority if body.priority is None else body.priority
    ordered = await run_in_threadpool(given.queue.order, item_id, body.needed, priority)
    return {"item_id": item_id, "needed": max(known.new.needed, body.needed), "ordered": ordered}


@router.get("/raters", response_model=RaterReport, summary="How reliable the raters are")
async def raters(_: ReadingRaters, given: Given) -> Any:
    """Sensitivity and specificity of each rater with intervals, agreement, and reasons to look at somebody's answers.

    Told from the newest 200,000 answers by Dawid and Skene's model; raters are named by the ids of their keys. Takes
    seconds where there are many answers.
    """
    return await run_in_threadpool(rater_report, given.ledger)


@router.get(
    "/independence", response_model=LiveIndependence, summary="How independent the members are, on labelled texts"
)
async def independence(_: ReadingMetrics, given: Given) -> Any:
    """Correlation of errors, double faults, effective votes, what each member alone catches, capture.

    Over the labelled texts as they are (`unweighted`), and as an estimate for all texts that campaigns scored, each
    weighing 1 / its selection probability (`weighted`); `warnings` say what limits them. Only texts scored by every
    member at its present version count. Brought up to date in the background, every few seconds.
    """
    report = given.live.report if given.live is not None else None
    if report is None:
        raise ApiError(503, "not_ready", "the labels are still being read; try again", headers={"Retry-After": "2"})
    return report


@router.get("/metrics/summary", response_model=SummaryResponse, summary="Numbers for a person")
async def summary(_: ReadingMetrics, given: Given) -> Any:
    """What this replica has counted since it started, and the queue as it is now."""
    return {**given.recorder.snapshot(), "queue": await run_in_threadpool(given.ledger.counts)}
