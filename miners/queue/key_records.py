"""API keys as they are kept: on Redis or Valkey, and in memory."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any, Protocol

import redis
from pydantic import BaseModel, ConfigDict

from miners.queue.guard import guarded
from miners.queue.scopes import Role

PREFIX = "{hungjury}:keys:"


class ApiKey(BaseModel):
    """What is known of a key, the secret excepted. Raters are told apart by `id`.

    Attributes:
        role: what it opens at most.
        scopes: what it opens of that; None = all of it.
        tasks: the tasks it is for; None = every task.
        expires_at: when it ends; None = never.
        tags: languages and skills of the rater; items that want others are not served to this key.
        per_minute: most requests a minute; None = as the service's settings say for its role.
        last_used_at: the hour in which it was last used; None = not yet.
        serial: which of the key's secrets, counted from 1; each rotation makes a new one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    role: Role
    name: str
    created_at: datetime
    revoked: bool = False
    scopes: tuple[str, ...] | None = None
    tasks: tuple[str, ...] | None = None
    tags: tuple[str, ...] = ()
    expires_at: datetime | None = None
    per_minute: int | None = None
    last_used_at: datetime | None = None
    serial: int = 1

    def over(self, now: datetime) -> bool:
        """Whether its time is over."""
        return self.expires_at is not None and now >= self.expires_at


class OldSecret(BaseModel):
    """A secret that a rotation replaced and that still works for a while; as in `KeyRecord`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    salt: str
    hash: str
    serial: int
    until: datetime


class KeyRecord(ApiKey):
    """A key as it is kept: `hash` is scrypt(secret, salt), both in hex."""

    salt: str
    hash: str
    old: OldSecret | None = None

    def public(self, serial: int | None = None) -> ApiKey:
        """Without salt and hash; with `serial`, as known by that secret, which for an old one ends earlier."""
        known = ApiKey.model_validate(self.model_dump(exclude={"salt", "hash", "old"}))
        if self.old is None or serial != self.old.serial:
            return known
        ends = min(self.old.until, self.expires_at or self.old.until)
        return known.model_copy(update={"serial": self.old.serial, "expires_at": ends})


class KeyRecords(Protocol):
    """Where records are kept."""

    def put(self, record: KeyRecord) -> None:
        """Keeps a new record."""

    def replace(self, old: KeyRecord, new: KeyRecord) -> bool:
        """Puts one in the other's place; False if that is not what is kept. Repeating is harmless."""

    def get(self, key_id: str) -> KeyRecord | None:
        """The record of that id."""

    def all(self) -> list[KeyRecord]:
        """Every record."""

    def revoke(self, key_id: str) -> bool:
        """Marks it as revoked; False if there is no such record."""

    def used(self, key_id: str, hour: datetime) -> None:
        """Notes that a key that there is was used in that hour."""


class RedisKeyRecords:
    """`KeyRecords` on a Redis or Valkey server: one hash per key, and a set of their ids.

    Args:
        client: redis-py client with `decode_responses=True`, see `connect`.
    """

    def __init__(self, client: redis.Redis) -> None:
        self._client: Any = client  # typed as bytes | str throughout; with decode_responses it is str
        self._replace = client.register_script((files("miners.queue") / "lua" / "key_replace.lua").read_text())

    def put(self, record: KeyRecord) -> None:
        """Keeps a new record; the id is random, so that writing twice is writing the same."""
        with guarded(), self._client.pipeline(transaction=True) as pipe:
            pipe.hset(_key(record.id), mapping={"record": _text(record), "revoked": int(record.revoked)})
            pipe.sadd(f"{PREFIX}ids", record.id)
            pipe.execute()

    def replace(self, old: KeyRecord, new: KeyRecord) -> bool:
        """Puts one in the other's place; see `KeyRecords`."""
        with guarded():
            return bool(self._replace(keys=[_key(old.id)], args=[old.hash, new.hash, _text(new)]))

    def get(self, key_id: str) -> KeyRecord | None:
        """The record of that id."""
        with guarded():
            fields = self._client.hgetall(_key(key_id))
        return _record(fields) if fields else None

    def all(self) -> list[KeyRecord]:
        """Every record."""
        with guarded():
            ids = sorted(self._client.smembers(f"{PREFIX}ids"))
        return [record for record in map(self.get, ids) if record is not None]

    def revoke(self, key_id: str) -> bool:
        """Marks it as revoked; False if there is no such record."""
        if self.get(key_id) is None:
            return False
        with guarded():
            self._client.hset(_key(key_id), "revoked", 1)
        return True

    def used(self, key_id: str, hour: datetime) -> None:
        """Notes that a key that there is was used in that hour."""
        with guarded():
            self._client.hset(_key(key_id), "used", int(hour.timestamp()))


class MemoryKeyRecords:
    """`KeyRecords` in this process, for notebooks and tests; gone with it."""

    def __init__(self) -> None:
        self._kept: dict[str, KeyRecord] = {}
        self._lock = threading.Lock()

    def put(self, record: KeyRecord) -> None:
        """Keeps a new record."""
        self._kept[record.id] = record

    def replace(self, old: KeyRecord, new: KeyRecord) -> bool:
        """Puts one in the other's place; see `KeyRecords`."""
        with self._lock:
            kept = self._kept.get(old.id)
            if kept is None or kept.hash not in {old.hash, new.hash}:
                return False
            self._kept[old.id] = new.model_copy(update={"revoked": kept.revoked, "last_used_at": kept.last_used_at})
        return True

    def get(self, key_id: str) -> KeyRecord | None:
        """The record of that id."""
        return self._kept.get(key_id)

    def all(self) -> list[KeyRecord]:
        """Every record."""
        return list(self._kept.values())

    def revoke(self, key_id: str) -> bool:
        """Marks it as revoked; False if there is no such record."""
        return self._change(key_id, revoked=True)

    def used(self, key_id: str, hour: datetime) -> None:
        """Notes that a key that there is was used in that hour."""
        self._change(key_id, last_used_at=hour)

    def _change(self, key_id: str, **fields: object) -> bool:
        with self._lock:
            record = self._kept.get(key_id)
            if record is not None:
                self._kept[key_id] = record.model_copy(update=fields)
        return record is not None


def _key(key_id: str) -> str:
    return f"{PREFIX}k:{key_id}"


def _text(record: KeyRecord) -> str:
    return record.model_dump_json(exclude={"last_used_at"}, exclude_none=True)


def _record(fields: dict[str, str]) -> KeyRecord:
    record = KeyRecord.model_validate_json(fields["record"])
    used = datetime.fromtimestamp(int(fields["used"]), UTC) if "used" in fields else None
    return record.model_copy(update={"revoked": fields["revoked"] == "1", "last_used_at": used})
