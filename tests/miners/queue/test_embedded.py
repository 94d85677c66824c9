"""The embedded server: started, found in use, killed, orphaned, restarted."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
import redis

from miners.errors import StoreUnavailableError
from miners.queue.connect import check_durable, connect
from miners.queue.embedded import EmbeddedServer


@pytest.fixture
def own(tmp_path):
    """A server of the test's own, in a folder whose name needs quoting."""
    server = EmbeddedServer(tmp_path / 'a "quoted" näme')
    yield server
    server.stop()


def test_start_and_stop(own):
    """It runs between start and stop, both of which may be repeated."""
    assert (own.alive(), own.pid) == (False, None)
    started = time.perf_counter()
    own.start()
    print(f"start to answer: {(time.perf_counter() - started) * 1000:.0f} ms")
    pid = own.pid
    own.start()
    assert own.pid == pid
    with connect(own.url) as client:
        assert client.info("server")["process_id"] == pid
    own.stop()
    own.stop()
    assert not psutil.pid_exists(pid)


def test_settings_lose_nothing(own):
    """Its settings pass the check that every server must pass, with no warning."""
    own.start()
    with connect(own.url) as client:
        assert check_durable(client) == []
        assert client.config_get("save")["save"] == ""


def test_only_this_machine_and_only_with_password(own):
    """It listens on loopback, asks for a password, and shows that neither in arguments nor to other users."""
    own.start()
    process = psutil.Process(own.pid)
    assert {connection.laddr.ip for connection in process.net_connections() if connection.status == "LISTEN"} == {
        "127.0.0.1"
    }
    with redis.Redis(port=own.port) as stranger, pytest.raises(redis.AuthenticationError):
        stranger.get("x")
    secret = own.url.split(":")[2].split("@")[0]
    assert len(secret) == 64
    assert secret not in " ".join(process.cmdline())
    assert secret not in " ".join(process.environ().values())
    files = {path.name: path for path in Path(process.cwd()).iterdir()}
    assert files["password"].stat().st_mode & 0o777 == 0o600
    assert files["server.log"].parent.stat().st_mode & 0o777 == 0o700
    assert secret not in files["server.log"].read_text()


def test_in_use(own, tmp_path):
    """A second server on the same folder is refused, and the message names both processes."""
    own.start()
    with pytest.raises(StoreUnavailableError) as caught:
        EmbeddedServer(tmp_path / 'a "quoted" näme').start()
    assert f"process {os.getpid()}" in str(caught.value)
    assert f"process {own.pid}" in str(caught.value)
    own.stop()
    with EmbeddedServer(tmp_path / 'a "quoted" näme') as second:
        assert second.alive()


def test_restart_after_kill(own):
    """After kill -9 it comes back on the same address with its data, and a client that is connected goes on."""
    own.start()
    url = own.url
    with connect(url) as client:
        client.set("kept", "yes")
        os.kill(own.pid, signal.SIGKILL)
        own.restart()
        assert (own.url, client.get("kept")) == (url, "yes")


def test_restart_while_running(own):
    """A restart of a running server replaces the process."""
    own.start()
    before = own.pid
    own.restart()
    assert own.pid not in (None, before)


def test_clients_wait_for_a_restart(own):
    """A command sent while the server is down waits and succeeds once it is back within two seconds."""
    own.start()
    with connect(own.url) as client:
        client.set("kept", "yes")
        os.kill(own.pid, signal.SIGKILL)
        later = threading.Timer(0.3, own.restart)
        later.start()
        assert client.get("kept") == "yes"
        later.join()


def test_survives_the_thread_that_started_it(own):
    """A server started from a short-lived thread outlives the thread."""
    thread = threading.Thread(target=own.start)
    thread.start()
    thread.join()
    time.sleep(0.2)
    assert own.alive()


def runs(pid):
    """Whether a process runs; where nobody reaps orphans, an ended one stays visible as a zombie."""
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


OWNER = """
import sys, time
from pathlib import Path
from miners.queue.embedded import EmbeddedServer
server = EmbeddedServer(Path(sys.argv[1]))
server.start()
print(server.pid, server.url, flush=True)
time.sleep(60)
"""


def test_dies_with_its_owner(tmp_path):
    """When its owner is killed the server ends by itself, and the next one starts at once with all that was written."""
    owner = subprocess.Popen([sys.executable, "-c", OWNER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    with owner:
        pid, url = owner.stdout.readline().split()
        with connect(url) as client:
            client.set("kept", "yes")
        owner.kill()
    with EmbeddedServer(tmp_path) as successor:
        assert not runs(int(pid))
        with connect(successor.url) as client:
            assert client.get("kept") == "yes"


def test_orphan_is_named(tmp_path):
    """A server that outlived its owner keeps the folder, and the message says which process to stop."""
    lock = tmp_path / "server.lock"
    with EmbeddedServer(tmp_path) as server:
        gone = subprocess.Popen([sys.executable, "-c", ""])
        gone.wait()
        lock.write_text(json.dumps({"owner": gone.pid, "server": server.pid}))
        with pytest.raises(StoreUnavailableError, match=f"kill {server.pid}"):
            EmbeddedServer(tmp_path).start()


def test_no_program(tmp_path, monkeypatch):
    """A configured program that is not there is named, and the folder is free again."""
    monkeypatch.setenv("HUNGJURY_REDIS_BIN", "/nowhere/redis-server")
    with pytest.raises(StoreUnavailableError, match="HUNGJURY_REDIS_BIN is '/nowhere/redis-server'"):
        EmbeddedServer(tmp_path).start()
    monkeypatch.delenv("HUNGJURY_REDIS_BIN")
    with EmbeddedServer(tmp_path) as server:
        assert server.alive()


def test_port_in_use(tmp_path, own):
    """A fixed port that somebody else has is reported with the server's own words."""
    own.start()
    with pytest.raises(StoreUnavailableError, match="Address already in use"):
        EmbeddedServer(tmp_path / "other", port=own.port).start()
