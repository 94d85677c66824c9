"""API keys: made once, shown once, kept only as a salted scrypt hash; they expire, are rotated and revoked."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import re
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from ensemble.errors import InputError
from miners.errors import QueueError, UnknownKeyError
from miners.queue.checks import check_name, check_tags, check_task
from miners.queue.key_records import (
    PREFIX,
    ApiKey,
    KeyRecord,
    KeyRecords,
    MemoryKeyRecords,
    OldSecret,
    RedisKeyRecords,
)
from miners.queue.scopes import ROLES, Role, check_scopes

__all__ = [
    "PREFIX",
    "ROLES",
    "ApiKey",
    "Checked",
    "KeyRecord",
    "KeyRecords",
    "KeyStore",
    "MemoryKeyRecords",
    "RedisKeyRecords",
    "Refusal",
    "Role",
]  # fmt: skip

CACHE_SECONDS = 30.0
"""How long a checked key counts as checked; a revoked key is refused everywhere after that time at the latest."""
CACHE_ENTRIES = 4_096
MAX_PER_MINUTE = 1_000_000
LONGEST = timedelta(days=36_500)
_MAX_KEY = 200
_MAX_TASKS = 100
_ATTEMPTS = 5
_FORM = re.compile(r"hj_([^_]+)_(.+)", re.DOTALL)


class Refusal(StrEnum):
    """Why a key is refused; only who holds the right secret learns that it has expired."""

    unknown = "unknown"
    expired = "expired"


@dataclass(frozen=True)
class Checked:
    """What a key turned out to be: exactly one of the two is there."""

    key: ApiKey | None = None
    refusal: Refusal | None = None


_UNKNOWN = Checked(refusal=Refusal.unknown)
_EXPIRED = Checked(refusal=Refusal.expired)


class KeyStore:
    """Makes, checks, rotates and revokes keys; thread-safe.

    Args:
        records: where they are kept.
        clock: seconds, for the cache; only differences matter.
        now: the time of day, for expiry.
    """

    def __init__(
        self,
        records: KeyRecords,
        *,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._records, self._clock, self._now = records, clock, now
        self._lock = threading.Lock()
        self._cache: OrderedDict[bytes, tuple[float, Checked]] = OrderedDict()

    def create(
        self,
        role: Role,
        name: str,
        *,
        scopes: Iterable[str] | None = None,
        tasks: Iterable[str] | None = None,
        expires: timedelta | None = None,
        per_minute: int | None = None,
        tags: Iterable[str] = (),
    ) -> tuple[str, ApiKey]:
        """A new key, "hj_<id>_<secret>" with 256 random bits, which nobody can show again; and what is known of it.

        Args:
            role: what it opens at most.
            name: whose it is, for people.
            scopes: what it opens of that; None = all.
            tasks: the tasks it is for; None = every one.
            expires: after how long it ends; None = never.
            per_minute: most requests a minute; None = as the service's settings say.
            tags: languages and skills of the rater.

        Raises:
            InputError: an unknown role, scope or task, a bad tag, time or rate, or a name that is empty, too long or
                holds control characters.
        """
        if role not in ROLES:
            raise InputError(f"is {role!r}; one of {', '.join(ROLES)} is allowed", field="role")
        key_id, secret, salt = secrets.token_hex(6), secrets.token_urlsafe(32), secrets.token_bytes(16)
        now = self._now()
        record = KeyRecord(
            id=key_id,
            role=role,
            name=check_name(name, "name"),
            created_at=now,
            scopes=check_scopes(role, scopes) if scopes is not None else None,
            tasks=_tasks(tasks) if tasks is not None else None,
            expires_at=now + _duration(expires, "expires") if expires is not None else None,
            per_minute=_rate(per_minute),
            tags=check_tags(tags),
            salt=salt.hex(),
            hash=_scrypt(secret, salt).hex(),
        )
        self._records.put(record)
        return f"hj_{key_id}_{secret}", record.public()

    def retag(self, key_id: str, tags: Iterable[str]) -> ApiKey:
        """Gives a key other tags; services know them within half a minute.

        Raises:
            UnknownKeyError: there is none, it is revoked, or its time is over.
            InputError: a bad tag.
        """
        wanted = check_tags(tags)
        for _ in range(_ATTEMPTS):
            record = self._records.get(key_id)
            if record is None or record.revoked or record.over(self._now()):
                raise UnknownKeyError(f"there is no key {key_id[:40]!r} in use; `hungjury key list` shows them")
            new = record.model_copy(update={"tags": wanted})
            if self._records.replace(record, new):
                self._forget()
                return new.public()
        raise UnknownKeyError(f"the key {key_id[:40]!r} is being changed by somebody else")

    def rotate(self, key_id: str, *, grace: timedelta = timedelta()) -> tuple[str, ApiKey]:
        """A new secret for the same key: same id, and so the same rater, with all that the key may.

        The old secret works for `grace` more, and one that an earlier rotation left ends now. Sessions end with the
        secret that opened them.

        Returns:
            The key as it is sent from now on, and what is known of it.

        Raises:
            UnknownKeyError: there is none, it is revoked, or its time is over.
            InputError: a grace that is negative or too long.
        """
        if grace:
            _duration(grace, "grace")
        for _ in range(_ATTEMPTS):
            record, now = self._records.get(key_id), self._now()
            if record is None or record.revoked or record.over(now):
                raise UnknownKeyError(f"there is no key {key_id[:40]!r} in use; `hungjury key list` shows them")
            secret, salt = secrets.token_urlsafe(32), secrets.token_bytes(16)
            old = OldSecret(salt=record.salt, hash=record.hash, serial=record.serial, until=now + grace)
            new = record.model_copy(
                update={
                    "salt": salt.hex(),
                    "hash": _scrypt(secret, salt).hex(),
                    "serial": record.serial + 1,
                    "old": old if grace else None,
                }
            )
            if self._records.replace(record, new):
                self._forget()
                return f"hj_{key_id}_{secret}", new.public()
        raise UnknownKeyError(f"the key {key_id[:40]!r} is being rotated by somebody else")

    def verify(self, key: str) -> ApiKey | None:
        """Whose key it is; None for one that is malformed, unknown, wrong, revoked or expired. See `check`."""
        return self.check(key).key

    def check(self, key: str) -> Checked:
        """Whose key it is, or why it is refused.

        The first time it costs a scrypt (tens of milliseconds), for the next 30 s a look-up by SHA-256; what cannot be
        a key, and an id that nobody has, cost no scrypt.
        """
        if len(key) > _MAX_KEY or not key.isascii():
            return _UNKNOWN
        digest = hashlib.sha256(key.encode()).digest()
        with self._lock:
            until, cached = self._cache.get(digest, (0.0, _UNKNOWN))
        if self._clock() >= until:
            checked_at = self._clock()
            cached = self._check(key)
            self._remember(digest, checked_at + CACHE_SECONDS, cached)
        return _EXPIRED if cached.key is not None and cached.key.over(self._now()) else cached

    def find(self, key_id: str, serial: int) -> ApiKey | None:
        """The key of that id as known by one of its secrets; None where it or the secret is not in use any more."""
        record = self._records.get(key_id)
        if record is None or record.revoked:
            return None
        found = record.public(serial)
        if found.serial != serial or found.over(self._now()):
            return None
        self._used(record)
        return found

    def list(self) -> list[ApiKey]:
        """Every key, oldest first, revoked and expired ones included."""
        return sorted((record.public() for record in self._records.all()), key=lambda key: (key.created_at, key.id))

    def revoke(self, key_id: str) -> bool:
        """Ends a key, here at once and in other processes within 30 s; False if there is no such key."""
        known = self._records.revoke(key_id)
        self._forget()
        return known

    def _check(self, key: str) -> Checked:
        form = _FORM.fullmatch(key)
        record = self._records.get(form[1]) if form else None
        if form is None or record is None or record.revoked:
            return _UNKNOWN
        serial = _serial(record, form[2])
        if serial is None:
            return _UNKNOWN
        found = record.public(serial)
        if not found.over(self._now()):
            self._used(record)
        return Checked(key=found.model_copy(update={"last_used_at": None}))  # as it was is nobody's concern here

    def _used(self, record: KeyRecord) -> None:
        """Notes the hour; a store that cannot write now is no reason to refuse a key."""
        hour = self._now().replace(minute=0, second=0, microsecond=0)
        if record.last_used_at != hour:
            with contextlib.suppress(QueueError):
                self._records.used(record.id, hour)

    def _remember(self, digest: bytes, until: float, found: Checked) -> None:
        with self._lock:
            self._cache[digest] = (until, found)
            self._cache.move_to_end(digest)
            while len(self._cache) > CACHE_ENTRIES:
                self._cache.popitem(last=False)

    def _forget(self) -> None:
        with self._lock:
            self._cache.clear()


def _serial(record: KeyRecord, secret: str) -> int | None:
    """Which of the key's secrets it is; None for none of them."""
    if _matches(secret, record.salt, record.hash):
        return record.serial
    if record.old is not None and _matches(secret, record.old.salt, record.old.hash):
        return record.old.serial
    return None


