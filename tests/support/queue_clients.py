"""Many clients of one queue, in processes of their own: run as a script, it works and prints what it measured.

The first argument is a `Work` as JSON; what is printed is JSON: rounds a second, and milliseconds of every first and
second call. Each client's first round, with which it connects, is not among them, and is over everywhere before
anything is measured.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from miners.queue.connect import Store
from miners.queue.types import NewAnswer


@dataclass(frozen=True)
class Work:
    """What the clients do.

    Attributes:
        url: of the server.
        kind: "ping" or "set" twice, which is the bare round trip without and with a durable write; or "rate": lease
            an item and answer it.
        name: of these clients; raters are named after it.
        clients: threads, each with a connection of its own.
        seconds: how long each works.
        pause: seconds that each waits between two rounds.
    """

    url: str
    kind: str
    name: str
    clients: int
    seconds: float
    pause: float = 0.0


@dataclass
class Measured:
    """What came of it: rounds in all per second, and milliseconds of every first and second call."""

    rounds: float = 0.0
    first: list[float] = field(default_factory=list)
    second: list[float] = field(default_factory=list)


Round = Callable[[], Iterator[None]]


def main() -> None:
    """Works with as many threads as told."""
    work = Work(**json.loads(sys.argv[1]))
    found = Measured()
    warm, begin = threading.Barrier(work.clients + 1), threading.Event()
    threads = [
        threading.Thread(target=_client, args=(work, number, found, warm, begin)) for number in range(work.clients)
    ]
    for thread in threads:
        thread.start()
    warm.wait()
    print("ready", flush=True)
    sys.stdin.readline()
    began = time.perf_counter()
    begin.set()
    for thread in threads:
        thread.join()
    found.rounds = len(found.second) / (time.perf_counter() - began)
    json.dump(asdict(found), sys.stdout)


def _client(work: Work, number: int, found: Measured, warm: threading.Barrier, begin: threading.Event) -> None:
    with Store(work.url) as store:
        round_ = _round(work, f"{work.name}-{number}", store)
        try:
            list(round_())  # connected and with the scripts known, as a service that runs
        except BaseException:
            warm.abort()  # nobody waits for this one
            raise
        warm.wait()
        begin.wait()
        time.sleep(work.pause * number / work.clients)
        deadline = time.monotonic() + work.seconds
        while time.monotonic() < deadline:
            start = time.perf_counter()
            step = round_()
            next(step)
            middle = time.perf_counter()
            next(step)
            found.first.append((middle - start) * 1e3)
            found.second.append((time.perf_counter() - middle) * 1e3)
            time.sleep(work.pause)


def _round(work: Work, rater: str, store: Store) -> Round:
    queue, client = store.queue("injury"), store.client

    def ping() -> Iterator[None]:
        client.ping()
        yield
        client.ping()
        yield

    def write() -> Iterator[None]:
        client.set(f"bare:{rater}", "x" * 500)
        yield
        client.set(f"bare:{rater}", "x" * 500)
        yield

    def rate() -> Iterator[None]:
        (lease,) = queue.lease(rater, request_id=uuid4().hex)
        yield
        queue.answer(lease.lease_id, rater, NewAnswer(answer="no", seconds=1.0))
        yield

    return {"ping": ping, "set": write, "rate": rate}[work.kind]


def measure(url: str, kind: str, *, clients: int, processes: int, seconds: float, pause: float = 0.0) -> Measured:
    """Runs the clients in as many processes and puts together what they measured.

    Raises:
        RuntimeError: one of them failed.
    """
    shares = [len(range(number, clients, processes)) for number in range(processes)]
    works = [Work(url, kind, uuid4().hex[:8], share, seconds, pause) for share in shares if share]
    running = [_start(work) for work in works]
    for process in running:  # all begin at once, however long importing takes
        if process.stdout is None or process.stdout.readline() != "ready\n":
            raise RuntimeError("a client did not start")
    for process in running:
        _go(process)
    found = [_finish(process) for process in running]
    return Measured(sum(each["rounds"] for each in found), _joined(found, "first"), _joined(found, "second"))


def _start(work: Work) -> subprocess.Popen[str]:
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    command = [sys.executable, __file__, json.dumps(asdict(work))]
    return subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _go(process: subprocess.Popen[str]) -> None:
    if process.stdin is not None:
        process.stdin.write("go\n")
        process.stdin.flush()


def _finish(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, _ = process.communicate()
    if process.returncode != 0:
        raise RuntimeError("a client failed")
    return dict(json.loads(out))


def _joined(found: Sequence[dict[str, Any]], part: str) -> list[float]:
    return [value for each in found for value in each[part]]


if __name__ == "__main__":
    main()
