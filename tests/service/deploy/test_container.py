"""The Dockerfile: what it copies is there and enough, what it starts exists, and it does not run as root."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import threading
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

Instructions = list[tuple[str, str]]


@pytest.fixture(scope="module")
def dockerfile(root: Path) -> Instructions:
    """The instructions of deploy/Dockerfile, as (name, arguments) with lines joined."""
    return _instructions((root / "deploy/Dockerfile").read_text())


def test_everything_copied_is_there_and_reaches_the_builder(root: Path, dockerfile: Instructions):
    """Every COPY source exists and is not held back by the ignore file."""
    ignore = (root / "deploy/Dockerfile.dockerignore").read_text().splitlines()
    allowed = {line[1:] for line in ignore if line.startswith("!")}
    sources = [source for _, source in _copies(dockerfile)]
    assert [source for source in sources if not (root / source).exists()] == []
    assert allowed == set(sources), "the ignore file lets through exactly what is copied"
    assert ignore[1] == "*", "everything else stays out"
    assert not any(fnmatch(".venv", pattern) for pattern in allowed)


def test_what_is_copied_is_enough_to_build_the_package(root: Path, dockerfile: Instructions, tmp_path: Path):
    """The image's build context has all that the package's build reads."""
    for _, source in _copies(dockerfile):
        copy: Callable[..., object] = shutil.copytree if (root / source).is_dir() else shutil.copy
        copy(root / source, tmp_path / source)
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr


def test_it_installs_the_exact_versions(dockerfile: Instructions):
    """The image gets the versions of constraints.txt."""
    (install,) = [arguments for name, arguments in dockerfile if name == "RUN" and "pip install" in arguments]
    assert "-c constraints.txt ." in install


def test_it_does_not_run_as_root(dockerfile: Instructions):
    """The user is an ordinary one, made in the image, and owns the state directory."""
    names = [name for name, _ in dockerfile]
    (user,) = [arguments for name, arguments in dockerfile if name == "USER"]
    assert user not in {"root", "0"}
    assert names.index("USER") < names.index("ENTRYPOINT")
    assert any(name == "RUN" and f"install -d -o {user}" in arguments for name, arguments in dockerfile)


def test_state_is_kept_in_the_volume(dockerfile: Instructions):
    """HUNGJURY_HOME is the volume, so that answers outlive the container."""
    environment = dict(re.findall(r"(\w+)=(\S*)", _only(dockerfile, "ENV")))
    assert environment["HUNGJURY_HOME"] == _only(dockerfile, "VOLUME")
    assert environment["HUNGJURY_PORT"] == _only(dockerfile, "EXPOSE")


def test_it_starts_a_command_that_exists(root: Path, dockerfile: Instructions):
    """Entry point and arguments are the project's own command and accepted by it."""
    (command,) = json.loads(_only(dockerfile, "ENTRYPOINT"))
    scripts = tomllib.loads((root / "pyproject.toml").read_text())["project"]["scripts"]
    verb, *options = json.loads(_only(dockerfile, "CMD"))
    shown = subprocess.run(
        [Path(sys.executable).with_name(command), verb, "--help"],
        capture_output=True,
        text=True,
        check=True,
        env={"COLUMNS": "200"},
    )
    assert command in scripts
    assert [option for option in options if option not in shown.stdout] == []


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False)])
def test_the_health_check_asks_whether_it_is_ready(dockerfile: Instructions, status: int, healthy: bool):
    """The health check passes when /readyz answers 200, and fails when it does not."""
    interpreter, *arguments = json.loads(_only(dockerfile, "HEALTHCHECK").split("CMD", 1)[1])
    assert interpreter == "python"
    with _answering(status) as (port, asked):
        there = [argument.replace("127.0.0.1:8000", f"127.0.0.1:{port}") for argument in arguments]
        done = subprocess.run([sys.executable, *there], capture_output=True, check=False)
    assert asked == ["/readyz"]
    assert (done.returncode == 0) is healthy


def test_the_small_parser_joins_lines_and_drops_comments():
    """The parser used here reads continuation lines and comments as Docker does."""
    assert _instructions("# c\nRUN a \\\n    # inside\n    && b\n\nUSER u\n") == [("RUN", "a && b"), ("USER", "u")]


def _instructions(text: str) -> Instructions:
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]
    joined = re.sub(r"\s*\\\n", " ", "\n".join(lines))
    pairs = [line.split(maxsplit=1) for line in joined.splitlines()]
    return [(name.upper(), arguments) for name, arguments in pairs]


def _copies(dockerfile: Instructions) -> list[tuple[str, str]]:
    """(destination, source) of every file or folder that is copied."""
    words = [arguments.split() for name, arguments in dockerfile if name in {"COPY", "ADD"}]
    return [(destination, source) for *sources, destination in words for source in sources]


def _only(dockerfile: Instructions, name: str) -> str:
    (arguments,) = [arguments for found, arguments in dockerfile if found == name]
    return arguments


@contextmanager
def _answering(status: int) -> Iterator[tuple[int, list[str]]]:
    """A web server on a free port of the loopback that answers every GET with `status`, and the paths asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_address[1], asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
