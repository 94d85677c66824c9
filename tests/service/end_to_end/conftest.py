"""One running service with the real members for all tests here."""

import shutil
import tempfile
import time
from pathlib import Path

import pytest
from live_service import LiveService


def pytest_collection_modifyitems(items):
    """Puts the tests of the running service behind all others, still in random order.

    One start serves them all, and nothing else has to share the machine with it.
    """
    items.sort(key=lambda item: "started" in getattr(item, "fixturenames", ()))


@pytest.fixture(scope="session")
def started(prepared_home, free_port):
    """The service, started once."""
    folder = Path(tempfile.mkdtemp(prefix="hj-test-"))
    service = LiveService(folder, prepared_home, free_port())
    began = time.monotonic()
    try:
        service.up()
        print(f"`hungjury up` took {time.monotonic() - began:.1f} s")
        yield service
    finally:
        service.down()
        shutil.rmtree(folder)


@pytest.fixture
def live(started, wait_until):
    """The service, up and ready to score with all its members."""
    if not started.ready():
        started.up()
    wait_until(started.ready, seconds=180, every=0.5)
    return started
