"""The service as a whole: starting, keeping itself alive, stopping, being killed."""

import contextlib
import json
import os
import random
import re
import signal
import socket
import stat
import time
from collections import Counter
from pathlib import Path

import httpx
import psutil
import pytest

pytestmark = pytest.mark.service

KILLS = 4
"""Ray restarts an actor three times by itself; the fourth death is final."""


def test_it_is_ready_when_up_returns(service):
    """`up` returns once HTTP answers and members score; the state says where everything is."""
    assert httpx.get(f"{service.url}/readyz").status_code == 200
    status = json.loads(service.call("status", "--json").stdout)
    assert status["running"] is True
    assert status["url"] == service.url == service.state["url"]
    assert [(member["name"], member["answering"]) for member in status["members"]] == [("keyword", True)]
    assert status["queue"]["dead"] == 0
    shown = service.call("status")
    assert shown.returncode == 0
    assert f"{service.url}/label" in shown.stdout


def test_a_second_up_finds_it_running(service):
    """Starting twice is harmless and says so."""
    again = service.call("up")
    assert again.returncode == 0
    assert "runs already" in again.stderr
    assert service.url in again.stdout


def test_a_taken_port_is_named(service, make_service):
    """A second service on the same port fails at once, naming the port and the variable, and leaves nothing behind."""
    second = make_service(port=service.port)
    failed = second.call("up")
    assert failed.returncode == 1
    assert f"127.0.0.1:{service.port}" in failed.stderr
    assert "HUNGJURY_PORT" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert not (second.home / "run" / "state.json").exists()


def test_the_dashboard_asks_for_its_token(service):
    """Without the token in the state directory the dashboard's data stays closed."""
    url, token = service.state["ray"]["dashboard_url"], Path(service.state["ray"]["token_path"])
    assert url.startswith("http://127.0.0.1:")
    assert token.is_relative_to(service.home)
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    assert httpx.get(f"{url}/api/cluster_status").status_code == 401
    headers = {"Authorization": f"Bearer {token.read_text()}"}
    assert httpx.get(f"{url}/api/cluster_status", headers=headers).status_code == 200


def test_no_secret_stands_on_a_command_line(service):
    """Neither the store's password nor a key or token is an argument of any process."""
    secrets = [
        re.search(r":([^@]+)@", (service.home / "run" / "redis_url").read_text())[1],
        (service.home / "run" / "local_key").read_text(),
        (service.home / "run" / "ray_token").read_text(),
    ]
    lines = []
    for process in [service.process, *service.family()]:
        with contextlib.suppress(psutil.NoSuchProcess):  # a worker that ended meanwhile
            lines.append(" ".join(process.cmdline()))
    assert len(lines) > 5
    assert [line for line in lines if any(secret in line for secret in secrets)] == []


def test_only_loopback_and_serves_guarded_port_listen(service):
    """Everything listens on the loopback address, except Serve's replicas, whose port asks for the token."""
    open_to_all = []
    for process in [service.process, *service.family()]:
        with contextlib.suppress(psutil.NoSuchProcess):  # a worker that ended meanwhile
            for one in process.net_connections(kind="tcp"):
                loopback = one.laddr.ip in {"127.0.0.1", "::1", "::ffff:127.0.0.1"}
                if one.status == psutil.CONN_LISTEN and not loopback:
                    open_to_all.append(process.name())
    assert [name for name in open_to_all if not name.startswith("ray::ServeRepli")] == []


def test_whoever_answers_runs_at_normal_priority(service):
    """Processes that serve are no background jobs: beside other work of the machine they get their part of it."""
    serving = [process for process in service.family() if process.name().startswith("ray::ServeRepli")]
    assert len(serving) >= 2
    assert {process.nice() for process in serving} == {psutil.Process().nice()}


def test_the_store_comes_back_by_itself(service, wait_until):
    """The store killed: back within a second or so, with what was acknowledged."""
    made = json.loads(service.call("key", "create", "--role", "label", "--name", "kept", "--json").stdout)
    server = next(child for child in service.family() if "valkey-server" in child.name())
    server.kill()
    wait_until(lambda: made["id"] in service.call("key", "list").stdout, seconds=10)
    wait_until(lambda: httpx.get(f"{service.url}/readyz").status_code == 200, seconds=10)


