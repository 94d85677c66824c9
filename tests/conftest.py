"""What every test can rely on: a state directory of its own, an environment without surprises, and a few helpers."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

OUTSIDE = ("HUNGJURY_HOST", "HUNGJURY_PORT", "HUNGJURY_REDIS_URL", "RAY_ADDRESS")
"""Variables that would point a test at somebody's running service."""


PREPARING_SECONDS = 3600
"""What a test may take that has to prepare the real models first, on a busy machine with two cores."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whichever test comes first prepares the models for all, so each one that needs them has the time for it."""
    for item in items:
        if "prepared_home" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.timeout(PREPARING_SECONDS))


@pytest.fixture(scope="session")
def session_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One state directory for the whole run, for what is dear to make, such as prepared members."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session", autouse=True)
def _session_environment(session_home: Path) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in OUTSIDE:
            patch.delenv(name, raising=False)
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("HUNGJURY_HOME", str(session_home))
        yield


@pytest.fixture(autouse=True)
def _own_home(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Gives each test an empty state directory, unless `@pytest.mark.shared_home` keeps the session's."""
    if request.node.get_closest_marker("shared_home") is None:
        monkeypatch.setenv("HUNGJURY_HOME", str(tmp_path / "home"))


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's folder."""
    return ROOT


@pytest.fixture(scope="session")
def prepared_home(request: pytest.FixtureRequest) -> Path:
    """A state directory with the real models of task injury, kept in `.test-home` from one run to the next.

    The command prepares under a lock of its own, and returns at once where nothing has changed.
    """
    path, began = ROOT / ".test-home", time.monotonic()
    if not (path / "artifacts" / "injury" / "current.json").is_file():
        _tell(request, f"preparing the models in {path}; this takes minutes, once")
    command = [str(Path(sys.executable).with_name("hungjury")), "prepare"]
    environment = {**os.environ, "HUNGJURY_HOME": str(path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    _tell(request, f"models of task injury are prepared ({time.monotonic() - began:.0f} s)")
    return path


def _tell(request: pytest.FixtureRequest, line: str) -> None:
    """Prints past pytest's capture, for whoever waits."""
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        print(f"\n{line}", flush=True)


@pytest.fixture(scope="session")
def free_port() -> Callable[[], int]:
    """A function that names a TCP port of the loopback that nobody listens on."""
    return _free_port


@pytest.fixture(scope="session")
def wait_until() -> Callable[..., None]:
    """A function that waits until a condition holds: `wait_until(lambda: ..., seconds=10)`, else AssertionError."""
    return _wait_until


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until(condition: Callable[[], object], *, seconds: float = 10.0, every: float = 0.05) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"still not so after {seconds:g} s")
        time.sleep(every)
