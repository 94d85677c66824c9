"""The description of the API, with the limits that the settings give: who keeps to it is not refused for its form."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from service.config import Config

_BLANK = r"\t-\r\u001c- \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
"""What counts as blank, as the inside of a character class."""

WITH_TEXT = rf"^[^\u0000]*[^\u0000{_BLANK}][^\u0000]*$"
"""Not blank, and no NUL."""

WITHOUT_NUL = r"^[^\u0000]*$"


_WITH_TEXTS = ("ScoreInput", "AttackScoreRequest", "AttackSuggestRequest", "AttackSubmitRequest")


def describe(api: FastAPI, config: Config, task: str) -> None:
    """Has an application describe itself with its limits.

    Args:
        api: the application, with all its routes.
        config: its settings.
        task: name of the one that is served.
    """
    plain = api.openapi

    def described() -> dict[str, Any]:
        fresh = api.openapi_schema is None
        description = plain()
        if fresh:
            _limit(description["components"]["schemas"], config, task)
        return description

    api.openapi = described  # type: ignore[method-assign]  # FastAPI's own documented way


def _limit(schemas: dict[str, Any], config: Config, task: str) -> None:
    server, queue = config.server, config.queue
    request = schemas["ScoreRequest"]["properties"]
    request["inputs"]["maxItems"] = server.max_inputs
    _given(request["task"]).update(const=task)
    for name in _WITH_TEXTS:
        text = schemas[name]["properties"]
        longest = (config.attack if name.startswith("Attack") else server).max_text_chars
        text["text"].update(minLength=1, maxLength=longest, pattern=WITH_TEXT)
        _given(text["context"]).update(maxLength=longest, pattern=WITHOUT_NUL)
    schemas["LeaseRequest"]["properties"]["count"]["maximum"] = queue.max_leases_per_request
    for name in ("LeaseRequest", "RenewRequest"):
        _given(schemas[name]["properties"]["seconds"])["maximum"] = queue.max_lease_seconds


def _given(field: dict[str, Any]) -> dict[str, Any]:
    """What holds of a field where it is not null."""
    found: dict[str, Any] = next(each for each in field.get("anyOf", [field]) if each.get("type") != "null")
    return found
