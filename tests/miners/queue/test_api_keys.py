"""API keys, on Redis and in memory."""

import hashlib
from concurrent.futures import ThreadPoolExecutor

import pytest

from ensemble.errors import InputError
from miners.queue import api_keys
from miners.queue.api_keys import KeyStore, MemoryKeyRecords, RedisKeyRecords


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture(params=["memory", "redis"])
def records(request):
    return MemoryKeyRecords() if request.param == "memory" else RedisKeyRecords(request.getfixturevalue("client"))


@pytest.fixture
def keys(records, clock):
    return KeyStore(records, clock=clock)


def test_create_and_verify(keys):
    """A key is known by what was shown once, with its role and name."""
    secret, made = keys.create("label", "Ann Übel")
    assert secret.startswith(f"hj_{made.id}_")
    assert (made.role, made.name, made.revoked) == ("label", "Ann Übel", False)
    assert keys.verify(secret) == made
    assert keys.list() == [made]


def test_only_a_hash_is_kept(keys, records):
    """Neither the secret nor a plain hash of it is kept anywhere."""
    secret, made = keys.create("admin", "root")
    kept = records.get(made.id).model_dump_json()
    part = secret.removeprefix(f"hj_{made.id}_")
    assert part not in kept
    assert hashlib.sha256(part.encode()).hexdigest() not in kept
    assert set(made.model_dump()) == {"id", "role", "name", "created_at", "revoked"}


@pytest.mark.parametrize(
    "spoil",
    [
        lambda key: key + "x",
        lambda key: key[:-1],
        lambda key: key.replace("hj_", "xx_"),
        lambda key: "hj_000000000000_" + key.split("_", 2)[2],
        lambda key: key.rsplit("_", 1)[0],
        lambda _: "",
        lambda _: "hj__",
        lambda _: "é" * 20,
        lambda _: "hj_" + "x" * 100_000,
    ],
)
def test_wrong_keys(keys, spoil):
    """Whatever is not exactly the key is nobody's."""
    secret, _ = keys.create("score", "app")
    assert keys.verify(spoil(secret)) is None


def test_revoke(keys):
    """A revoked key is refused at once where it was revoked, and stays in the list."""
    secret, made = keys.create("score", "app")
    assert keys.verify(secret) == made
    assert keys.revoke(made.id)
    assert keys.verify(secret) is None
    assert [key.revoked for key in keys.list()] == [True]
    assert not keys.revoke("ghost")


def test_revoked_elsewhere(keys, records, clock):
    """A key revoked by another process is refused after 30 s at the latest."""
    secret, made = keys.create("score", "app")
    keys.verify(secret)
    KeyStore(records).revoke(made.id)
    clock.now = 29.9
    assert keys.verify(secret) == made
    clock.now = 30.0
    assert keys.verify(secret) is None


def test_second_check_is_cheap(keys, monkeypatch):
    """Within 30 s a key, right or wrong, is hashed slowly only once."""
    secret, _ = keys.create("score", "app")
    calls = []
    slow = api_keys._scrypt
    monkeypatch.setattr(api_keys, "_scrypt", lambda *args: calls.append(1) or slow(*args))
    for _ in range(50):
        keys.verify(secret)
        keys.verify(secret + "x")
    assert len(calls) == 2


def test_the_cache_is_bounded(keys, monkeypatch):
    """A flood of wrong keys does not fill the memory."""
    monkeypatch.setattr(api_keys, "CACHE_ENTRIES", 10)
    for number in range(50):
        keys.verify(f"hj_ghost_{number}")
    assert len(keys._cache) == 10


def test_many_threads(keys):
    """Keys may be checked from many threads at once."""
    secret, made = keys.create("score", "app")
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(keys.verify, [secret] * 40)) == {made}


@pytest.mark.parametrize(
    ("role", "name", "field"), [("boss", "x", "role"), ("score", "", "name"), ("score", "a\n", "name")]
)
def test_bad_arguments(keys, role, name, field):
    """An unknown role or an unprintable name is refused with its field."""
    with pytest.raises(InputError) as caught:
        keys.create(role, name)
    assert caught.value.field == field
