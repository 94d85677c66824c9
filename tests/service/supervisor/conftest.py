"""Services over one quickly fitted member."""

import shutil
import tempfile
from pathlib import Path

import pytest
from keyword_service import Service, fitted_artifacts


@pytest.fixture(scope="session")
def artifacts(session_home):
    """A fitted member, made once."""
    return fitted_artifacts(session_home / "keyword-only")


@pytest.fixture(scope="session")
def make_service(artifacts, free_port):
    """Makes services; whatever still runs at the end is stopped."""
    made, folder = [], Path(tempfile.mkdtemp(prefix="hj-test-"))

    def make(port=None):
        place = folder / str(len(made))
        place.mkdir()
        service = Service(place, port or free_port())
        service.prepare(artifacts)
        made.append(service)
        return service

    yield make
    for service in made:
        service.call("down")
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def service(make_service):
    """A running service for all tests that leave it running."""
    service = make_service()
    service.state = service.up()
    return service
