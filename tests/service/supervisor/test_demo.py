"""The demo, from its first line to Ctrl-C."""

import os
import re
import signal
import subprocess
import sys

import httpx
import pytest

pytestmark = pytest.mark.service


def test_the_demo_mines_stays_and_ends_with_ctrl_c(make_service, tmp_path):
    """It says each step, prints the queue and working addresses, stays, and ends cleanly with exit 0."""
    place = make_service()
    corpus = tmp_path / "corpus.csv"
    corpus.write_text("text\n" + "".join(f"Line {n} about the {n * 7} boats of harbour {n % 9}\n" for n in range(80)))
    command = [sys.executable, "-m", "service.cli.main", "demo", "--input", str(corpus)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=place.environment
    ) as demo:
        said = []
        for line in demo.stdout:
            said.append(line)
            if "Ctrl-C" in line:
                break
        told = "".join(said)
        assert "top of the queue" in told, told
        assert f"{place.url}/label" in told
        key = re.search(r"Authorization: Bearer (\S+)'", told)[1]
        scored = httpx.post(
            f"{place.url}/v1/score",
            json={"inputs": [{"text": "The wire opened his palm."}]},
            headers={"Authorization": f"Bearer {key}"},
        )
        assert scored.status_code == 200
        os.kill(demo.pid, signal.SIGINT)
        rest = demo.stdout.read()
        assert demo.wait(60) == 0, rest
    for step in ("queue store", "models", "Ray", "service: stopped", "wall time", "memory at the peak"):
        assert step in told + rest
    assert place.call("status").returncode == 1
