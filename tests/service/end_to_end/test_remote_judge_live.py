"""The whole service with a judge behind an endpoint that comes and goes: verdicts degrade, the service stays."""

import itertools
import json
import os
import subprocess
import sys
import time

import httpx
import pytest
import tiny_artifact
from endpoint import running_endpoint

from ensemble.artifacts import use
from ensemble.members.specs import JudgeSpec

pytestmark = pytest.mark.service

KEY = "local-test-key-0123456789"
PRICES = {"price_per_million_input": 1000.0, "price_per_million_output": 1000.0}
CONFIG = "members:\n  encoder: {num_cpus: 0.1}\nray: {num_cpus: 2, dashboard: false}\n"


class Service:
    """A service of one state directory with a small artifact."""

    def __init__(self, home, port):
        self.home, self.url = home, f"http://127.0.0.1:{port}"
        own = {"HUNGJURY_HOME": str(home), "HUNGJURY_PORT": str(port), "JUDGE_TEST_KEY": KEY}
        self.environment = {**os.environ, **own}
        (home / "config.yaml").write_text(CONFIG)

    def call(self, *arguments):
        command = [sys.executable, "-m", "service.cli.main", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, timeout=400, check=False, env=self.environment)

    def verdict(self, text):
        """One verdict over HTTP."""
        headers = {"Authorization": f"Bearer {self.key}"}
        answer = httpx.post(f"{self.url}/v1/score", json={"inputs": [{"text": text}]}, headers=headers, timeout=60)
        assert answer.status_code == 200, answer.text
        return answer.json()["verdicts"][0]


@pytest.fixture
def service(tmp_path, monkeypatch, free_port):
    """A running service whose judge's endpoint is not there yet, and the endpoint's port."""
    home, port = tmp_path / "home", free_port()
    monkeypatch.setenv("HUNGJURY_HOME", str(home))
    judge = JudgeSpec(
        endpoint=f"http://127.0.0.1:{port}/v1",
        endpoint_model="tiny",
        api_key_env="JUDGE_TEST_KEY",
        retries=0,
        timeout_seconds=20.0,
        breaker_failures=2,
        breaker_seconds=0.5,
        **PRICES,
    )
    use(tiny_artifact.make(judge=judge))
    running = Service(home, free_port())
    try:
        up = running.call("up", "--config", home / "config.yaml")
        assert up.returncode == 0, up.stderr + (home / "logs" / "supervisor.log").read_text()[-3000:]
        running.key = json.loads(running.call("key", "create", "--role", "score", "--name", "t", "--json").stdout)[
            "key"
        ]
        yield running, port
    finally:
        running.call("down")


@pytest.mark.timeout(900)
def test_an_endpoint_that_fails_degrades_verdicts_and_never_the_service(service, wait_until):
    """Dead at the start: ready all the same. There: all members answer. Dead again: degraded and flagged."""
    running, port = service
    verdict = running.verdict("Rain fell.")
    assert (verdict["degraded"], verdict["decision"]) == (["judge"], "flag")
    with running_endpoint(port) as endpoint:
        texts = (f"He broke his arm {times} times." for times in itertools.count(2))  # no text twice: answers are kept
        wait_until(lambda: running.verdict(next(texts))["degraded"] == [], seconds=120, every=0.3)
        whole = running.verdict("Rain fell.")
        assert set(whole["members"]) == {"encoder", "keyword", "judge"}
        assert whole["decision"] == "pass"
        assert endpoint.seen[-1][1]["Authorization"] == f"Bearer {KEY}"
        endpoint.delay = 2.0
        asked = time.monotonic()
        assert running.verdict(next(texts))["degraded"] == []  # slow is not dead
        assert time.monotonic() - asked >= 2.0
    assert running.verdict("Rain fell.")["degraded"] == []  # its answer is known
    for _ in range(10):
        verdict = running.verdict(next(texts))
        assert (verdict["degraded"], verdict["decision"]) == (["judge"], "flag")
    assert httpx.get(f"{running.url}/readyz", timeout=10).status_code == 200
    status = running.call("status")
    assert "judge at its endpoint: " in status.stdout
    used = json.loads(running.call("status", "--json").stdout)["remote_judges"]["judge"]
    assert used["answered"] >= 3
    assert used["failed"] >= 2
    assert used["cost"] > 0
    logs = "".join(path.read_text(errors="replace") for path in (running.home / "logs").rglob("*") if path.is_file())
    assert KEY not in logs + status.stdout
