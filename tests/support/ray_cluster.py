"""A Ray cluster of one node, as an operator starts it with the variables of the runbook."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

BIN = Path(sys.executable).parent
RUNBOOK = Path(__file__).resolve().parents[2] / "deploy" / "README.md"
MIB = 1024 * 1024


@dataclass(frozen=True)
class Cluster:
    """A Ray cluster of one node, and the environment that its programs need.

    Attributes:
        address: of its control service, host:port.
        dashboard: address of its dashboard.
        environment: the runbook's variables, the caller's and Ray's token.
        log: what `ray start` printed.
    """

    address: str
    dashboard: str
    environment: dict[str, str]
    log: Path


@contextlib.contextmanager
def running_cluster(variables: Mapping[str, str], free_port: Callable[[], int], log: Path) -> Iterator[Cluster]:
    """A cluster made by `ray start` with the runbook's variables, a token among them, and the caller's."""
    exports = dict(re.findall(r"^export (RAY_\w+)=(\S+)$", RUNBOOK.read_text(), re.MULTILINE))
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    environment = {**os.environ, **exports, **token, **variables}
    port, dashboard = free_port(), free_port()
    with (
        tempfile.TemporaryDirectory(prefix="hjt-", dir="/tmp", ignore_cleanup_errors=True) as folder,  # short: sockets
        log.open("w") as output,
    ):
        options = {
            "port": port,
            "node-ip-address": "127.0.0.1",
            "dashboard-host": "127.0.0.1",
            "dashboard-port": dashboard,
            "dashboard-agent-listen-port": free_port(),
            "ray-client-server-port": free_port(),
            "num-cpus": 2,
            "object-store-memory": 80 * MIB,
            "temp-dir": folder,
        }
        command = [BIN / "ray", "start", "--head", "--block", *(f"--{name}={value}" for name, value in options.items())]
        head = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
        try:
            yield Cluster(f"127.0.0.1:{port}", f"http://127.0.0.1:{dashboard}", environment, log)
        finally:
            head.send_signal(signal.SIGTERM)
            head.wait(60)
