"""What a key may open: roles for most, scopes for those who need less."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from ensemble.errors import InputError

Role = Literal["score", "label", "admin"]
ROLES: tuple[Role, ...] = ("score", "label", "admin")

SCOPES: Mapping[str, frozenset[Role]] = {
    "texts:score": frozenset({"score", "admin"}),
    "texts:attack": frozenset({"admin"}),
    "items:label": frozenset({"label", "admin"}),
    "tasks:read": frozenset(ROLES),
    "queue:read": frozenset({"admin"}),
    "items:read": frozenset({"admin"}),
    "items:order": frozenset({"admin"}),
    "findings:read": frozenset({"admin"}),
    "findings:mark": frozenset({"admin"}),
    "raters:read": frozenset({"admin"}),
    "metrics:read": frozenset({"admin"}),
    "audit:read": frozenset({"admin"}),
    "data:import": frozenset({"admin"}),
    "data:export": frozenset({"admin"}),
}
"""Scope -> the roles that hold it. A key without scopes opens all that its role opens, what has no scope included."""


def check_scopes(role: Role, scopes: Iterable[str]) -> tuple[str, ...]:
    """Scopes that a key of that role may have, sorted, each once.

    Raises:
        InputError: none, an unknown one, or one that the role does not hold.
    """
    wanted = tuple(sorted(set(scopes)))
    if not wanted:
        raise InputError(f"is empty; use some of {', '.join(SCOPES)}", field="scope")
    for scope in wanted:
        if scope not in SCOPES:
            raise InputError(f"is {scope[:40]!r}; one of {', '.join(SCOPES)} is allowed", field="scope")
        if role not in SCOPES[scope]:
            raise InputError(f"{scope} is not open to the role {role}; leave --role out", field="scope")
    return wanted


def least_role(scopes: Iterable[str]) -> Role:
    """The role that opens least among those that hold all these scopes; an unknown scope is held by admins."""
    held = [SCOPES.get(scope, frozenset({"admin"})) for scope in scopes]
    return next(role for role in ROLES if all(role in holders for holders in held))
