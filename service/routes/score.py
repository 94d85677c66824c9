"""Scoring over HTTP."""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.background import BackgroundTask
from starlette.responses import Response

from ensemble.text import check_text
from service.admission import Admission
from service.auth import Scoring
from service.http_errors import ApiError
from service.json_request import BEGAN, StrictRoute
from service.json_response import SafeJSONResponse
from service.metrics import STAGE_SECONDS, Metrics
from service.schemas import ScoreRequest, ScoreResponse
from service.services import Services, services

router = APIRouter(prefix="/v1", tags=["score"], route_class=StrictRoute)


@router.post("/score", response_model=ScoreResponse, summary="Verdicts for texts, in input order")
async def score(
    body: ScoreRequest, request: Request, _: Scoring, given: Annotated[Services, Depends(services)]
) -> Response:
    """Every member's probability, the panel's posterior, how much they disagree, and the decision.

    A member that did not answer in time is named in `degraded`; the decision is then `flag`. A member that a cascade
    left out, because it would change nothing that matters, is named in `skipped`.
    """
    check_request(body, given)
    admission: Admission = request.app.state.admission
    stages = Stages(request)
    texts = [(one.text, one.context or "") for one in body.inputs]
    stages.end("read")
    async with admission.turn():
        stages.end("line")
        verdicts = await given.score(texts, [one.id for one in body.inputs])
    stages.skip()  # the panel says itself where its time goes
    content = {"verdicts": [verdict.model_dump() for verdict in verdicts], "task": given.task.name}
    noted = BackgroundTask(given.traffic.anote, texts, verdicts) if given.traffic and body.store else None
    response = SafeJSONResponse(content, background=noted)  # noted once the answer is out
    stages.end("write")
    return response


class Stages:
    """Notes how long each stage of a request took."""

    def __init__(self, request: Request) -> None:
        self._metrics: Metrics = request.app.state.metrics
        self._began: float = request.scope[BEGAN]

    def end(self, stage: str) -> None:
        """The stage ends now, and the next begins."""
        self._metrics.observe(STAGE_SECONDS, time.perf_counter() - self._began, stage=stage)
        self.skip()

    def skip(self) -> None:
        """What was until now belongs to no stage."""
        self._began = time.perf_counter()


def check_request(body: ScoreRequest, given: Services) -> None:
    """Refuses what is too much or no text.

    Raises:
        ApiError: 413 for too many or too long, 422 for an unknown task.
        InputError: a text that no member can read.
    """
    limits = given.config.server
    if len(body.inputs) > limits.max_inputs:
        message = f"inputs: {len(body.inputs):,} texts; the limit is {limits.max_inputs:,} in one request"
        raise ApiError(413, "too_many_inputs", message, field="inputs")
    if body.task not in {None, given.task.name}:
        raise ApiError(422, "unknown_task", f"task: only {given.task.name!r} is served here", field="task")
    for i, one in enumerate(body.inputs):
        for name, text in (("text", one.text), ("context", one.context or "")):
            check_length(text, f"inputs[{i}].{name}", limits.max_text_chars)
            check_text(text, field=f"inputs[{i}].{name}", allow_empty=name == "context")


def check_length(text: str, field: str, limit: int) -> None:
    """Refuses a text that is too long.

    Raises:
        ApiError: 413.
    """
    if len(text) > limit:
        message = f"{field}: {len(text):,} characters; the limit is {limit:,}"
        raise ApiError(413, "text_too_long", message, field=field)
