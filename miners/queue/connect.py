"""Connecting to Redis or Valkey, refusing one that would lose answers, and everything that is kept in it."""

from __future__ import annotations

import re
import threading
from datetime import timedelta
from typing import Any, Self

import redis
from redis import exceptions
from redis.backoff import ExponentialWithJitterBackoff
from redis.retry import Retry

from ensemble.errors import InputError
from miners.errors import StoreRefusedError
from miners.queue.api_keys import KeyStore, RedisKeyRecords
from miners.queue.audit import RedisAuditLog
from miners.queue.campaigns import RedisCampaigns
from miners.queue.guard import guarded
from miners.queue.hooks import RedisHooks
from miners.queue.redis_queue import RedisQueue
from miners.queue.redis_traffic import RedisTraffic
from miners.queue.sessions import IDLE, LONGEST, RedisSessionRecords, SessionStore
from miners.queue.traffic import Limits

MINIMUM_VERSION = (7, 2)
RETRIES = 8
"""Waits of 50 ms doubling to 500 ms, with jitter: a server that restarts within two seconds is not noticed."""


def connect(url: str, *, timeout: float = 5.0) -> redis.Redis:
    """A client with a connection pool; nothing is sent yet. It may be used by many threads, not across a fork.

    Every command is repeated on a lost connection, so only idempotent ones may be sent.

    Args:
        url: redis://, rediss:// or unix://, with password.
        timeout: seconds per attempt until a command is answered.

    Raises:
        InputError: the URL cannot be read. The message does not repeat it, for it holds the password.
    """
    try:
        return redis.Redis.from_url(
            url,
            decode_responses=True,
            socket_timeout=timeout,
            socket_connect_timeout=min(timeout, 2.0),
            health_check_interval=30,
            retry=Retry(ExponentialWithJitterBackoff(base=0.05, cap=0.5), RETRIES),
        )
    except ValueError:
        raise InputError(
            "must look like redis://:PASSWORD@HOST:PORT/0, rediss:// or unix://", field="redis_url"
        ) from None


def check_durable(client: redis.Redis) -> list[str]:
    """Refuses a server that would lose acknowledged answers.

    Returns:
        Warnings for a person: settings under which a power loss can cost the last second.

    Raises:
        StoreRefusedError: too old, a replica, no append-only file, eviction, or settings that cannot be read; the
            message says what to set.
        StoreUnavailableError: it does not answer.
    """
    with guarded():
        info: dict[str, Any] = client.info()
    _check_version(info)
    if info.get("role", "master") != "master":
        raise StoreRefusedError("this Redis is a replica, which takes no writes; give the address of its primary")
    settings = _settings(client)
    wrong = [
        _remedy(name, settings.get(name, "?"), wanted)
        for name, wanted in _WANTED.items()
        if settings.get(name) != wanted
    ]
    if wrong:
        raise StoreRefusedError("this Redis would lose answers: " + "; ".join(wrong))
    fsync = settings.get("appendfsync", "?")
    if fsync != "always":
        return ["a power loss can cost the last second: " + _remedy("appendfsync", fsync, "always")]
    return []


_WANTED = {"appendonly": "yes", "maxmemory-policy": "noeviction"}


def _remedy(name: str, value: str, wanted: str) -> str:
    return f"{name} is {value}, run `CONFIG SET {name} {wanted}` and put `{name} {wanted}` into its configuration file"


def _check_version(info: dict[str, Any]) -> None:
    """Valkey reports the Redis version that it is compatible with as `redis_version`."""
    text = str(info.get("redis_version", "0"))
    found = tuple(int(part) for part in re.findall(r"\d+", text)[:2])
    if found < MINIMUM_VERSION:
        raise StoreRefusedError(f"this Redis is version {text}; Redis 7.2 or Valkey 8 is the oldest that is supported")


def _settings(client: redis.Redis) -> dict[str, str]:
    try:
        with guarded():
            settings: Any = client.config_get("appendonly", "appendfsync", "maxmemory-policy")
    except (StoreRefusedError, exceptions.ResponseError) as error:
        raise StoreRefusedError(
            f"this Redis does not let us read its settings ({error}), so it may lose answers unnoticed; "
            "allow it with `ACL SETUSER <user> +config|get`"
        ) from error
    return dict(settings)


class Store:
    """Everything that is kept in one Redis or Valkey server.

    Args:
        url: see `connect`.
        timeout: see `connect`.
    """

    def __init__(self, url: str, *, timeout: float = 5.0) -> None:
        self.client = connect(url, timeout=timeout)
        self.keys = KeyStore(RedisKeyRecords(self.client))
        self.audit = RedisAuditLog(self.client)
        self.campaigns = RedisCampaigns(self.client)
        self._queues: dict[str, RedisQueue] = {}
        self._lock = threading.Lock()

    def queue(
        self, task: str, *, waiting_limit: int = 1_000_000, max_expiries: int = 20, gold_share: float = 0.0
    ) -> RedisQueue:
        """The queue of a task; the limits count at the first call for that task."""
        with self._lock:
            if task not in self._queues:
                self._queues[task] = RedisQueue(
                    self.client,
                    task,
                    waiting_limit=waiting_limit,
                    max_expiries=max_expiries,
                    gold_share=gold_share,
                )
            return self._queues[task]

    def traffic(self, task: str, limits: Limits | None = None) -> RedisTraffic:
        """The sample of a task's live traffic; the limits matter to whoever adds to it."""
        return RedisTraffic(self.client, task, limits)

    def sessions(self, *, idle: timedelta = IDLE, longest: timedelta = LONGEST) -> SessionStore:
        """Browser sessions that may be idle, and last in all, for so long."""
        return SessionStore(RedisSessionRecords(self.client), idle=idle, longest=longest)

    def hooks(self, task: str) -> RedisHooks:
        """How far a task's webhooks have been told of findings."""
        return RedisHooks(self.client, task)

    def ping(self) -> None:
        """Returns if the server answers; else StoreUnavailableError or StoreRefusedError."""
        with guarded():
            self.client.ping()

    def check(self) -> list[str]:
        """See `check_durable`."""
        return check_durable(self.client)

    def close(self) -> None:
        """Gives the connections back; harmless when repeated."""
        self.client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
