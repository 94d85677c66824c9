"""HAProxy as Ray Serve configures and starts it, before two small servers in the place of ingress processes."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil

from service.front import front_environment, haproxy_binary
from service.profile import FAST

CONFIGURE = """
import os, sys
from ray.serve._private.haproxy import BackendConfig, HAProxyApi, HAProxyConfig, ServerConfig
from ray.serve.config import HTTPOptions
folder, port, server, spare = sys.argv[1], *map(int, sys.argv[2:])
options = HTTPOptions(host="127.0.0.1", port=port, keep_alive_timeout_s=30)
cfg = HAProxyConfig(http_options=options, socket_path=f"{folder}/a.sock", is_head=True)
api = HAProxyApi(cfg, config_file_path=f"{folder}/haproxy.cfg")
if server:
    target, fallback = (ServerConfig(name, "127.0.0.1", at, None) for name, at in (("one", server), ("two", spare)))
    backend = BackendConfig(name="app", path_prefix="/", servers=[target], app_name="app", fallback_server=fallback)
    api.set_backend_configs({"app": backend})
api._generate_config_file_internal()
"""
"""Has Ray Serve itself write the configuration, with what the variables of the profile say; no Ray runs for it."""


class Handler(BaseHTTPRequestHandler):
    """Answers as the path says."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        """Serve's health check, the plain errors of Serve's replicas, and an error of ours."""
        kind, status = ("text/plain", int(self.path[1:])) if self.path[1:].isdigit() else ("application/json", 200)
        if self.path == "/ours":
            status = 500
        if self.path == "/forwarded":
            forwarded = ", ".join(self.headers.get_all("X-Forwarded-For", []))
            self._say(200, kind, json.dumps({"forwarded": forwarded}).encode())
            return
        self._say(status, kind, b'{"ours": true}')

    def do_POST(self):
        """Takes the body and dies where it is told to."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.server.dies:
            self.close_connection = True
            time.sleep(0.1)  # as a process does that was at work
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self._say(200, "application/json", json.dumps({"by": self.server.label, "bytes": len(body)}).encode())

    def _say(self, status, kind, body):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        with contextlib.suppress(ConnectionError):  # a health check goes as soon as it knows the status
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, *_):
        """Says nothing."""


@contextlib.contextmanager
def answering(label: str) -> Iterator[ThreadingHTTPServer]:
    """A small server in the place of an ingress process."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.label, server.dies, server.daemon_threads = label, False, True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class Front:
    """A running HAProxy, its private folder, and the two servers behind it."""

    process: psutil.Process
    folder: Path
    port: int
    one: ThreadingHTTPServer
    two: ThreadingHTTPServer

    def connect(self) -> http.client.HTTPConnection:
        """A connection that is kept."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)

    def ask(self, path: str, body: bytes | None = None) -> tuple[int, dict[str, str], dict]:
        """Status, headers and JSON of one request on a connection of its own."""
        with contextlib.closing(self.connect()) as connection:
            return exchange(connection, path, body)


def exchange(connection: http.client.HTTPConnection, path: str, body: bytes | None = None):
    """Status, headers (names in small letters) and JSON of one request."""
    connection.request("GET" if body is None else "POST", path, body)
    answer = connection.getresponse()
    headers = {name.lower(): value for name, value in answer.getheaders()}
    return answer.status, headers, json.loads(answer.read())


@contextlib.contextmanager
def running(port: int, *, application: bool = True) -> Iterator[Front]:
    """HAProxy as Serve starts it: its configuration, our launcher."""
    with (
        tempfile.TemporaryDirectory(prefix="hjf-", dir="/tmp") as made,
        answering("one") as one,
        answering("two") as two,
    ):
        folder = Path(made) / "h"
        environment = {**os.environ, **FAST} | front_environment(
            folder, haproxy_binary(), bind=f"127.0.0.1:{port}", timeout_seconds=10
        )
        ports = [one.server_port, two.server_port] if application else [0, 0]
        command = [sys.executable, "-W", "ignore", "-c", CONFIGURE, str(folder), str(port), *map(str, ports)]
        subprocess.run(command, check=True, env=environment, capture_output=True, timeout=120)
        launched = [environment["RAY_SERVE_HAPROXY_BINARY_PATH"], "-db", "-f", str(folder / "haproxy.cfg")]
        with (folder / "log").open("w") as log, subprocess.Popen(launched, stdout=log, stderr=log) as process:
            try:
                await_listening(port, process, folder / "log")
                yield Front(psutil.Process(process.pid), folder, port, one, two)
            finally:
                process.send_signal(signal.SIGKILL)


def await_listening(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Waits until callers are let in."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise AssertionError(log.read_text())
