"""Stands between Ray Serve and HAProxy: closes what Serve's configuration opens, then becomes HAProxy.

Serve writes HAProxy's configuration itself and has no setting for what matters here: its statistics and its Prometheus
page listen on all addresses and ask for nothing, the socket that controls it is open to every user, and its own errors
are plain text under status 500. So `RAY_SERVE_HAPROXY_BINARY_PATH` names a launcher (see `service.front`) that runs
this file: it rewrites the configuration in place, before every start and reload, and hands the process over to HAProxy
by exec, so that Serve finds the process number that it expects. What is left open and is not known here is refused.

Runs as a script without the project's packages, so it uses the standard library alone:
`python -I -S haproxy_guard.py SETTINGS [arguments of HAProxy]`.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

FRONTEND = "frontend http_frontend"
"""The section that listens for the service's callers."""

DROPPED = ("frontend prometheus", "listen stats")
"""Sections that show statistics to whoever can reach them; Serve itself asks by the control socket."""

HEADER_SECONDS = 30
"""A caller who has not sent the headers by then is let go."""

_NOT_OURS = "!{ res.hdr(content-type) -m beg application/json }"
"""The service's own errors are JSON; everything else that is an error comes from Serve."""

_CALLERS = (
    # Only a request that is there as a whole can be sent again to another process; slow senders wait here, not there.
    "    option http-buffer-request",
    "    option forwardfor",  # adds the caller's address behind whatever the caller says there, see `service.callers`
    "    option http-ignore-probes",  # browsers connect ahead; one that never asks is let go without a word
    f"    http-response return status 503 default-errorfiles if {{ status ge 500 }} {_NOT_OURS}",
    f"    http-response return status 503 default-errorfiles if {{ status 408 }} {_NOT_OURS}",
    f"    http-response return status 400 default-errorfiles if {{ status 400 }} {_NOT_OURS}",
)


class GuardError(Exception):
    """The configuration is not one that this file knows how to close."""


def rewrite(config: str, *, bind: str | None, errors: Mapping[str, str]) -> str:
    """The configuration, closed.

    Args:
        config: as Serve 2.60 writes it.
        bind: "address:port" to listen on instead of Serve's own; None leaves it.
        errors: status -> file with the whole response, for errors that HAProxy makes itself.

    Raises:
        GuardError: something in it listens that is not known here, or what must be closed is not found.
    """
    if re.search(r"(?m)^ +http-response return ", config):  # rewritten already
        return config
    lines: list[str] = []
    for header, body in _sections(config.splitlines()):
        if header not in DROPPED:
            lines += [header, *_closed(header, body, bind, errors)]
    _check(lines)
    return "\n".join(lines) + "\n"


def _sections(lines: Iterable[str]) -> Iterator[tuple[str, list[str]]]:
    """Section headers, which stand at the beginning of a line, with the lines below them."""
    header, body = "", list[str]()
    for line in lines:
        if line and not line[0].isspace():
            if header:
                yield header, body
            header, body = line.rstrip(), []
        elif line.strip():
            body.append(line)
    if header:
        yield header, body


def _closed(header: str, body: list[str], bind: str | None, errors: Mapping[str, str]) -> list[str]:
    if header == "global":
        # Without `log` nothing is sent to whoever listens on the syslog port.
        lines = [line for line in body if not line.strip().startswith("log ")]
        return [re.sub(r"^( *stats socket .*) mode \d+ ", r"\1 mode 600 ", line) for line in lines]
    if header == "defaults":
        kept = [line for line in body if not line.strip().startswith(("errorfile ", "timeout http-request "))]
        own = [f"    errorfile {status} {path}" for status, path in sorted(errors.items())]
        return [*kept, f"    timeout http-request {HEADER_SECONDS}s", *own]
    if header == FRONTEND:
        lines = [f"    bind {bind}" if bind and line.strip().startswith("bind ") else line for line in body]
        return [*lines, *_CALLERS]
    if header == "backend default_backend":
        return ["    http-request return status 503 default-errorfiles"]
    return body


def _check(lines: Iterable[str]) -> None:
    section, sockets, frontends = "", 0, 0
    for line in lines:
        words = line.split()
        section = line if not line[0].isspace() else section
        if words[0] == "bind" and section not in {FRONTEND, "frontend grpc_frontend"}:
            raise GuardError(f"{section!r} listens ({line.strip()}), which is not expected")
        if words[:2] == ["stats", "socket"]:
            sockets += " mode 600 " in f"{line} "
        frontends += line == FRONTEND
    if (sockets, frontends) != (1, 1):
        raise GuardError("it has another shape than that of Ray Serve 2.60")


def main(arguments: list[str]) -> None:
    """Rewrites the file after `-f` and becomes HAProxy."""
    settings = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
    rest = arguments[1:]
    if "-f" in rest:
        path = Path(rest[rest.index("-f") + 1])
        try:
            closed = rewrite(path.read_text(encoding="utf-8"), bind=settings["bind"], errors=settings["errors"])
        except GuardError as error:
            sys.exit(f"{path} is refused: {error}; say `server.profile: plain`")
        path.write_text(closed, encoding="utf-8")
    os.umask(0o077)
    os.execv(settings["binary"], [settings["binary"], *rest])  # noqa: S606 - no shell, and the path is our own


if __name__ == "__main__":
    main(sys.argv[1:])
