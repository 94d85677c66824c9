"""What the service says when it cannot do as asked: one shape for every error, and never a traceback."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, HTTPException
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.requests import Request
from starlette.responses import Response

from ensemble.errors import InputError, MemberUnavailableError
from miners.errors import (
    AnswerConflictError,
    LeaseExpiredError,
    NotYoursError,
    QueueError,
    QueueFullError,
    StoreRefusedError,
    StoreUnavailableError,
    UnknownItemError,
    UnknownLeaseError,
)
from service.json_response import SafeJSONResponse

logger = logging.getLogger(__name__)

RETRY_AFTER_SECONDS = 2
"""What a caller is told to wait where nothing better is known."""


class ErrorDetail(BaseModel):
    """What is wrong.

    Attributes:
        code: stable, for programs, e.g. "too_many_inputs".
        message: for people; names the limit and the remedy.
        field: dotted path of the offending field, where there is one.
    """

    model_config = ConfigDict(extra="forbid")

    code: str
    message: str
    field: str | None = None


class ErrorBody(BaseModel):
    """Body of every error."""

    error: ErrorDetail


class ApiError(HTTPException):
    """An error with everything that its response needs."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        field: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, message, dict(headers or {}))
        self.code, self.field = code, field


def retry_later(status: int, code: str, message: str, *, seconds: int = RETRY_AFTER_SECONDS) -> ApiError:
    """An error that a repetition after `seconds` may cure."""
    return ApiError(status, code, message, headers={"Retry-After": str(seconds)})


_QUEUE_ERRORS: tuple[tuple[type[QueueError], int, str], ...] = (
    (UnknownItemError, 404, "unknown_item"),
    (UnknownLeaseError, 404, "unknown_lease"),
    (LeaseExpiredError, 409, "lease_expired"),
    (AnswerConflictError, 409, "answer_conflict"),
    (NotYoursError, 403, "not_yours"),
    (QueueFullError, 503, "queue_full"),
    (StoreRefusedError, 503, "store_refused"),
    (StoreUnavailableError, 503, "store_unavailable"),
)


_STORE_TROUBLE = {
    "queue_full": "the store is full, so nothing new can be kept now; whoever runs the service must make room",
    "store_refused": "the store refuses the service; whoever runs it finds the reason in the log",
    "store_unavailable": "the store does not answer or cannot write now; what was acknowledged is kept; try again",
}
"""What callers are told; what Redis said may name addresses, users and settings, and goes into the log alone."""


def from_queue(error: QueueError) -> ApiError:
    """The queue's refusal as a response."""
    for kind, status, code in _QUEUE_ERRORS:
        if isinstance(error, kind) and status != 503:
            return ApiError(status, code, str(error))
        if isinstance(error, kind):
            if error.__cause__ is None:  # the queue's own limit, not Redis's words
                return retry_later(status, code, str(error))
            logger.warning("%s: %s", code, error)
            return retry_later(status, code, _STORE_TROUBLE[code])
    return ApiError(409, "refused", str(error))


def respond(error: ApiError) -> Response:
    """The response of an error."""
    detail: dict[str, Any] = {"code": error.code, "message": error.detail}
    if error.field is not None:
        detail["field"] = error.field
    return SafeJSONResponse({"error": detail}, error.status_code, headers=error.headers)


def unexpected(error: BaseException) -> Response:
    """A 500 that names an id under which the log has the traceback."""
    incident = secrets.token_hex(6)
    logger.error("incident %s", incident, exc_info=error)
    return respond(ApiError(500, "internal", f"something went wrong here; the log has it under {incident}"))


def dotted(location: Sequence[str | int]) -> str | None:
    """("body", "inputs", 3, "text") -> "inputs[3].text"; None for the whole body."""
    path = ""
    for step in location[1:] if location and location[0] in {"body", "query", "path", "header"} else location:
        path += f"[{step}]" if isinstance(step, int) else f".{step}"
    return path.removeprefix(".") or None


def from_validation(errors: Sequence[Mapping[str, Any]]) -> ApiError:
    """The first of pydantic's complaints as a response; the offending value itself is never repeated."""
    detail = errors[0]
    field = dotted(detail["loc"])
    what = "is not a field that is known here" if detail["type"] == "extra_forbidden" else str(detail["msg"])
    more = f" ({len(errors) - 1} more)" if len(errors) > 1 else ""
    return ApiError(422, "invalid", f"{field or 'the body'}: {what}{more}", field=field)


def install(app: FastAPI) -> None:
    """Gives an application the one error shape."""
    app.add_exception_handler(StarletteHTTPException, _http)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(InputError, _input)
    app.add_exception_handler(QueueError, _queue)
    app.add_exception_handler(MemberUnavailableError, _unavailable)


async def _http(_: Request, error: Exception) -> Response:
    if isinstance(error, ApiError):
        return respond(error)
    known = error if isinstance(error, StarletteHTTPException) else StarletteHTTPException(500)
    status = HTTPStatus(known.status_code)
    code = status.phrase.lower().replace(" ", "_")
    return respond(ApiError(known.status_code, code, str(known.detail), headers=known.headers))


async def _validation(_: Request, error: Exception) -> Response:
    errors = error.errors() if isinstance(error, RequestValidationError | ValidationError) else []
    return respond(from_validation(errors))


async def _input(_: Request, error: Exception) -> Response:
    field = error.field if isinstance(error, InputError) else None
    return respond(ApiError(422, "invalid", f"{field}: {error}" if field else str(error), field=field))


async def _queue(_: Request, error: Exception) -> Response:
    return respond(from_queue(error) if isinstance(error, QueueError) else ApiError(409, "refused", str(error)))


async def _unavailable(_: Request, error: Exception) -> Response:
    return respond(retry_later(503, "unavailable", str(error)))
