"""Durable checkpoints of mining campaigns: whoever is killed goes on where the store says.

A campaign is a hash (spec, state, summary) and, per round, a hash of batches by index. All keys share one hash tag.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any, TypeVar
from uuid import uuid4

import redis
from redis.commands.core import Script

from ensemble.errors import InputError
from miners.errors import CampaignError
from miners.queue.campaign_protocol import CampaignStatus, JsonDict
from miners.queue.checks import check_name
from miners.queue.codec import moment
from miners.queue.guard import guarded

PREFIX = "{hungjury}:campaigns:"
_MAX_INDEX = 2**31
T = TypeVar("T")


class RedisCampaigns:
    """`CampaignStore` on a Redis or Valkey server; every method raises StoreUnavailableError when it does not answer.

    Args:
        client: redis-py client with `decode_responses=True`, see `connect`.
    """

    def __init__(self, client: redis.Redis) -> None:
        self._client: Any = client  # typed as bytes | str throughout; with decode_responses it is str
        self._create = _script(client, "campaign_create")
        self._write = _script(client, "campaign_write")
        self._finish = _script(client, "campaign_finish")

    def create(self, name: str, spec: JsonDict) -> bool:
        """Creates a campaign; see `CampaignStore`. InputError for a name that cannot be one."""
        keys = [_key(check_name(name, "name")), f"{PREFIX}names"]
        with guarded():
            return bool(self._create(keys=keys, args=[name, uuid4().hex, json.dumps(spec)]))

    def spec(self, name: str) -> JsonDict:
        """What `create` was given."""
        spec: JsonDict = json.loads(_known(name, self._get(name, "spec")))
        return spec

    def save_state(self, name: str, state: JsonDict) -> None:
        """Replaces the state."""
        self._set(name, _key(name), "state", json.dumps(state))

    def load_state(self, name: str) -> JsonDict | None:
        """The last state saved; None if there is none yet."""
        with guarded():
            token, state = self._client.hmget(_key(name), ["token", "state"])
        _known(name, token)
        return json.loads(state) if state else None

    def put_batch(self, name: str, round: int, index: int, payload: str) -> None:  # noqa: A002 - as in the Protocol
        """Keeps one batch of a round, in place of an earlier one with that index."""
        self._set(name, _round_key(name, round), str(_index(index, "index")), payload)

    def batches(self, name: str, round: int) -> list[str]:  # noqa: A002 - as in the Protocol
        """The batches of a round in the order of their indices."""
        _known(name, self._get(name, "token"))
        with guarded():
            stored = self._client.hgetall(_round_key(name, round))
        return [stored[index] for index in sorted(stored, key=int)]

    def drop_round(self, name: str, round: int) -> None:  # noqa: A002 - as in the Protocol
        """Forgets the batches of a round."""
        _known(name, self._get(name, "token"))
        with guarded():
            self._client.unlink(_round_key(name, round))

    def finish(self, name: str, summary: JsonDict) -> None:
        """Ends the campaign; its spec, state and summary stay."""
        with guarded():
            done = self._finish(keys=[_key(name)], args=[json.dumps(summary)])
        _known(name, done or None)

    def halt(self, name: str, *, halted: bool = True) -> None:
        """Asks whoever works on the campaign to stop, or takes that back."""
        self._set(name, _key(name), "halted", "1" if halted else "")

    def halted(self, name: str) -> bool:
        """Whether it is asked to stop."""
        return self.status(name).halted

    def names(self) -> list[str]:
        """All campaigns, oldest first."""
        with guarded():
            return list(self._client.zrange(f"{PREFIX}names", 0, -1))

    def status(self, name: str) -> CampaignStatus:
        """Where it stands."""
        with guarded():
            found = self._client.hmget(_key(name), ["created_at", "finished_at", "summary", "halted"])
        created, finished, summary, halted = found
        return CampaignStatus(
            name=name,
            state="finished" if finished else "running",
            created_at=moment(_known(name, created)),
            finished_at=moment(finished) if finished else None,
            summary=json.loads(summary) if summary else None,
            halted=bool(halted) and not finished,
        )

    def _get(self, name: str, what: str) -> str | None:
        with guarded():
            value: str | None = self._client.hget(_key(name), what)
        return value

    def _set(self, name: str, key: str, what: str, value: str) -> None:
        with guarded():
            done = self._write(keys=[_key(name), key], args=[what, value])
        _known(name, done or None)


@dataclass
class _Kept:
    """One campaign in memory; JSON as text, so that callers cannot change what is kept."""

    spec: str
    created_at: datetime
    state: str | None = None
    summary: str | None = None
    finished_at: datetime | None = None
    halted: bool = False
    rounds: dict[int, dict[int, str]] = field(default_factory=dict)


class MemoryCampaigns:
    """`CampaignStore` in this process, for notebooks and tests; gone with it.

    Args:
        clock: seconds since the epoch.
    """

    def __init__(self, clock: Callable[[], float] = lambda: datetime.now(UTC).timestamp()) -> None:
        self._clock = clock
        self._kept: dict[str, _Kept] = {}
        self._lock = threading.Lock()

    def create(self, name: str, spec: JsonDict) -> bool:
        """Creates a campaign; see `CampaignStore`. InputError for a name that cannot be one."""
        text = json.dumps(spec)
        with self._lock:
            if check_name(name, "name") in self._kept:
                return False
            self._kept[name] = _Kept(spec=text, created_at=self._now())
            return True

    def spec(self, name: str) -> JsonDict:
        """What `create` was given."""
        spec: JsonDict = json.loads(self._known(name).spec)
        return spec

    def save_state(self, name: str, state: JsonDict) -> None:
        """Replaces the state."""
        self._known(name).state = json.dumps(state)

    def load_state(self, name: str) -> JsonDict | None:
        """The last state saved; None if there is none yet."""
        state = self._known(name).state
        return json.loads(state) if state else None

    def put_batch(self, name: str, round: int, index: int, payload: str) -> None:  # noqa: A002 - as in the Protocol
        """Keeps one batch of a round, in place of an earlier one with that index."""
        kept = self._known(name)
        with self._lock:
            kept.rounds.setdefault(_index(round, "round"), {})[_index(index, "index")] = payload

    def batches(self, name: str, round: int) -> list[str]:  # noqa: A002 - as in the Protocol
        """The batches of a round in the order of their indices."""
        kept = self._known(name)
        with self._lock:
            return [payload for _, payload in sorted(kept.rounds.get(_index(round, "round"), {}).items())]

    def drop_round(self, name: str, round: int) -> None:  # noqa: A002 - as in the Protocol
        """Forgets the batches of a round."""
        kept = self._known(name)
        with self._lock:
            kept.rounds.pop(_index(round, "round"), None)

    def finish(self, name: str, summary: JsonDict) -> None:
        """Ends the campaign; its spec, state and summary stay."""
        kept, text = self._known(name), json.dumps(summary)
        with self._lock:
            kept.summary, kept.finished_at = text, kept.finished_at or self._now()

    def halt(self, name: str, *, halted: bool = True) -> None:
        """Asks whoever works on the campaign to stop, or takes that back."""
        self._known(name).halted = halted

    def halted(self, name: str) -> bool:
        """Whether it is asked to stop."""
        return self.status(name).halted

    def names(self) -> list[str]:
        """All campaigns, oldest first."""
        with self._lock:
            return sorted(self._kept, key=lambda name: self._kept[name].created_at)

    def status(self, name: str) -> CampaignStatus:
        """Where it stands."""
        kept = self._known(name)
        return CampaignStatus(
            name=name,
            state="finished" if kept.finished_at else "running",
            created_at=kept.created_at,
            finished_at=kept.finished_at,
            summary=json.loads(kept.summary) if kept.summary else None,
            halted=kept.halted and kept.finished_at is None,
        )

    def _known(self, name: str) -> _Kept:
        with self._lock:
            return _known(name, self._kept.get(name))

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)


def _script(client: redis.Redis, verb: str) -> Script:
    return client.register_script((files("miners.queue") / "lua" / f"{verb}.lua").read_text())


def _key(name: str) -> str:
    return f"{PREFIX}c:{name}"


def _round_key(name: str, round_: int) -> str:
    return f"{PREFIX}b:{_index(round_, 'round')}:{name}"


def _index(value: int, what: str) -> int:
    if not 0 <= value < _MAX_INDEX:
        raise InputError(f"is {value}; 0 to {_MAX_INDEX - 1} are allowed", field=what)
    return value


def _known(name: str, value: T | None) -> T:
    if value is None:
        raise CampaignError(f"no campaign {name!r}; `hungjury campaigns` lists those that there are")
    return value