def _matches(secret: str, salt: str, wanted: str) -> bool:
    return hmac.compare_digest(_scrypt(secret, bytes.fromhex(salt)), bytes.fromhex(wanted))


def _tasks(tasks: Iterable[str]) -> tuple[str, ...]:
    names = tuple(sorted({check_task(task) for task in tasks}))
    if not 1 <= len(names) <= _MAX_TASKS:
        raise InputError(f"has {len(names)} names; 1 to {_MAX_TASKS} are allowed", field="task")
    return names


def _duration(given: timedelta, field: str) -> timedelta:
    if not timedelta() < given <= LONGEST:
        raise InputError(f"is {given}; more than nothing and at most {LONGEST.days:,} days are allowed", field=field)
    return given


def _rate(per_minute: int | None) -> int | None:
    if per_minute is not None and not 1 <= per_minute <= MAX_PER_MINUTE:
        raise InputError(f"is {per_minute}; 1 to {MAX_PER_MINUTE:,} requests a minute are allowed", field="rate")
    return per_minute


def _scrypt(secret: str, salt: bytes) -> bytes:
    """RFC 7914 with N = 16384, r = 8, p = 1: 16 MiB and some tens of milliseconds."""
    return hashlib.scrypt(secret.encode(), salt=salt, n=16_384, r=8, p=1, maxmem=64 * 1024 * 1024)
