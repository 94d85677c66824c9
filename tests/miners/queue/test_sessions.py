"""Browser sessions, on Redis and in memory."""

import hashlib
from datetime import timedelta

import pytest

from miners.queue import sessions as module
from miners.queue.sessions import MemorySessionRecords, RedisSessionRecords, SessionStore, csrf_of

IDLE, LONGEST = timedelta(minutes=10), timedelta(minutes=25)


class World:
    """A store of sessions, and its clock."""

    def __init__(self, client=None):
        self.client, self.now = client, 1_800_000_000.0
        self.records = RedisSessionRecords(client) if client else MemorySessionRecords(lambda: self.now)
        self.store = SessionStore(self.records, idle=IDLE, longest=LONGEST)

    def travel(self, **time):
        """Lets time pass: on a server, by moving what it keeps back, for no clock but its own counts there."""
        ms = int(timedelta(**time).total_seconds() * 1000)
        self.now += ms / 1000
        if self.client is None:
            return
        for key in self.client.keys("*:sessions:s:*"):
            for field in ("opened", "ends"):
                self.client.hincrby(key, field, -ms)
            left = self.client.pttl(key) - ms
            self.client.pexpire(key, left) if left > 0 else self.client.delete(key)
        for key in self.client.keys("*:sessions:k:*"):
            for name, ends in self.client.zrange(key, 0, -1, withscores=True):
                self.client.zadd(key, {name: ends - ms})


@pytest.fixture(params=["memory", "redis"])
def world(request):
    return World(request.getfixturevalue("client") if request.param == "redis" else None)


def test_a_session_is_known_by_its_token_alone(world):
    """The token opens it, nothing else does, and ending it is final and may be repeated."""
    token, opened = world.store.open("abc", 3)
    assert (opened.key_id, opened.serial, opened.ends_at - opened.opened_at) == ("abc", 3, LONGEST)
    assert world.store.use(token) == opened
    for wrong in ("", token[:-1], token + "x", "x" * 43, "é" * 43, hashlib.sha256(token.encode()).hexdigest()):
        assert world.store.use(wrong) is None
        world.store.end(wrong)
    assert world.store.use(token) == opened
    world.store.end(token)
    world.store.end(token)
    assert world.store.use(token) is None


def test_a_session_that_is_used_lasts_until_its_end(world):
    """Used again and again it goes on, but not beyond the longest time."""
    token, _ = world.store.open("abc", 1)
    for _ in range(2):
        world.travel(minutes=9)
        assert world.store.use(token) is not None
    world.travel(minutes=6.9)
    assert world.store.use(token) is not None
    world.travel(minutes=0.2)
    assert world.store.use(token) is None


def test_an_idle_session_is_over(world):
    """Unused for too long, it is gone."""
    token, _ = world.store.open("abc", 1)
    world.travel(minutes=10.1)
    assert world.store.use(token) is None


def test_a_key_has_only_so_many_sessions(world, monkeypatch):
    """A further one ends the oldest; another key's stay, and those that were ended do not count."""
    monkeypatch.setattr(module, "MOST_OF_A_KEY", 3)
    other, _ = world.store.open("other", 1)
    tokens = []
    for _ in range(4):
        world.travel(seconds=1)
        tokens.append(world.store.open("abc", 1)[0])
    assert [world.store.use(token) is not None for token in tokens] == [False, True, True, True]
    world.store.end(tokens[3])
    world.travel(seconds=1)
    tokens.append(world.store.open("abc", 1)[0])
    assert [world.store.use(token) is not None for token in tokens] == [False, True, True, False, True]
    assert world.store.use(other) is not None


def test_opening_twice_is_opening_once(world):
    """As redis-py repeats a command whose reply was lost."""
    opened = [world.records.open("f" * 64, "abc", 1, idle=IDLE, longest=LONGEST) for _ in range(2)]
    assert opened[0] == opened[1]


def test_only_a_hash_of_the_token_is_kept(client):
    """Neither token nor CSRF token stand anywhere in the store, and everything there goes away by itself."""
    token, _ = SessionStore(RedisSessionRecords(client)).open("abc", 1)
    kept = str([(key, client.hgetall(key) if ":s:" in key else client.zrange(key, 0, -1)) for key in client.keys("*")])
    assert hashlib.sha256(token.encode()).hexdigest() in kept
    assert token not in kept
    assert csrf_of(token) not in kept
    assert all(client.pttl(key) > 0 for key in client.keys("*"))


def test_every_session_has_its_own_csrf_token(world):
    """One session's does not serve another."""
    first, second = (world.store.open("abc", 1)[0] for _ in range(2))
    assert csrf_of(first) != csrf_of(second)
    assert csrf_of(first) == csrf_of(first)
