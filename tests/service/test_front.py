"""HAProxy as Ray Serve configures it, closed by the guard: the real program before a small server on the loopback."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import stat
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
import pytest

from service.front import error_response, front_environment, haproxy_binary, write_guard
from service.haproxy_guard import GuardError, rewrite
from service.profile import FAST

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or haproxy_binary() is None, reason="HAProxy is packaged for Linux alone"
)

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


@pytest.fixture(scope="module")
def front(free_port) -> Iterator[Front]:
    """One HAProxy for the tests that leave it running."""
    with running(free_port()) as found:
        yield found


def test_only_the_callers_port_listens(front):
    """Neither statistics nor Prometheus page: one port, on the address that was said, and that process is HAProxy."""
    listening = [one.laddr for one in front.process.net_connections("tcp") if one.status == psutil.CONN_LISTEN]
    assert [(at.ip, at.port) for at in listening] == [("127.0.0.1", front.port)]
    assert front.process.name() == "haproxy"


def test_the_control_socket_is_private(front):
    """Only this user reaches the socket by which HAProxy is controlled, and the folder around it."""
    assert stat.S_IMODE((front.folder / "a.sock").stat().st_mode) == 0o600
    assert stat.S_IMODE(front.folder.stat().st_mode) == 0o700


def test_what_the_service_says_passes(front):
    """Answers and errors of the service itself, known by being JSON, are passed on as they are."""
    assert front.ask("/fine")[::2] == (200, {"ours": True})
    assert front.ask("/ours")[::2] == (500, {"ours": True})


@pytest.mark.parametrize(("serves", "ours", "code"), [(500, 503, "unavailable"), (503, 503, "unavailable"),
                                                     (504, 503, "unavailable"), (408, 503, "unavailable"),
                                                     (400, 400, "bad_request")])  # fmt: skip
def test_serves_own_errors_get_the_one_shape(front, serves, ours, code):
    """Plain text from Serve's replicas becomes an error of the one shape, with Retry-After where it is a 503."""
    status, headers, body = front.ask(f"/{serves}")
    assert status == ours
    assert body["error"]["code"] == code
    assert set(body["error"]) == {"code", "message"}
    assert headers["content-type"] == "application/json"
    assert ("retry-after" in headers) == (ours == 503)


def test_what_is_no_http_goes_no_further(front):
    """Garbage is answered with 400 before any process of the service sees it, and the connection ends."""
    with socket.create_connection(("127.0.0.1", front.port), timeout=10) as raw:
        raw.sendall(b"GARBAGE\r\n\r\n")
        said = b"".join(iter(lambda: raw.recv(4096), b""))
    assert said.startswith(b"HTTP/1.1 400 ")


def test_a_request_whose_process_dies_is_sent_to_another(free_port):
    """Also on a connection that was used before: the process ends before it answers, the next one answers instead."""
    with running(free_port()) as front, contextlib.closing(front.connect()) as connection:
        assert exchange(connection, "/", b"{}")[2]["by"] == "one"
        front.one.dies = True
        front.one.server_close()  # nobody listens there any more, as after a kill
        status, _, body = exchange(connection, "/", b"x" * 50_000)
        assert (status, body) == (200, {"by": "two", "bytes": 50_000})


def test_without_any_process_callers_are_told_to_come_back(free_port):
    """Nobody behind it: 503 with Retry-After in the one shape, within seconds."""
    with running(free_port()) as front:
        for server in (front.one, front.two):
            server.dies = True
            server.server_close()
        status, headers, body = front.ask("/", b"{}")
        assert (status, body["error"]["code"]) == (503, "unavailable")
        assert headers["retry-after"] == "2"


def test_before_the_application_is_there_callers_are_told_to_come_back(free_port):
    """While Serve has no application yet, what it would answer with a text and 404 is a 503 of ours."""
    with running(free_port(), application=False) as front:
        status, headers, body = front.ask("/v1/score", b"{}")
        assert (status, body["error"]["code"], headers["retry-after"]) == (503, "unavailable", "2")


