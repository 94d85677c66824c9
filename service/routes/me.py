"""What a rater may know of the rater's own work: answers and corrections, counts, speed, agreement. Never others'."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from starlette.concurrency import run_in_threadpool

from miners.queue.types import Item
from service.auth import Labelling
from service.json_request import StrictRoute
from service.progress import LOOKED_AT, Progress, progress
from service.schemas import OwnAnswer, OwnAnswersResponse
from service.services import Services, services

router = APIRouter(prefix="/v1/me", tags=["label"], route_class=StrictRoute)

Given = Annotated[Services, Depends(services)]


@router.get("/answers", response_model=OwnAnswersResponse, summary="One's own answers and their corrections")
async def own_answers(
    rater: Labelling,
    given: Given,
    offset: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
    count: Annotated[int, Query(ge=1, le=200)] = 20,
) -> Any:
    """Newest first, with the texts; nothing of anybody else's, and no label."""
    found = await run_in_threadpool(given.ledger.judged, rater.id, offset=offset, count=count)
    return {"answers": [_own(item, rater.id) for item in found.items], "offset": offset, "total": found.total}


@router.get("/progress", response_model=Progress, summary="One's own counts, speed and agreement")
async def own_progress(rater: Labelling, given: Given) -> Any:
    """Counts and speed as of now; agreement as of last midnight, over twenty texts and more, in steps of 5 %.

    It says how often the first answers agreed with what the others together said of the same text. One's own
    corrections do not move it, known labels play no part, and it never says which text or what was said of it.
    """
    found = await run_in_threadpool(given.ledger.judged, rater.id, count=LOOKED_AT)
    return await run_in_threadpool(progress, found, rater.id, datetime.now(UTC))


def _own(item: Item, rater: str) -> OwnAnswer:
    answer = next(answer for answer in item.answers if answer.rater == rater)
    return OwnAnswer(
        answer_id=answer.answer_id,
        item_id=answer.item_id,
        task=item.new.task,
        text=item.new.text,
        context=item.new.context,
        body=answer.body,
        at=answer.at,
        history=answer.history,
    )
