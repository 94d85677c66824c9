"""The Lua scripts of the queue: loaded from `lua/`, called by verb, their codes turned into errors."""

from __future__ import annotations

from enum import IntEnum
from functools import cache
from importlib.resources import files
from typing import Any, NoReturn

import redis
from redis.commands.core import Script

from ensemble.errors import InputError
from miners.errors import (
    AnswerConflictError,
    LeaseExpiredError,
    NotYoursError,
    QueueFullError,
    UnknownItemError,
    UnknownLeaseError,
)
from miners.queue.checks import MAX_AMENDMENTS
from miners.queue.guard import guarded

_PARTS = {"claim": ("pick",), "answer": ("label",), "amend": ("label",)}
"""Shared texts that a verb needs beside `common`."""


class Code(IntEnum):
    """First number of every reply; the values are those of `lua/common.lua`."""

    OK = 0
    UNKNOWN = 1
    NOT_YOURS = 2
    EXPIRED = 3
    RELEASED = 4
    CONFLICT = 5
    FULL = 6
    REUSED = 7
    TOO_OFTEN = 8


@cache
def source(verb: str) -> str:
    """Whole text of a script: what it shares with others, then its own lines."""
    folder = files("miners.queue") / "lua"
    return "\n".join((folder / f"{part}.lua").read_text() for part in ("common", *_PARTS.get(verb, ()), verb))


class Scripts:
    """Calls the scripts of one task; thread-safe.

    Args:
        client: redis-py client with `decode_responses=True`.
        prefix: what every key begins with, hash tag included.
        max_expiries: expiries in a row after which an item is dead.
    """

    def __init__(self, client: redis.Redis, prefix: str, *, max_expiries: int) -> None:
        if not client.get_encoder().decode_responses:
            raise InputError("the Redis client must be made with decode_responses=True", field="client")
        self._client = client
        self._prefix = prefix
        self._max_expiries = max_expiries
        self._scripts: dict[str, Script] = {}

    def call(self, verb: str, *args: str | float) -> list[Any]:
        """Reply of a script, code first; Redis trouble is raised as `guarded` says."""
        script = self._scripts.get(verb)
        if script is None:
            script = self._scripts[verb] = self._client.register_script(source(verb))
        with guarded():
            reply: list[Any] = script(keys=[self._prefix], args=[self._max_expiries, *args])
        return reply

    def ask(self, verb: str, subject: str, *args: str | float) -> list[Any]:
        """Reply without its code; any code but OK is raised, naming `subject`."""
        code, *rest = self.call(verb, *args)
        if code != Code.OK:
            refuse(Code(code), subject)
        return rest


def refuse(code: Code, subject: str) -> NoReturn:
    """Raises the error that stands for a code; `subject` is the id that the call was about."""
    match code:
        case Code.UNKNOWN:
            raise UnknownLeaseError(f"no lease or answer {subject}")
        case Code.NOT_YOURS:
            raise NotYoursError(f"{subject} belongs to another rater")
        case Code.EXPIRED:
            raise LeaseExpiredError(f"lease {subject} ran out; its item went back to the queue, lease again")
        case Code.RELEASED:
            raise LeaseExpiredError(f"lease {subject} was given back; lease again")
        case Code.CONFLICT:
            raise AnswerConflictError(f"lease {subject} is already answered otherwise; correct that answer instead")
        case Code.REUSED:
            raise InputError("was used before, and its leases were answered; choose a new one", field="request_id")
        case Code.TOO_OFTEN:
            raise AnswerConflictError(f"answer {subject} was corrected {MAX_AMENDMENTS} times, which is the limit")
        case _:
            raise AssertionError(f"code {code!r} about {subject} has no error")


def refuse_full(waiting: int, limit: int) -> NoReturn:
    """Raises QueueFullError with both numbers."""
    raise QueueFullError(
        f"{waiting:,} items are waiting and the limit is {limit:,}; wait for answers or raise the limit"
    )


def refuse_item(item_id: str) -> NoReturn:
    """Raises UnknownItemError."""
    raise UnknownItemError(f"no item {item_id}")
