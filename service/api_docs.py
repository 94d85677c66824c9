"""Human-readable API documentation at /docs, made from the OpenAPI description; no script, no outside host."""

from __future__ import annotations

import json
from html import escape
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from service.routes.pages import HEADERS

router = APIRouter(include_in_schema=False)

_METHODS = ("get", "post", "patch", "put", "delete")

_EXAMPLES = {
    "/v1/score": {"inputs": [{"text": "He fell and broke his arm."}]},
    "/v1/leases/{lease_id}/answer": {"answer": "yes"},
    "/v1/answers/{answer_id}": {"answer": "yes"},
    "/v1/items/{item_id}/order": {"needed": 3},
    "/v1/families/{family}/mark": {"mark": "hold-out"},
    "/v1/attack/score": {"text": "He fell and broke his arm."},
    "/v1/attack/suggest": {"text": "He fell and broke his arm.", "start": 12, "end": 17},
    "/v1/attack/submit": {"text": "He was hurt.", "edits": [{"at": 0, "removed": "", "inserted": "He was hurt."}]},
}
"""Bodies of the examples, where an empty one will not do."""


@router.get("/docs")
async def docs(request: Request) -> HTMLResponse:
    """The page."""
    return HTMLResponse(page(request.app.openapi(), str(request.base_url).rstrip("/")), headers=HEADERS)


def page(openapi: dict[str, Any], base: str) -> str:
    """HTML of an OpenAPI 3.1 description; `base` is the address for the examples."""
    routes = [
        _route(openapi, base, path, method, operation)
        for path, operations in openapi["paths"].items()
        for method, operation in operations.items()
        if method in _METHODS
    ]
    info = openapi["info"]
    return f"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(info["title"])} API</title>
<meta name="viewport" content="width=device-width"><link rel="icon" href="label/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="label/docs.css"></head><body><main>
<h1>{escape(info["title"])} {escape(info["version"])}</h1><p>{escape(info.get("description", ""))}</p>
<p>Machine-readable: <a href="openapi.json">openapi.json</a>. Make a key with
<code>hungjury key create --role score|label|admin --name NAME</code> and send it as
<code>Authorization: Bearer KEY</code>; browsers sign in with <code>POST /v1/session</code>. Errors are
<code>{{"error": {{"code", "message", "field"?}}}}</code>.</p>
{"".join(routes)}</main></body></html>"""


def _route(openapi: dict[str, Any], base: str, path: str, method: str, operation: dict[str, Any]) -> str:
    schema = _schema(operation.get("requestBody", {}))
    body = f"<details><summary>Body</summary>{_shape(openapi, schema)}</details>" if schema else ""
    answers = "".join(
        f"<tr><td><code>{escape(status)}</code></td><td>{escape(answer.get('description', ''))}</td></tr>"
        for status, answer in operation["responses"].items()
    )
    good = _schema(operation["responses"].get("200", {}))
    answer = f"<details><summary>Answer</summary>{_shape(openapi, good)}</details>" if good else ""
    return f"""<section><h2><code>{method.upper()} {escape(path)}</code></h2>
<p>{escape(operation.get("summary", ""))}. {escape(operation.get("description", ""))}</p>{_parameters(operation)}{body}
{answer}<details><summary>Statuses</summary><table>{answers}</table></details>
<pre tabindex="0">{escape(_curl(base, path, method, operation))}</pre></section>"""


def _parameters(operation: dict[str, Any]) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(one['name'])}</code></td><td>{escape(one['in'])}</td>"
        f"<td>{escape(one.get('description', ''))}</td></tr>"
        for one in operation.get("parameters", [])
    )
    return f"<table>{rows}</table>" if rows else ""


def _schema(holder: dict[str, Any]) -> dict[str, Any]:
    content: dict[str, Any] = holder.get("content", {}).get("application/json", {}).get("schema", {})
    return content


def _shape(openapi: dict[str, Any], schema: dict[str, Any]) -> str:
    return f'<pre tabindex="0">{escape(json.dumps(resolve(openapi, schema), indent=2))}</pre>'


def resolve(openapi: dict[str, Any], schema: Any, seen: tuple[str, ...] = ()) -> Any:
    """A schema with its references put in place; one that contains itself is left as its name."""
    if isinstance(schema, list):
        return [resolve(openapi, part, seen) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if name := schema.get("$ref", "").removeprefix("#/components/schemas/"):
        if name in seen:
            return name
        return resolve(openapi, openapi["components"]["schemas"][name], (*seen, name))
    return {key: resolve(openapi, part, seen) for key, part in schema.items() if key != "title"}


def _curl(base: str, path: str, method: str, operation: dict[str, Any]) -> str:
    parts = ["curl"] + ([f"-X {method.upper()}"] if method != "get" else [])
    if operation.get("security") == [{"session": []}]:
        parts.append('-b cookies -H "X-CSRF-Token: $CSRF"')
    elif operation.get("security"):
        parts.append('-H "Authorization: Bearer $KEY"')
    if operation.get("requestBody"):
        parts.append(f"-H 'Content-Type: application/json' -d '{json.dumps(_EXAMPLES.get(path, {}))}'")
    return " ".join([*parts, base + path])
