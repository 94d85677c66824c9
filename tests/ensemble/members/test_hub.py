"""Where a language model comes from, and what is said within seconds where it cannot come from there."""

import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from huggingface_hub import constants

from ensemble.errors import ArtifactError
from ensemble.members import hub
from ensemble.members.hub import only_local
from ensemble.members.language_model import LanguageModel

pytestmark = pytest.mark.models


@pytest.fixture
def hub_at(monkeypatch, tmp_path):
    """Points the hub's library to an address, with an empty cache."""

    def point(address, cache=None):
        monkeypatch.setattr(constants, "ENDPOINT", address)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache or tmp_path / "cache"))
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)

    return point


def cached(folder, name, files):
    """Lays a model out as the hub's cache does."""
    owner, model = name.split("/")
    repo = folder / f"models--{owner}--{model}"
    snapshot = repo / "snapshots" / ("a" * 40)
    snapshot.mkdir(parents=True)
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text("a" * 40)
    for file in files:
        (snapshot / file.name).symlink_to(file)
    return folder


def test_a_folder_is_never_asked_for_at_the_hub(hub_at, tmp_path):
    """What is there needs no network."""
    hub_at("http://127.0.0.1:9")
    assert only_local(str(tmp_path))


@pytest.mark.parametrize("path", ["/no/such/folder", "./models/mine", "~/models/mine", "a/b/c", " "])
def test_a_path_that_is_not_there_is_no_id_of_the_hub(path):
    """What reads like a path is not looked for in the network."""
    with pytest.raises(ArtifactError, match=r"there is no folder .* leave it out"):
        only_local(path)


def test_a_hub_that_cannot_be_reached_is_told_at_once(hub_at):
    """The message names model, reason and remedy."""
    hub_at("http://127.0.0.1:9")
    started = time.monotonic()
    with pytest.raises(ArtifactError, match=r"'nobody/nothing'.*cannot be reached.*hf download nobody/nothing"):
        LanguageModel.load("nobody/nothing")
    assert time.monotonic() - started < 30


def test_a_hub_that_says_nothing_is_not_waited_for(hub_at, monkeypatch):
    """A connection that nobody answers counts as no network after a few seconds."""
    monkeypatch.setattr(hub, "REACH_SECONDS", 0.5)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        hub_at(f"http://127.0.0.1:{silent.getsockname()[1]}")
        started = time.monotonic()
        with pytest.raises(ArtifactError, match=r"within 0\.5 s|ReadTimeout"):
            only_local("nobody/nothing")
        assert time.monotonic() - started < 25


def test_a_cached_model_loads_without_the_hub(hub_at, tiny_folder, tmp_path):
    """A model that was downloaded before is loaded from the cache where the hub is not there."""
    files = [path for path in tiny_folder.iterdir() if path.is_file()]
    hub_at("http://127.0.0.1:9", cached(tmp_path / "hub", "some/tiny", files))
    assert only_local("some/tiny")
    model = LanguageModel.load("some/tiny", device="cpu", threads=1)
    assert model.depth > 0


def test_a_hub_that_answers_is_left_to_its_library(hub_at):
    """With network nothing changes: whatever the hub says of the model is for its library to read."""
    server = HTTPServer(("127.0.0.1", 0), _NotFound)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        hub_at(f"http://127.0.0.1:{server.server_address[1]}")
        assert not only_local("some/model")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _NotFound(BaseHTTPRequestHandler):
    def do_HEAD(self):
        self.send_response(404)
        self.end_headers()

    def log_message(self, *_):
        """Keeps the test's output clean."""
