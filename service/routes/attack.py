"""The attack bench over HTTP: score a text that is being edited, suggest changes, hand an attack in.

For admins, and for keys with the scope `texts:attack`. Raters see scores nowhere, and so are not let in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Query, Request
from starlette.concurrency import run_in_threadpool

from ensemble.errors import MemberUnavailableError
from ensemble.text import Text, check_text
from miners.attack.edits import replay
from miners.attack.saliency import Looked
from miners.attack.submission import Attack, Start, StartKind, item_of
from miners.attack.suggest import Place
from miners.errors import QueueError
from miners.queue.types import FindingKind
from service.admission import Admission
from service.attack import Offer
from service.attack_desk import AttackDesk
from service.attack_schemas import (
    AttackRequest,
    AttackScoreRequest,
    AttackScoreResponse,
    AttackSubmitRequest,
    AttackSubmitResponse,
    AttackSuggestRequest,
    AttackSuggestResponse,
    SeedsResponse,
)
from service.auditing import showed
from service.auth import Attacking, HandingIn
from service.http_errors import ApiError
from service.json_request import StrictRoute
from service.routes.score import check_length
from service.services import Services, services

router = APIRouter(prefix="/v1/attack", tags=["attack"], route_class=StrictRoute)

Given = Annotated[Services, Depends(services)]
T = TypeVar("T")


def _desk(given: Given) -> AttackDesk:
    if given.attack is None:
        raise ApiError(404, "attack_off", "the attack bench is switched off here; set attack.enabled to true")
    return given.attack


Desk = Annotated[AttackDesk, Depends(_desk)]


@router.post("/score", response_model=AttackScoreResponse, summary="Verdict, saliency and goal of a text being edited")
async def score(body: AttackScoreRequest, request: Request, who: Attacking, given: Given, desk: Desk) -> Any:
    """What all members say, which words hold the deployed member's answer up, how good an attack the text is.

    The words' saliency is the gradient of the deployed member half-way between text and nothing, times the word
    (integrated gradients by one step). Right after a start the gradients may still be loading; `missing` says so, and
    the rest is there. With a `draft`, only the newest request goes on.
    """
    text = _checked(body, given)
    work = _in_turn(request, lambda: _scored(body, text, given, desk))
    return await desk.overtaking.run(who.id, body.draft and f"score:{body.draft}", work)


@router.post(
    "/suggest", response_model=AttackSuggestResponse, summary="Changes of a word, or anywhere, by what they do"
)
async def suggest(body: AttackSuggestRequest, request: Request, who: Attacking, given: Given, desk: Desk) -> Any:
    """Replacements and insertions by the language model, and leaving the word out, each scored as the text would be.

    Without a place, replacements of whichever words the gradient foretells to matter most; they neither touch nor put
    in words on which the answer hangs, as far as rules can tell. The one that the deployed member passes most surely
    comes first. Whether the text still says what it said is for people to judge.
    """
    text = _checked(body, given)
    place = _place(body, text)
    if place is None:
        work = _in_turn(request, lambda: desk.bench.anywhere(text, more=body.more))
    else:
        work = _in_turn(request, lambda: desk.bench.suggest(place, more=body.more))
    offers, cost = await desk.overtaking.run(who.id, body.draft and f"suggest:{body.draft}", work)
    return {"suggestions": [_shown(offer) for offer in offers], "cost": cost}


@router.post("/submit", response_model=AttackSubmitResponse, summary="Hand an attack in for others to judge")
async def submit(body: AttackSubmitRequest, request: Request, who: HandingIn, given: Given, desk: Desk) -> Any:
    """Queues the text with where it came from and every step; whoever hands it in is never asked to judge it.

    The same text again stays one item: `outcome` is then `known` or `raised`.
    """
    text = _checked(body, given)
    start = await run_in_threadpool(desk.start, body.start.kind, body.start.id)
    _check_steps(body, start)
    (verdict,) = await _in_turn(request, lambda: given.score([(text.text, text.context)], [None]))
    goal = await run_in_threadpool(desk.goal, verdict, text.text, body.severity)
    attack = Attack(text, start, body.edits, who.id, body.severity, body.note, body.seconds)
    answers = given.config.queue.answers_per_item
    item = item_of(attack, verdict, goal, task=given.task.name, deployed=desk.deployed, answers=answers)
    nearest, _ = await run_in_threadpool(desk.nearest, text, start.id if start.kind == "finding" else None)
    (outcome,) = await run_in_threadpool(given.queue.enqueue, [item])
    return {"item_id": item.id, "outcome": outcome, "goal": goal, "nearest": nearest}


@router.get("/seeds", response_model=SeedsResponse, summary="Texts to begin an attack with")
async def seeds(
    request: Request,
    _: Attacking,
    desk: Desk,
    source: StartKind = "seed",
    kind: FindingKind | None = None,
    offset: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
    count: Annotated[int, Query(ge=1, le=200)] = 20,
) -> Any:
    """Findings, newest first, or labelled rows of the task; `blank` is an empty text.

    `kind` FN (the default for rows) gives harmful texts to hide, FP harmless ones to have flagged. Rows of the splits
    that are kept for measuring are left out.
    """
    if source == "blank":
        found = [desk.start("blank", "")]
    elif source == "seed":
        found = await run_in_threadpool(desk.seeds, kind, offset, count)
    else:
        found = await run_in_threadpool(desk.findings, kind, offset, count)
        showed(request, len(found))
    return {"seeds": [_seed(start) for start in found], "offset": offset, "count": len(found)}


async def _scored(body: AttackScoreRequest, text: Text, given: Services, desk: AttackDesk) -> dict[str, Any]:
    missing = dict(desk.missing)
    verdicts, looked, nearest = await asyncio.gather(
        given.score([(text.text, text.context)], [None]),
        _looked(text, desk, missing),
        _nearest(text, body.parent, desk, missing),
    )
    goal = await run_in_threadpool(desk.goal, verdicts[0], text.text, body.severity)
    words = None
    if looked is not None:
        pairs = zip(looked.spans, looked.saliency.tolist(), strict=True)
        words = [{"start": start, "end": end, "saliency": value} for (start, end), value in pairs]
    return {
        "verdict": verdicts[0],
        "deployed": desk.deployed,
        "thresholds": desk.thresholds,
        "goal": goal,
        "words": words,
        "missing": missing,
        "nearest": nearest,
        "gradient_passes": looked.passes if looked is not None else 0,
    }


async def _looked(text: Text, desk: AttackDesk, missing: dict[str, str]) -> Looked | None:
    if desk.bench.saliency is None:
        return None
    try:
        return await desk.bench.saliency.look((text.text, text.context))
    except MemberUnavailableError as error:
        missing["saliency"] = str(error)
        return None


async def _nearest(text: Text, parent: str | None, desk: AttackDesk, missing: dict[str, str]) -> Any:
    try:
        nearest, complete = await run_in_threadpool(desk.nearest, text, parent)
    except QueueError as error:
        missing["nearest"] = str(error)
        return None
    if not complete:
        missing["nearest"] = "earlier texts are still being read; some were not compared yet"
    return nearest


async def _in_turn(request: Request, work: Callable[[], Awaitable[T]]) -> T:
    """The result of some work, in the same bounded line as scoring."""
    admission: Admission = request.app.state.admission
    async with admission.turn():
        return await work()


def _place(body: AttackSuggestRequest, text: Text) -> Place | None:
    """Where changes are wanted; None = anywhere.

    Raises:
        ApiError: 422, it is no place in the text.
    """
    if body.start is None and body.end is None:
        return None
    if body.start is None or body.end is None:
        name = "start" if body.start is None else "end"
        raise ApiError(422, "invalid", f"{name}: give both start and end, or neither for the whole text", field=name)
    try:
        return Place(text, body.start, body.end).checked()
    except ValueError as error:
        raise ApiError(422, "invalid", f"end: {error}", field="end") from None


def _checked(body: AttackRequest | AttackSubmitRequest, given: Services) -> Text:
    """The text, refused where no member can read it, or where it is too long to be worked on.

    Raises:
        ApiError: 413.
        InputError: see `check_text`.
    """
    text = Text(body.text, body.context or "")
    for name, part in (("text", text.text), ("context", text.context)):
        check_length(part, name, given.config.attack.max_text_chars)
        check_text(part, field=name, allow_empty=name == "context")
    return text


def _check_steps(body: AttackSubmitRequest, start: Start) -> None:
    """Refuses an attack whose steps do not lead from its start to its text, or that is none.

    Raises:
        ApiError: 422.
        InputError: a step does not fit.
    """
    if start.kind != "blank" and (body.context or "") != start.text.context:
        raise ApiError(422, "invalid", "context: is another one than that of the start", field="context")
    if replay(start.text.text, body.edits) != body.text:
        raise ApiError(422, "invalid", "edits: do not lead from the start to the text", field="edits")
    if Text(body.text, body.context or "").id == start.text.id:
        raise ApiError(422, "unchanged", "text: is what it was at the start; nothing was attacked", field="text")


def _shown(offer: Offer) -> dict[str, Any]:
    change = offer.change
    return {
        "kind": change.kind,
        "word": change.word,
        "edit": change.edit,
        "text": change.text,
        "probability": offer.probability,
        "margin": offer.margin,
        "passed": offer.passed,
        "fluency": change.fluency,
    }


def _seed(start: Start) -> dict[str, Any]:
    return {
        "kind": start.kind,
        "id": start.id,
        "text": start.text.text,
        "context": start.text.context,
        "label": start.label,
        "severity": start.severity,
    }
