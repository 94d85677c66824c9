"""The whole service with the real members, started and spoken to as a person would: by command line and HTTP."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import psutil

from ensemble.tasks.task import load_task
from ensemble.text import LabelledText
from miners.queue.connect import Store

COMMAND = Path(sys.executable).with_name("hungjury")

CONFIG = """\
queue: {answers_per_item: 2}
mining: {round_size: 16, generation_tokens: 24}
"""
"""Two answers an item, and short rounds and texts, so that a small campaign shows all there is."""

STORE = "/valkey-server"
"""How the embedded store's program ends."""

UP_SECONDS = 600
"""Longest that starting may take on a busy machine."""


class LiveService:
    """One state directory with prepared models and the service that runs on it.

    Attributes:
        home: the state directory; its queue, keys and logs are its own, its models are those of `prepared`.
        url: where HTTP is answered.
    """

    def __init__(self, folder: Path, prepared: Path, port: int, *, config: str = CONFIG) -> None:
        """Lays the state directory out, with settings in YAML; nothing is started."""
        self.home, self.port, self.url = folder / "home", port, f"http://127.0.0.1:{port}"
        self.home.mkdir()
        for kept in ("models", "artifacts"):
            (self.home / kept).symlink_to(prepared / kept)
        self.config = folder / "config.yaml"
        self.config.write_text(config)
        self.environment = {**os.environ, "HUNGJURY_HOME": str(self.home), "HUNGJURY_PORT": str(port)}

    def call(self, *arguments: object, timeout: float = UP_SECONDS) -> subprocess.CompletedProcess[str]:
        """Runs a command line for it to its end."""
        command = [str(COMMAND), *map(str, arguments)]
        return subprocess.run(
            command, capture_output=True, text=True, timeout=timeout, check=False, env=self.environment
        )

    def json(self, *arguments: object) -> Any:
        """What a command that succeeds prints with `--json`."""
        done = self.call(*arguments, "--json")
        assert done.returncode == 0, f"{arguments}: {done.stderr}"
        return json.loads(done.stdout)

    def start(self, *arguments: object) -> subprocess.Popen[str]:
        """Runs a command line for it without waiting."""
        command = [str(COMMAND), *map(str, arguments)]
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self.environment
        )

    def up(self) -> None:
        """Starts it unless it runs; returns once it is ready."""
        done = self.call("up", "--config", self.config)
        log = self.home / "logs" / "supervisor.log"
        assert done.returncode == 0, done.stderr + (log.read_text()[-4000:] if log.is_file() else "")

    def down(self) -> None:
        """Stops it if it runs."""
        done = self.call("down", timeout=180)
        assert done.returncode == 0, done.stderr

    @property
    def state(self) -> dict[str, Any]:
        """What it tells other programs of itself."""
        found: dict[str, Any] = json.loads((self.home / "run" / "state.json").read_text())
        return found

    def family(self) -> list[psutil.Process]:
        """All of its processes, its own first."""
        process = psutil.Process(self.state["process"]["pid"])
        return [process, *process.children(recursive=True)]

    def store_process(self) -> psutil.Process | None:
        """The embedded store among its processes; None while there is none."""
        return next((process for process in self.family() if _title(process).partition(" ")[0].endswith(STORE)), None)

    def replica(self, deployment: str) -> psutil.Process | None:
        """The process of a deployment's replica; None while there is none."""
        title = f"ray::ServeReplica:hungjury:{deployment}"
        return next((process for process in self.family() if _title(process).startswith(title)), None)

    def key(self, role: str, name: str) -> str:
        """A new key, made by the command line."""
        made = self.json("key", "create", "--role", role, "--name", name)
        assert (made["role"], made["name"]) == (role, name)
        return str(made["key"])

    @contextlib.contextmanager
    def client(self, key: str) -> Iterator[httpx.Client]:
        """An HTTP client that sends a key."""
        headers = {"Authorization": f"Bearer {key}"}
        with httpx.Client(base_url=self.url, headers=headers, timeout=120) as client:
            yield client

    def mine(self, name: str, *options: object, rows: Sequence[LabelledText] = ()) -> Any:
        """Runs a campaign by the command line, over rows written to a file where there are some; its summary."""
        arguments = ["mine", "--name", name, *options]
        if rows:
            arguments += ["--input", corpus_file(self.home / f"{name}.jsonl", rows)]
        return self.json(*arguments)

    def items(self) -> list[dict[str, Any]]:
        """Every item with its answers, read from the store itself, by id."""
        with Store((self.home / "run" / "redis_url").read_text()) as store:
            items = sorted(store.queue("injury").items(), key=lambda item: item.new.id)
        return [item.model_dump(mode="json") for item in items]

    def ready(self) -> bool:
        """Whether it says that it is ready to score."""
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(f"{self.url}/readyz", timeout=30).status_code == httpx.codes.OK
        return False


def corpus_file(path: Path, rows: Sequence[LabelledText]) -> Path:
    """Rows as a corpus, without their labels."""
    lines = [json.dumps({"id": row.row_id, "context": row.context, "text": row.text}) for row in rows]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def one_a_family(split: Any) -> list[LabelledText]:
    """The first seed row of every family of a split, so that no two are nearly alike."""
    first: dict[str, LabelledText] = {}
    for row in load_task("injury").rows(split):
        first.setdefault(row.meta["family"], row)
    return list(first.values())


def _title(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.Error):  # it ended meanwhile
        return " ".join(process.cmdline())
    return ""