@pytest.mark.parametrize(
    "added",
    ["listen other\n  bind *:8405\n", "frontend more\n    bind :9000\n", "backend x\n    bind :1\n"],
)
def test_an_unknown_listener_is_refused(added):
    """A configuration that opens what is not known here does not start."""
    known = "global\n    stats socket /x mode 666 level admin\nfrontend http_frontend\n    bind :80\n"
    assert "mode 600" in rewrite(known, bind=None, errors={})
    with pytest.raises(GuardError, match="not expected"):
        rewrite(known + added, bind=None, errors={})


@pytest.mark.parametrize(
    "config", ["", "global\n    stats socket /x level admin\nfrontend http_frontend\n    bind :80\n"]
)
def test_another_shape_is_refused(config):
    """Where the control socket cannot be closed, because Serve writes it otherwise, HAProxy does not start."""
    with pytest.raises(GuardError, match="another shape"):
        rewrite(config, bind=None, errors={})


def test_rewriting_twice_changes_nothing():
    """A configuration that was closed before is taken as it is."""
    known = "global\n    stats socket /x mode 666 level admin\nfrontend http_frontend\n    bind :80\n"
    once = rewrite(known, bind="127.0.0.1:80", errors={"503": "/e"})
    assert rewrite(once, bind="127.0.0.1:80", errors={"503": "/e"}) == once


def test_a_refused_configuration_says_what_to_do(tmp_path):
    """The launcher ends with one line that names the setting to change."""
    config = tmp_path / "haproxy.cfg"
    config.write_text("nothing\n")
    launcher = write_guard(tmp_path / "h", Path(sys.executable), None)
    done = subprocess.run([launcher, "-f", config], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "server.profile: plain" in done.stderr
    assert "Traceback" not in done.stderr


def test_two_services_get_different_ports():
    """Ports for the ingress processes and for Serve's own proxy are free and not those of the service beside it."""
    blocks = []
    with contextlib.ExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="hjf-", dir="/tmp")))
        for name in ("a", "b"):
            found = front_environment(folder / name, Path(sys.executable), bind=None, timeout_seconds=1)
            first, last = (int(found[f"RAY_SERVE_DIRECT_INGRESS_{end}_HTTP_PORT"]) for end in ("MIN", "MAX"))
            blocks.append({int(found["RAY_SERVE_FALLBACK_PROXY_HTTP_PORT"]), *range(first, last)})
            server = held.enter_context(socket.socket())
            server.bind(("127.0.0.1", first))
            server.listen()
    assert all(len(block) > 100 for block in blocks)
    assert blocks[0] & blocks[1] == set()


@pytest.mark.parametrize("status", [400, 408, 500, 502, 503, 504])
def test_an_error_file_is_a_whole_response(status):
    """Length and body agree, and a 503 says when to come back."""
    head, _, body = error_response(status).partition(b"\r\n\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
    assert set(json.loads(body)["error"]) == {"code", "message"}
    assert (b" 503 " in head) == (b"Retry-After: 2" in head)


def test_the_exports_for_a_cluster_can_be_evaluated(tmp_path_factory):
    """What `python -m service.profile` prints sets the guard for a shell; a folder too deep for sockets is refused."""
    with tempfile.TemporaryDirectory(prefix="hjf-", dir="/tmp") as folder:
        script = f'eval "$({sys.executable} -m service.profile {folder}/h)"; echo "$RAY_SERVE_HAPROXY_BINARY_PATH"'
        said = subprocess.run(["bash", "-euc", script], capture_output=True, text=True, check=True)
        launcher = Path(said.stdout.strip())
        assert launcher.parent == Path(folder) / "h"
        version = subprocess.run([launcher, "-v"], capture_output=True, text=True, check=True)
        assert version.stdout.startswith("HAProxy version")
    deep = tmp_path_factory.mktemp("a-folder-with-a-long-name")
    refused = subprocess.run(
        [sys.executable, "-m", "service.profile", deep], capture_output=True, text=True, check=False
    )
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "30 characters" in refused.stderr
