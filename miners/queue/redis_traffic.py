"""The sample of live traffic on Redis or Valkey: one Lua script a verb, time by the server's clock."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib.resources import files
from typing import Any

import redis

from miners.queue.checks import check_task
from miners.queue.codec import moment
from miners.queue.guard import guarded
from miners.queue.traffic import ONE, Kept, Limits, Report, Sighting, State, Window

CHUNK = 128
"""Texts in one script, so that none holds the server up."""

_VERBS = ("add", "read", "windows", "clear", "forget")


class RedisTraffic:
    """`TrafficStore` on a Redis or Valkey server; every method raises StoreUnavailableError when it does not answer.

    Args:
        client: redis-py client with `decode_responses=True`, see `connect`.
        task: name of the task.
        limits: what is kept; only `add` goes by them.
    """

    def __init__(self, client: redis.Redis, task: str, limits: Limits | None = None) -> None:
        self._client: Any = client  # typed as bytes | str throughout; with decode_responses it is str
        self._prefix = f"{{hungjury:{check_task(task)}}}:traffic:"
        self._limits = limits or Limits()
        folder = files("miners.queue") / "lua"
        self._scripts = {verb: client.register_script((folder / f"traffic_{verb}.lua").read_text()) for verb in _VERBS}

    def state(self) -> State:
        """Clock and salt; the salt is made at the first call."""
        with guarded():
            self._client.set(f"{self._prefix}salt", secrets.token_hex(16), nx=True)
            salt, (seconds, micros) = self._client.get(f"{self._prefix}salt"), self._client.time()
        return State(now_ms=seconds * 1000 + micros // 1000, salt=salt)

    def add(self, report: Report) -> State:
        """Takes a report in, see `TrafficStore`; long ones are cut, and each part counts once by itself."""
        state = State(now_ms=0, salt="")
        for part in _parts(report):
            state = self._add(part)
        return state

    def windows(self) -> list[Window]:
        """What is kept, newest first."""
        reply = self._call("windows")
        return [_window(reply[at : at + 7]) for at in range(0, len(reply), 7)]

    def read(self, window: int, *, after: int = -1, count: int = 64) -> list[Kept]:
        """Texts of a window in the order of their keys, behind the key `after`."""
        reply = self._call("read", window, after, count)
        return [_kept(*reply[at : at + 4]) for at in range(0, len(reply), 4)]

    def clear(self) -> int:
        """Deletes all of it and changes the salt; returns how many texts are gone."""
        return int(self._call("clear", secrets.token_hex(16)))

    def forget(self, text_id: str) -> bool:
        """Deletes one text; whether it was there."""
        return bool(self._call("forget", text_id))

    def _add(self, part: Report) -> State:
        limits = self._limits
        head = (part.salt, part.window, limits.window_ms, limits.windows, limits.texts, limits.max_bytes)
        body = (part.source, part.number, part.threshold, part.seen, part.dropped)
        texts = [field for one in part.texts for field in (one.text_id, one.key, one.times, one.payload)]
        now, salt, threshold, kept = self._call("add", *head, *body, *texts)
        return State(now_ms=int(now), salt=salt, threshold=int(float(threshold)), kept=int(kept))

    def _call(self, verb: str, *args: str | int) -> Any:
        with guarded():
            return self._scripts[verb](keys=[self._prefix], args=args)


def _parts(report: Report) -> Iterator[Report]:
    """The report cut into short ones, whose counts stand in the first alone.

    They are told apart by their source, so that each is taken once however often the whole is sent.
    """
    texts: list[Sequence[Sighting]] = [report.texts[at : at + CHUNK] for at in range(0, len(report.texts), CHUNK)]
    yield replace(report, texts=texts[0] if texts else ())
    for index, rest in enumerate(texts[1:], start=1):
        yield replace(report, source=f"{report.source}:{index}", seen=0, dropped=0, texts=rest)


def _window(fields: Sequence[Any]) -> Window:
    window, expires, seen, dropped, size, threshold, kept = fields
    return Window(
        window=int(window),
        begins=moment(window),
        expires=moment(expires),
        seen=int(seen),
        kept=int(kept),
        kept_bytes=int(size),
        dropped=int(dropped),
        probability=float(threshold) / ONE,
    )


def _kept(text_id: str, key: str, times: str, payload: str) -> Kept:
    stored = Kept.model_validate_json(payload)
    return stored.model_copy(update={"text_id": text_id, "key": int(float(key)), "times": int(times)})
