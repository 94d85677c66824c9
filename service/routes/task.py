"""The question being asked, and who is asking."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends

from service.auth import AnyKey, Anyone
from service.http_errors import ApiError
from service.json_request import StrictRoute
from service.schemas import MeResponse, TaskResponse
from service.services import Services, services

router = APIRouter(prefix="/v1", tags=["task"], route_class=StrictRoute)


@router.get("/tasks/{name}", response_model=TaskResponse, summary="Question and guideline")
async def task(name: str, _: Anyone, given: Annotated[Services, Depends(services)]) -> Any:
    """The question, what its answers mean, and the guideline in Markdown."""
    if name != given.task.name:
        raise ApiError(404, "unknown_task", f"only the task {given.task.name!r} is served here")
    header = given.task.header
    return {
        "name": header.name,
        "question": header.question,
        "yes": header.yes,
        "no": header.no,
        "guideline": given.task.guideline,
    }


@router.get("/me", response_model=MeResponse, summary="Whose key this is")
async def me(who: AnyKey) -> Any:
    """Id, name and role of the key that was sent, and what it opens of that."""
    return who.model_dump(include={"id", "name", "role", "scopes", "tasks"})
