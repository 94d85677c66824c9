"""Reading request bodies: bounded, strict JSON, every complaint naming its place."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn

from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.http_errors import ApiError, dotted, retry_later, unexpected

BEGAN = "hungjury.began"
"""Key in a request's scope: `time.perf_counter()` when it came."""

BODY_SECONDS = 30.0
"""A request whose body is not there by then is given up; longer than a slow line needs for the longest body."""

_THREAD_BYTES = 64 * 1024
"""A longer body is parsed in a thread, so that the event loop goes on with the other requests."""

_SURROGATE = re.compile("[\ud800-\udfff]")


def parse(body: bytes) -> Any:
    """Strict JSON: UTF-8, no NaN or Infinity, no lone surrogates.

    Raises:
        ApiError: 400 where it is not JSON, 422 where a string is not text.
    """
    try:
        content = json.loads(body.decode("utf-8"), parse_constant=_no_constant, parse_float=_number)
    except UnicodeDecodeError as error:
        raise ApiError(400, "bad_json", f"the body is not UTF-8 (byte {error.start}); send JSON") from None
    except json.JSONDecodeError as error:
        raise ApiError(
            400, "bad_json", f"the body is not JSON: {error.msg} (line {error.lineno}, column {error.colno})"
        ) from None
    except RecursionError:
        raise ApiError(400, "bad_json", "the body is nested too deeply") from None
    except ValueError as error:  # an integer of thousands of digits
        raise ApiError(400, "bad_json", f"the body holds a number that cannot be read: {error}") from None
    if rb"\ud" in body.lower():  # UTF-8 itself cannot carry a surrogate, only an escape can
        _refuse_surrogates(content, ())
    return content


def _number(text: str) -> float | int:
    """JSON has one kind of number: 3.0 is as whole as 3."""
    value = float(text)
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def _no_constant(name: str) -> NoReturn:
    raise ApiError(400, "bad_json", f"the body is not JSON: {name} is no JSON number")


def _refuse_surrogates(value: Any, path: tuple[str | int, ...]) -> None:
    if isinstance(value, str) and (found := _SURROGATE.search(value)):
        field = dotted(path)
        raise ApiError(422, "invalid", f"{field}: holds a lone surrogate at character {found.start()}", field=field)
    if isinstance(value, list):
        for i, part in enumerate(value):
            _refuse_surrogates(part, (*path, i))
    if isinstance(value, dict):
        for key, part in value.items():
            _refuse_surrogates(key, (*path, "(a field's name)"))
            _refuse_surrogates(part, (*path, key))


class _StrictRequest(Request):
    async def json(self) -> Any:
        body = await self.body()
        return parse(body) if len(body) < _THREAD_BYTES else await run_in_threadpool(parse, body)


class StrictRoute(APIRoute):
    """A route whose body is strict JSON whatever its Content-Type says, as curl's default would have it.

    A parameter that is given twice is refused, for whichever of the two was taken, the other may have been meant.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler that FastAPI makes, given a request that parses strictly."""
        handle = super().get_route_handler()

        async def strict(request: Request) -> Response:
            _refuse_twice(request)
            headers = [(name, value) for name, value in request.scope["headers"] if name != b"content-type"]
            scope = {**request.scope, "headers": [*headers, (b"content-type", b"application/json")]}
            return await handle(_StrictRequest(scope, request.receive))

        return strict


def _refuse_twice(request: Request) -> None:
    names = [name for name, _ in request.query_params.multi_items()]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)[:100]
        raise ApiError(422, "invalid", f"{twice}: is given more than once", field=twice)


class Guard:
    """Outermost layer: bounds the body in size and time, and turns anything unexpected into a 500 without a traceback.

    Args:
        app: what it stands around.
        max_body_bytes: longest body.
        body_seconds: until all of it must have come.
    """

    def __init__(self, app: ASGIApp, max_body_bytes: int, body_seconds: float = BODY_SECONDS) -> None:
        self._app, self._limit, self._seconds = app, max_body_bytes, body_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Runs the application."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope[BEGAN], started = time.perf_counter(), False

        async def tracked(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, self._bounded(scope, receive), tracked)
        except Exception as error:  # noqa: BLE001 - the last resort: logged under an id, answered as a 500
            response = unexpected(error)
            if not started:
                await response(scope, receive, send)

    def _bounded(self, scope: Scope, receive: Receive) -> Receive:
        declared = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
        received, whole = 0, False
        until = asyncio.get_running_loop().time() + self._seconds

        async def bounded() -> Message:
            nonlocal received, whole
            if declared.isdigit() and int(declared[:20]) > self._limit:
                raise self._too_large(int(declared[:20]))
            try:
                async with asyncio.timeout_at(None if whole else until):
                    message = await receive()
            except TimeoutError:
                late = f"the request's body did not arrive within {self._seconds:g} s; send it again"
                raise retry_later(503, "timeout", late) from None
            whole = not message.get("more_body", False)
            received += len(message.get("body", b""))
            if received > self._limit:
                raise self._too_large(received)
            return message

        return bounded

    def _too_large(self, size: int) -> ApiError:
        return ApiError(
            413,
            "body_too_large",
            f"the body has at least {size:,} bytes; the limit is {self._limit:,}; send fewer texts at a time",
        )