def test_a_killed_miner_is_replaced_and_goes_on(service, tmp_path):
    """The miner killed more often than Ray restarts it: the campaign ends all the same, nothing queued twice."""
    corpus = tmp_path / "corpus.jsonl"
    rng = random.Random(0)  # long texts of many different words: slow to score, and no two alike
    words = ["".join(rng.choices("bdfgklmnprstvaeiou", k=6)) for _ in range(2000)]
    texts = [" ".join(rng.sample(words, 40)) for _ in range(640)]
    corpus.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    mining = service.start("mine", "--input", corpus, "--name", "killed", "--budget", 640, "--queue", 40, "--json")
    killed = _kill_again_and_again(service.home / "run" / "campaigns", mining)
    out, err = mining.communicate(timeout=480)
    assert mining.returncode == 0, err
    summary = json.loads(out)
    items = [json.loads(line) for line in service.call("export").stdout.splitlines()]
    queued = Counter(item["new"]["text"] for item in items if item["new"]["provenance"]["campaign"] == "killed")
    assert summary["queued"] == sum(queued.values()) == 40
    assert set(queued.values()) == {1}
    assert len(killed) == KILLS
    assert _news(service.home / "run" / "campaigns")["replaced"] >= 1
    print(f"{len(killed)} miners killed: {summary['scored']} scored, {len(queued)} queued, {summary['rounds']} rounds")


def test_a_campaign_is_stopped_from_another_terminal_and_resumed(service, tmp_path, wait_until):
    """Stopped, its own terminal ends with what is done; resumed by name, it goes on to the end without settings."""
    corpus = tmp_path / "corpus.jsonl"
    rng = random.Random(1)
    words = ["".join(rng.choices("bdfgklmnprstvaeiou", k=6)) for _ in range(2000)]
    corpus.write_text("".join(json.dumps({"text": " ".join(rng.sample(words, 40))}) + "\n" for _ in range(500)))
    mining = service.start("mine", "--input", corpus, "--name", "paused", "--budget", 500, "--queue", 30, "--json")
    folder = service.home / "run" / "campaigns"
    wait_until(lambda: (_news(folder, "paused") or {}).get("progress"), seconds=120)
    told = json.loads(service.call("campaigns", "stop", "paused", "--json").stdout)
    assert (told["was"], told["stopping"]) == ("running", True)
    out, err = mining.communicate(timeout=120)
    assert mining.returncode == 0, err
    stopped = json.loads(out)
    assert stopped["ended"] == "stopped"
    assert 0 < stopped["scored"] < 500
    shown = service.call("campaigns", "show", "paused")
    assert shown.stdout.startswith("paused: stopped"), shown.stderr
    resumed = service.call("campaigns", "resume", "paused", "--json")
    assert resumed.returncode == 0, resumed.stderr
    summary = json.loads(resumed.stdout)
    assert summary["ended"] in {"queue full", "budget spent"}
    assert summary["scored"] + summary["near_duplicates"] == 500
    (listed,) = [each for each in json.loads(service.call("campaigns", "--json").stdout) if each["name"] == "paused"]
    assert (listed["state"], listed["queued"]) == ("finished", 30)


def _kill_again_and_again(folder, mining):
    """Kills each miner once it has got something done; the processes killed."""
    killed, done = [], 0
    while len(killed) < KILLS and mining.poll() is None:
        news = _news(folder) or {"pid": None}
        if news["pid"] not in {None, *killed} and news["progress"]["tally"]["scored"] > done:
            done = news["progress"]["tally"]["scored"]
            os.kill(news["pid"], signal.SIGKILL)
            killed.append(news["pid"])
        time.sleep(0.1)
    return killed


def _news(folder, name="killed"):
    for path in folder.glob("*.json"):
        found = json.loads(path.read_text())
        if found.get("progress") and found["progress"]["campaign"] == name:
            return found
    return None


def test_a_service_beside_it_is_killed_comes_back_and_ends(service, make_service, wait_until):
    """Two state directories run side by side. One killed with -9 takes all its processes along, and only them.

    It starts again at once; after `down` no process is left, the port is free, and the state is gone.
    """
    second = make_service()
    second.up()
    assert httpx.get(f"{second.url}/readyz").status_code == 200
    assert httpx.get(f"{service.url}/readyz").status_code == 200
    time.sleep(1.5)  # the reaper notes descendants every second
    killed = [second.process, *second.family()]
    killed[0].kill()
    began = time.monotonic()
    second.up()
    wait_until(lambda: not any(map(_lives, killed)), seconds=60)
    print(f"{len(killed)} processes gone and another service ready after {time.monotonic() - began:.1f} s")
    assert httpx.get(f"{service.url}/readyz").status_code == 200
    _end(second)


def _end(second):
    family = [second.process, *second.family()]
    assert second.call("down").returncode == 0
    assert not (second.home / "run" / "state.json").exists()
    assert not (second.home / "run" / "redis_url").exists()
    psutil.wait_procs(family, timeout=10)
    assert not any(map(_lives, family))
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", second.port))
    assert "no service" in second.call("down").stdout


def _lives(process):
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False
