"""API keys, on Redis and in memory."""

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from ensemble.errors import InputError
from miners.errors import StoreUnavailableError, UnknownKeyError
from miners.queue import api_keys
from miners.queue.api_keys import Checked, KeyStore, MemoryKeyRecords, RedisKeyRecords, Refusal


class Clock:
    """Seconds, and the time of day, that pass when told to."""

    now = 0.0

    def __call__(self):
        return self.now

    def today(self):
        return datetime(2026, 5, 1, 12, 30, tzinfo=UTC) + timedelta(seconds=self.now)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture(params=["memory", "redis"])
def records(request):
    return MemoryKeyRecords() if request.param == "memory" else RedisKeyRecords(request.getfixturevalue("client"))


@pytest.fixture
def keys(records, clock):
    return KeyStore(records, clock=clock, now=clock.today)


def test_create_and_verify(keys):
    """A key is known by what was shown once, with its role and name."""
    secret, made = keys.create("label", "Ann Übel")
    assert secret.startswith(f"hj_{made.id}_")
    assert (made.role, made.name, made.revoked) == ("label", "Ann Übel", False)
    assert keys.list() == [made]
    assert keys.verify(secret) == made


def test_only_a_hash_is_kept(keys, records):
    """Neither the secret nor a plain hash of it is kept anywhere."""
    secret, made = keys.create("admin", "root")
    kept = records.get(made.id).model_dump_json()
    part = secret.removeprefix(f"hj_{made.id}_")
    assert part not in kept
    assert hashlib.sha256(part.encode()).hexdigest() not in kept
    assert not {"salt", "hash", "old"} & set(made.model_dump())


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


HOUR = timedelta(hours=1)


def test_an_expired_key_says_so_to_its_holder_alone(keys, clock):
    """Once its time is over a key is refused, also where it was just checked; a wrong secret learns nothing of it."""
    secret, made = keys.create("score", "app", expires=timedelta(seconds=20))
    assert keys.check(secret).key == made
    clock.now = 20.0
    assert keys.check(secret) == Checked(refusal=Refusal.expired)
    assert keys.check(secret + "x") == keys.check("hj_000000000000_x") == Checked(refusal=Refusal.unknown)
    assert keys.find(made.id, 1) is None


def test_rotation_keeps_the_rater(keys, clock):
    """A new secret for the same id with all that the key may; the old one works during the grace, and no longer."""
    first, made = keys.create("label", "ann", tasks=["injury"], scopes=["items:label"])
    second, rotated = keys.rotate(made.id, grace=HOUR)
    assert (rotated.id, rotated.role, rotated.tasks, rotated.scopes) == (
        made.id,
        "label",
        ("injury",),
        ("items:label",),
    )
    assert keys.verify(second) == rotated
    assert keys.verify(first).id == made.id
    clock.now = 3600.0
    assert keys.verify(first) is None
    assert keys.verify(second) == rotated
    assert (keys.find(made.id, 1), keys.find(made.id, 2).id) == (None, made.id)


def test_rotation_without_grace_ends_every_older_secret(keys):
    """At once, also those that an earlier rotation let live."""
    first, made = keys.create("score", "app")
    second, _ = keys.rotate(made.id, grace=HOUR)
    third, _ = keys.rotate(made.id)
    assert [keys.verify(key) is not None for key in (first, second, third)] == [False, False, True]


def test_rotating_at_once_is_one_after_the_other(keys):
    """However many rotate a key at the same time, each gets a secret, and the last of them is the one that works."""
    _, made = keys.create("score", "app")

    def rotate(_):
        try:
            return keys.rotate(made.id)
        except UnknownKeyError:
            return None

    with ThreadPoolExecutor(4) as pool:
        rotated = [found for found in pool.map(rotate, range(4)) if found]
    assert sorted(key.serial for _, key in rotated) == list(range(2, 2 + len(rotated)))
    assert [key.serial for secret, key in rotated if keys.verify(secret)] == [1 + len(rotated)]


def test_what_cannot_be_rotated(keys, clock):
    """A key that is not there, is revoked or expired stays as it is; so does one whose grace makes no sense."""
    _, revoked = keys.create("score", "app")
    keys.revoke(revoked.id)
    _, short = keys.create("score", "app", expires=HOUR)
    with pytest.raises(InputError):
        keys.rotate(short.id, grace=-HOUR)
    clock.now = 3600.0
    for key_id in ("ghost", revoked.id, short.id):
        with pytest.raises(UnknownKeyError, match="no key"):
            keys.rotate(key_id)


def test_a_key_revoked_during_a_rotation_stays_revoked(keys, records):
    """What is kept beside the record is not undone by replacing the record."""
    _, made = keys.create("score", "app")
    old = records.get(made.id)
    records.revoke(made.id)
    assert records.replace(old, old.model_copy(update={"hash": "00", "serial": 2}))
    assert records.get(made.id).revoked
    assert not records.replace(old, old.model_copy(update={"hash": "11"}))


def test_the_hour_of_the_last_use_is_kept(keys, clock):
    """To the hour, and written once an hour."""
    secret, _ = keys.create("score", "app")
    assert keys.list()[0].last_used_at is None
    for clock.now in (0.0, 31.0, 1799.0):
        keys.verify(secret)
        assert keys.list()[0].last_used_at == datetime(2026, 5, 1, 12, tzinfo=UTC)
    clock.now = 1830.0
    keys.verify(secret)
    assert keys.list()[0].last_used_at == datetime(2026, 5, 1, 13, tzinfo=UTC)


def test_a_store_that_cannot_write_refuses_no_key(keys, records, monkeypatch):
    """The time of use is a convenience; a key that can be read is good without it."""
    secret, made = keys.create("score", "app")

    def fail(*_):
        raise StoreUnavailableError("read-only")

    monkeypatch.setattr(records, "used", fail)
    assert keys.verify(secret) == made


def test_records_of_earlier_versions_are_read(client):
    """A key that was made before there were scopes and times is still known, with all that its role opens."""
    salt = bytes(16)
    record = {
        "id": "0123456789ab",
        "role": "label",
        "name": "ann",
        "created_at": "2025-01-01T00:00:00Z",
        "revoked": False,
        "salt": salt.hex(),
        "hash": api_keys._scrypt("secret", salt).hex(),
    }
    client.hset("{hungjury}:keys:k:0123456789ab", mapping={"record": json.dumps(record), "revoked": 0})
    client.sadd("{hungjury}:keys:ids", "0123456789ab")
    keys = KeyStore(RedisKeyRecords(client))
    found = keys.verify("hj_0123456789ab_secret")
    assert (found.name, found.scopes, found.tasks, found.expires_at, found.serial) == ("ann", None, None, None, 1)
    assert keys.verify(keys.rotate(found.id)[0]).id == found.id


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"scopes": []}, "scope"),
        ({"scopes": ["everything"]}, "scope"),
        ({"scopes": ["findings:read"]}, "scope"),
        ({"tasks": []}, "task"),
        ({"tasks": ["no task"]}, "task"),
        ({"expires": timedelta()}, "expires"),
        ({"expires": timedelta(days=99_999)}, "expires"),
        ({"per_minute": 0}, "rate"),
    ],
)
def test_bad_limits(keys, more, field):
    """What a key may not be made with is refused with its field."""
    with pytest.raises(InputError) as caught:
        keys.create("label", "ann", **more)
    assert caught.value.field == field
