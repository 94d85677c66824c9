"""The Lua scripts of the queue: loaded from `lua/`, called by verb, their codes turned into errors."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import redis
from redis.commands.core import Script

from ensemble.errors import InputError
from miners.queue.codes import Code, refuse
from miners.queue.guard import guarded

_PARTS = {
    "claim": ("pick", "gold"),
    "answer": ("label",),
    "amend": ("label",),
    "record": ("label",),
    "relabel": ("label",),
}
"""Shared texts that a verb needs beside `common`."""


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
            refuse(Code(code), subject, *rest)
        return rest
