"""API keys: made once, shown once, kept only as a salted scrypt hash."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Literal, Protocol

import redis
from pydantic import BaseModel, ConfigDict

from ensemble.errors import InputError
from miners.queue.checks import check_name
from miners.queue.guard import guarded

Role = Literal["score", "label", "admin"]
ROLES: tuple[Role, ...] = ("score", "label", "admin")
PREFIX = "{hungjury}:keys:"
CACHE_SECONDS = 30.0
"""How long a checked key counts as checked; a revoked key is refused everywhere after that time at the latest."""
CACHE_ENTRIES = 4_096
_MAX_KEY = 200


class ApiKey(BaseModel):
    """What is known of a key, the secret excepted. Raters are told apart by `id`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    role: Role
    name: str
    created_at: datetime
    revoked: bool = False


class KeyRecord(ApiKey):
    """A key as it is kept: `hash` is scrypt(secret, salt), both in hex."""

    salt: str
    hash: str

    def public(self) -> ApiKey:
        """Without salt and hash."""
        return ApiKey.model_validate(self.model_dump(exclude={"salt", "hash"}))


class KeyRecords(Protocol):
    """Where records are kept."""

    def put(self, record: KeyRecord) -> None:
        """Keeps a record."""

    def get(self, key_id: str) -> KeyRecord | None:
        """The record of that id."""

    def all(self) -> list[KeyRecord]:
        """Every record."""

    def revoke(self, key_id: str) -> bool:
        """Marks it as revoked; False if there is no such record."""


class KeyStore:
    """Makes, checks and revokes keys; thread-safe.

    Args:
        records: where they are kept.
        clock: seconds, for the cache; only differences matter.
    """

    def __init__(self, records: KeyRecords, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._records = records
        self._clock = clock
        self._lock = threading.Lock()
        self._cache: OrderedDict[bytes, tuple[float, ApiKey | None]] = OrderedDict()

    def create(self, role: Role, name: str) -> tuple[str, ApiKey]:
        """A new key, "hj_<id>_<secret>" with 256 random bits, which nobody can show again; and what is known of it.

        Raises:
            InputError: an unknown role, or a name that is empty, too long or holds control characters.
        """
        if role not in ROLES:
            raise InputError(f"is {role!r}; one of {', '.join(ROLES)} is allowed", field="role")
        key_id, secret, salt = secrets.token_hex(6), secrets.token_urlsafe(32), secrets.token_bytes(16)
        record = KeyRecord(
            id=key_id,
            role=role,
            name=check_name(name, "name"),
            created_at=datetime.now(UTC),
            salt=salt.hex(),
            hash=_scrypt(secret, salt).hex(),
        )
        self._records.put(record)
        return f"hj_{key_id}_{secret}", record.public()

    def verify(self, key: str) -> ApiKey | None:
        """Whose key it is; None for one that is malformed, unknown, wrong or revoked.

        The first time it costs a scrypt (tens of milliseconds), for the next 30 s a look-up by SHA-256.
        """
        if len(key) > _MAX_KEY or not key.isascii():
            return None
        digest = hashlib.sha256(key.encode()).digest()
        with self._lock:
            until, cached = self._cache.get(digest, (0.0, None))
            if self._clock() < until:
                return cached
        checked_at = self._clock()
        found = self._check(key)
        self._remember(digest, checked_at + CACHE_SECONDS, found)
        return found

    def list(self) -> list[ApiKey]:
        """Every key, oldest first, revoked ones included."""
        return sorted((record.public() for record in self._records.all()), key=lambda key: (key.created_at, key.id))

    def revoke(self, key_id: str) -> bool:
        """Ends a key, here at once and in other processes within 30 s; False if there is no such key."""
        known = self._records.revoke(key_id)
        with self._lock:
            self._cache.clear()
        return known

    def _check(self, key: str) -> ApiKey | None:
        tag, _, rest = key.partition("_")
        key_id, _, secret = rest.partition("_")
        record = self._records.get(key_id) if tag == "hj" and key_id and secret else None
        if record is None or record.revoked:
            return None
        right = hmac.compare_digest(_scrypt(secret, bytes.fromhex(record.salt)), bytes.fromhex(record.hash))
        return record.public() if right else None

    def _remember(self, digest: bytes, until: float, found: ApiKey | None) -> None:
        with self._lock:
            self._cache[digest] = (until, found)
            self._cache.move_to_end(digest)
            while len(self._cache) > CACHE_ENTRIES:
                self._cache.popitem(last=False)


class RedisKeyRecords:
    """`KeyRecords` on a Redis or Valkey server: one hash per key, and a set of their ids.

    Args:
        client: redis-py client with `decode_responses=True`, see `connect`.
    """

    def __init__(self, client: redis.Redis) -> None:
        self._client: Any = client  # typed as bytes | str throughout; with decode_responses it is str

    def put(self, record: KeyRecord) -> None:
        """Keeps a record; the id is random, so that writing twice is writing the same."""
        with guarded(), self._client.pipeline(transaction=True) as pipe:
            pipe.hset(_key(record.id), mapping={"record": record.model_dump_json(), "revoked": int(record.revoked)})
            pipe.sadd(f"{PREFIX}ids", record.id)
            pipe.execute()

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


class MemoryKeyRecords:
    """`KeyRecords` in this process, for notebooks and tests; gone with it."""

    def __init__(self) -> None:
        self._kept: dict[str, KeyRecord] = {}

    def put(self, record: KeyRecord) -> None:
        """Keeps a record."""
        self._kept[record.id] = record

    def get(self, key_id: str) -> KeyRecord | None:
        """The record of that id."""
        return self._kept.get(key_id)

    def all(self) -> list[KeyRecord]:
        """Every record."""
        return list(self._kept.values())

    def revoke(self, key_id: str) -> bool:
        """Marks it as revoked; False if there is no such record."""
        record = self._kept.get(key_id)
        if record is not None:
            self._kept[key_id] = record.model_copy(update={"revoked": True})
        return record is not None


def _key(key_id: str) -> str:
    return f"{PREFIX}k:{key_id}"


def _record(fields: dict[str, str]) -> KeyRecord:
    record = KeyRecord.model_validate_json(fields["record"])
    return record.model_copy(update={"revoked": fields["revoked"] == "1"})


def _scrypt(secret: str, salt: bytes) -> bytes:
    """RFC 7914 with N = 16384, r = 8, p = 1: 16 MiB and some tens of milliseconds."""
    return hashlib.scrypt(secret.encode(), salt=salt, n=16_384, r=8, p=1, maxmem=64 * 1024 * 1024)
