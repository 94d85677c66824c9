"""Start page, labeler page, attack bench and findings: static files, sent with headers that let nothing else in."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import resources

from fastapi import APIRouter, HTTPException, Request
from starlette.responses import Response

_TYPES = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}

# Nothing inline, nothing from other hosts, no frames, no forms that leave the page: a text that slipped
# through as markup could still neither run nor phone home, and a key could never end up in an address.
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self' data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)

HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",  # asked again each time, so that page and modules are of one version
}
"""Sent with every page and asset."""

router = APIRouter(include_in_schema=False)


@router.get("/")
async def start(request: Request) -> Response:
    """Where a browser begins: links to the labeler page and the API documentation."""
    return _serve(request, "index.html")


@router.get("/label")
async def label(request: Request) -> Response:
    """The labeler page."""
    return _serve(request, "label.html")


@router.get("/attack")
async def attack(request: Request) -> Response:
    """The attack bench."""
    return _serve(request, "attack.html")


@router.get("/findings")
async def findings(request: Request) -> Response:
    """What was found, for admins."""
    return _serve(request, "findings.html")


@router.get("/label/{name}")
async def asset(request: Request, name: str) -> Response:
    """A style sheet, module or icon of the pages; 404 for any other name."""
    if name not in _assets() or name.endswith(".html"):
        raise HTTPException(404, f"no such page: {name[:100]}")
    return _serve(request, name)


@cache
def _assets() -> dict[str, tuple[bytes, str, str]]:
    """Name -> (content, media type, entity tag) of every packaged file; names never come from outside."""
    found = {}
    for path in (resources.files("service") / "web").iterdir():
        suffix = path.name.rpartition(".")[2]
        if suffix in _TYPES:
            content = path.read_bytes()
            found[path.name] = (content, _TYPES[suffix], f'"{hashlib.sha256(content).hexdigest()[:32]}"')
    return found


def _serve(request: Request, name: str) -> Response:
    content, media_type, tag = _assets()[name]
    headers = {**HEADERS, "ETag": tag}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=media_type, headers=headers)
