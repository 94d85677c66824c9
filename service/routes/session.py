"""Signing a browser in and out: a key once, and from then on a cookie that no script can read."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from starlette.concurrency import run_in_threadpool

from miners.queue.sessions import csrf_of
from service.auditing import acting
from service.auth import Caller, by_key, by_session, check_origin, cookie_name
from service.authenticator import Authenticator
from service.callers import Callers
from service.json_request import StrictRoute
from service.schemas import SessionEndResponse, SessionResponse
from service.services import Services, services

router = APIRouter(prefix="/v1", tags=["session"], route_class=StrictRoute)

Given = Annotated[Services, Depends(services)]


@router.post("/session", response_model=SessionResponse, summary="Sign a browser in")
async def sign_in(request: Request, response: Response, who: Annotated[Caller, Depends(by_key)], given: Given) -> Any:
    """Takes a key and sets a cookie that stands for it; the key itself need not be kept.

    The cookie is HttpOnly and SameSite=Strict, Secure where the browser speaks https, and gone with the browser.
    Unsafe methods then need `csrf_token` in the header `X-CSRF-Token`. The session is over when it is idle, old or
    ended, or when its key is.
    """
    check_origin(request)
    callers: Callers = request.app.state.callers
    token, _ = await run_in_threadpool(given.sessions.open, who.record.id, who.record.serial)
    _noted(request, who)
    response.set_cookie(
        cookie_name(request),
        token,
        path="/",
        secure=callers.secure(request),
        httponly=True,
        samesite="strict",
    )
    return _shown(Caller(who.record, token))


@router.get("/session", response_model=SessionResponse, summary="Who is signed in")
async def signed_in(who: Annotated[Caller, Depends(by_session)]) -> Any:
    """Whose session it is, and its `csrf_token`."""
    return _shown(who)


@router.delete("/session", response_model=SessionEndResponse, summary="Sign a browser out")
async def sign_out(
    request: Request, response: Response, who: Annotated[Caller, Depends(by_session)], given: Given
) -> Any:
    """Ends the session here and now."""
    if who.token is not None:
        await run_in_threadpool(given.sessions.end, who.token)
        authenticator: Authenticator = request.app.state.authenticator
        authenticator.forget(who.token)
        _noted(request, who)
    callers: Callers = request.app.state.callers
    response.delete_cookie(
        cookie_name(request), path="/", secure=callers.secure(request), httponly=True, samesite="strict"
    )
    return {"ended": True}


def _noted(request: Request, who: Caller) -> None:
    """Admins who come and go are in the audit log."""
    if who.record.role == "admin":
        callers: Callers = request.app.state.callers
        acting(request, who.record, callers.address(request), quiet=False)


def _shown(who: Caller) -> dict[str, Any]:
    record = who.record
    return {
        "id": record.id,
        "name": record.name,
        "role": record.role,
        "scopes": record.scopes,
        "tasks": record.tasks,
        "csrf_token": csrf_of(who.token) if who.token is not None else "",
    }
