"""Which servers are taken, and what is said of those that are not."""

import pytest
import redis

from ensemble.errors import InputError
from miners.errors import QueueFullError, StoreRefusedError, StoreUnavailableError
from miners.queue.connect import Store, _check_version, check_durable, connect
from miners.queue.embedded import EmbeddedServer
from miners.queue.redis_queue import RedisQueue


@pytest.fixture(scope="module")
def spare(tmp_path_factory):
    """A server whose settings may be spoiled."""
    with EmbeddedServer(tmp_path_factory.mktemp("spare")) as server:
        yield server


@pytest.fixture
def admin(spare):
    with connect(spare.url) as client:
        yield client
        client.config_set("appendonly", "yes")
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("appendfsync", "always")
        client.config_set("maxmemory", 0)
        client.flushall()


@pytest.mark.parametrize(
    ("setting", "value", "remedy"),
    [
        ("appendonly", "no", "CONFIG SET appendonly yes"),
        ("maxmemory-policy", "allkeys-lru", "CONFIG SET maxmemory-policy noeviction"),
    ],
)
def test_refused(admin, setting, value, remedy):
    """A server without append-only file, or one that evicts, is refused with the command that mends it."""
    admin.config_set(setting, value)
    with pytest.raises(StoreRefusedError, match=remedy):
        check_durable(admin)


def test_warned(admin):
    """Writing to disk once a second is allowed with a warning."""
    admin.config_set("appendfsync", "everysec")
    (warning,) = check_durable(admin)
    assert "CONFIG SET appendfsync always" in warning


def test_settings_forbidden(spare, admin):
    """A user who may not read the settings is told which right is missing."""
    admin.acl_setuser("modest", enabled=True, passwords=["+pw"], keys=["*"], commands=["+@all", "-config"])
    refused = pytest.raises(StoreRefusedError, match=r"ACL SETUSER <user> \+config\|get")
    with connect(f"redis://modest:pw@127.0.0.1:{spare.port}/0") as modest, refused:
        check_durable(modest)
    admin.acl_deluser("modest")


@pytest.mark.parametrize(("version", "taken"), [("6.2.5", False), ("7.0.15", False), ("7.2.4", True), ("8.0.0", True)])
def test_version(version, taken):
    """Redis 7.2 is the oldest that is taken."""
    if taken:
        _check_version({"redis_version": version})
    else:
        with pytest.raises(StoreRefusedError, match=rf"{version}.*7\.2"):
            _check_version({"redis_version": version})


def test_replica(tmp_path, spare):
    """A replica is refused."""
    with EmbeddedServer(tmp_path) as other, connect(other.url) as client:
        client.replicaof("127.0.0.1", spare.port)
        with pytest.raises(StoreRefusedError, match="replica"):
            check_durable(client)


def test_wrong_password(spare):
    """A wrong password is a refusal, not an outage."""
    with Store(f"redis://:wrong@127.0.0.1:{spare.port}/0") as store, pytest.raises(StoreRefusedError, match="password"):
        store.ping()


def test_nobody_there(monkeypatch):
    """Where nothing listens, every part of the store says that it is unavailable."""
    monkeypatch.setattr("miners.queue.connect.RETRIES", 1)
    with Store("redis://127.0.0.1:1/0") as store:
        for call in (store.ping, store.check, store.queue("injury").counts, store.keys.list, store.campaigns.names):
            with pytest.raises(StoreUnavailableError):
                call()


def test_bad_url():
    """A URL that cannot be read is refused without repeating the password in it."""
    with pytest.raises(InputError) as caught:
        connect("http://:secret@nowhere")
    assert "secret" not in str(caught.value)
    assert caught.value.field == "redis_url"


def test_out_of_memory(admin, new_item):
    """A server out of memory refuses new items and leaves what is there whole."""
    queue = RedisQueue(admin, "injury")
    queue.enqueue([new_item("a")])
    admin.config_set("maxmemory", 1)
    with pytest.raises(QueueFullError, match="out of memory"):
        queue.enqueue([new_item("b")])
    admin.config_set("maxmemory", 0)
    assert [item.new.id for item in queue.items()] == ["a"]


def test_one_queue_per_task(spare):
    """A store gives one queue object per task."""
    with Store(spare.url) as store:
        store.ping()
        assert store.check() == []
        assert store.queue("injury") is store.queue("injury")
        assert store.queue("injury") is not store.queue("fraud")


def test_undecoded_client(spare):
    """A client that returns bytes is refused when the queue is made."""
    with redis.Redis.from_url(spare.url) as client, pytest.raises(InputError, match="decode_responses"):
        RedisQueue(client, "injury")


@pytest.mark.parametrize("task", ["", "a}b", "a b", "x" * 65, "-a"])
def test_task_names(spare, task):
    """A task whose name cannot be part of a key is refused."""
    with Store(spare.url) as store, pytest.raises(InputError) as caught:
        store.queue(task)
    assert caught.value.field == "task"
