"""What was found, by whom fooled, and what it is for; and the whole life of a text."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.concurrency import run_in_threadpool

from miners.found import Wanted, place_name
from miners.found_numbers import FoundSummary, summarise
from miners.life import Life, life_of
from miners.queue.checks import MAX_FAMILY
from miners.queue.codec import finding_in
from service.auditing import detailed, showed
from service.auth import MarkingFindings, ReadingFindings, ReadingItems
from service.http_errors import retry_later
from service.json_request import StrictRoute
from service.schemas import FindingsQuery, FindingsResponse, MarkRequest, MarkResponse
from service.services import Services, services

FOLLOW_SECONDS = 3.0
"""How long one request reads labels that the index does not know yet."""

router = APIRouter(prefix="/v1", tags=["admin"], route_class=StrictRoute)

Given = Annotated[Services, Depends(services)]


@router.get("/findings", response_model=FindingsResponse, summary="Items on which the deployed member is wrong")
async def findings(request: Request, _: ReadingFindings, given: Given, asked: Annotated[FindingsQuery, Query()]) -> Any:
    """Newest first. FN: label yes, passed. FP: label no, flagged.

    Whoever goes on with `after` = `next` misses none and sees none twice, however many come in meanwhile. The newest
    100,000 findings are searched, each text by its first 20,000 characters. How the members differed is in
    `item.new.verdict.kinds`, for example `judge-against-activations`. Just after a start with many labels a filter may
    be told 503 until these have been read.
    """
    found = await run_in_threadpool(_selected, given, asked)
    showed(request, len(found["findings"]))
    return found


@router.get("/findings/summary", response_model=FoundSummary, summary="Findings in numbers")
async def summary(_: ReadingFindings, given: Given, asked: Annotated[Wanted, Query()]) -> Any:
    """Counts by severity, who was fooled, harm, style, source, operator, mark and week, for the same filters."""
    return await run_in_threadpool(_summed, given, asked)


@router.get("/items/{item_id}/life", response_model=Life, summary="A text's whole life")
async def life(
    request: Request, item_id: Annotated[str, Path(min_length=1, max_length=128)], _: ReadingItems, given: Given
) -> Any:
    """What it was made from and what was made from it, with operators, scores by member and version, labels, answers.

    Each text stands behind the one that it was made from, at most 500 of them; long texts are cut.
    """
    found = await run_in_threadpool(life_of, given.ledger, item_id)
    showed(request, len(found.links))
    return found


@router.post("/families/{family:path}/mark", response_model=MarkResponse, summary="Say what a family is for")
async def mark(
    request: Request,
    family: Annotated[str, Path(min_length=1, max_length=MAX_FAMILY)],
    _: MarkingFindings,
    given: Given,
    body: MarkRequest,
) -> Any:
    """All texts of the family, those that come later too, are for training, held out, or for regression tests.

    Only the first may train. Null takes the mark back.
    """
    detailed(request, mark=body.mark or "none")
    await run_in_threadpool(given.queue.mark, family, body.mark)
    return {"family": family, "mark": body.mark}


def _selected(given: Services, asked: FindingsQuery) -> dict[str, Any]:
    if not given.found.follow(given.ledger, seconds=FOLLOW_SECONDS):
        if asked.filters:
            raise _behind(given)
        return _unsearched(given, asked)
    marks = given.ledger.marks() if asked.mark is not None else {}
    chosen = given.found.select(asked, marks, after=asked.after)
    page = chosen[asked.offset : asked.offset + asked.count]
    items = given.ledger.look_up([one.id for one in page])
    found = [finding for item in items if (finding := finding_in(item)) is not None]
    more = len(chosen) > asked.offset + len(page)
    return {
        "findings": found,
        "offset": asked.offset,
        "count": len(found),
        "left": len(chosen) - asked.offset - len(page) if more else 0,
        "next": place_name(page[-1]) if more and page else None,
    }


def _unsearched(given: Services, asked: FindingsQuery) -> dict[str, Any]:
    """As the store has them, while the index is not there yet."""
    found = given.ledger.findings(kind=asked.kind, offset=asked.offset, count=asked.count)
    return {"findings": found, "offset": asked.offset, "count": len(found), "left": None, "next": None}


def _summed(given: Services, asked: Wanted) -> FoundSummary:
    if not given.found.follow(given.ledger, seconds=FOLLOW_SECONDS):
        raise _behind(given)
    marks = given.ledger.marks()
    return summarise(given.found.select(asked, marks), marks, given.found.known)


def _behind(given: Services) -> Exception:
    message = f"{given.found.read:,} labels have been read, and there are more; try again"
    return retry_later(503, "not_ready", message, seconds=1)
