"""Texts a second: each member group and the panel in one process, beside the whole service over HTTP.

Run by `make bench`. Everything is measured in the same run, in turns, so that a busy machine disturbs all alike.
"""

import json
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path

import httpx
import pytest
from live_service import LiveService

from ensemble.artifacts import current_artifact
from ensemble.panel import Panel
from ensemble.rows import RowReader
from ensemble.scorer import Scorer
from ensemble.tasks.task import load_task
from ensemble.text import Text
from service.config import load_config
from service.sizing import sized

pytestmark = [pytest.mark.service, pytest.mark.models]

BATCH = 64
CLIENTS = (1, 4)
REPEATS = 5
SINGLES = 15
"""Texts that are sent one at a time in each turn."""

PATIENT = """\
server: {request_timeout_seconds: 1800}
members:
  encoder: {cache_texts: 0}
  keyword: {cache_texts: 0}
  language_model: {deadline_seconds: 1800, cache_texts: 0}
"""
"""Speed is measured here, not patience: on a busy machine four batches at once may take longer than the default.

The same texts are sent again and again, so that nothing may be remembered."""

Job = Callable[[], None]


def texts(root: Path, count: int) -> tuple[list[Text], str]:
    """Texts to score, and a word on what they are."""
    passages = root.parent / "shared" / "data" / "fiction_passages.jsonl.gz"
    if passages.is_file():
        with closing(iter(RowReader([passages]))) as rows:
            found, what = [next(rows).as_text() for _ in range(count)], f"passages of {passages.name}"
    else:
        found = [Text(row.text, row.context) for row in load_task("injury").rows()][:count]
        what = f"seed rows of task injury, as {passages} is not there"
    words = statistics.mean(len(text.text.split()) for text in found)
    return found, f"{what}, {words:.0f} words on average"


@pytest.fixture
def service(prepared_home, free_port) -> Iterator[LiveService]:
    """The service, as `hungjury up` starts it."""
    folder = Path(tempfile.mkdtemp(prefix="hj-bench-"))
    live = LiveService(folder, prepared_home, free_port(), config=PATIENT)
    try:
        live.up()
        yield live
    finally:
        live.down()
        shutil.rmtree(folder)


@pytest.fixture
def panel(prepared_home, monkeypatch) -> Iterator[Panel]:
    """The same members in this process, with as many threads as the service gives each."""
    monkeypatch.setenv("HUNGJURY_HOME", str(prepared_home))
    artifact, config = current_artifact("injury"), sized(load_config())
    scorers = [artifact.load_scorer(group, threads=config.group(group).threads or 1) for group in artifact.groups]
    loaded = Panel(scorers, artifact.joint)
    yield loaded
    loaded.close()


@pytest.mark.timeout(7200)
def test_texts_a_second(root, service, panel):
    """The whole service over HTTP keeps at least half the speed of the same members called in one process."""
    batches = max(CLIENTS)
    pool, what = texts(root, BATCH * batches)
    groups = {"+".join(member.name for member in scorer.members): scorer for scorer in panel.scorers}
    with ExitStack() as open_clients:
        jobs: dict[str, tuple[int, Job]] = {
            f"{name} in process": (BATCH, partial(scorer.score, pool[:BATCH])) for name, scorer in groups.items()
        }
        jobs["panel in process"] = (BATCH, partial(panel.verdicts, pool[:BATCH]))
        for clients in CLIENTS:
            requests = open_clients.enter_context(senders(service, pool, clients))
            jobs[f"service over HTTP, {clients} client{'s'[: clients - 1]}"] = (BATCH * clients, requests)
        rates = measured(jobs)
    show(rates, what)
    in_process = statistics.median(rates["panel in process"])
    assert statistics.median(rates["service over HTTP, 1 client"]) > 0.5 * in_process


@pytest.mark.timeout(7200)
def test_a_single_text(root, service, panel):
    """A lone text over HTTP takes little longer than its slowest member alone."""
    pool, what = texts(root, SINGLES)
    groups = {"+".join(member.name for member in scorer.members): scorer for scorer in panel.scorers}
    with service.client(service.key("score", "single")) as client:
        jobs: dict[str, Callable[[Text], object]] = {name: partial(alone, scorer) for name, scorer in groups.items()}
        jobs["service over HTTP"] = partial(single, client)
        for job in jobs.values():
            job(pool[0])  # the first is not like the others
        p50: dict[str, list[float]] = {name: [] for name in jobs}
        for _ in range(REPEATS):
            for name, job in jobs.items():
                p50[name].append(1000 * middle_seconds(job, pool))
    slowest = max((statistics.median(p50[name]), name) for name in groups)[1]
    ratios = [ours / alone for ours, alone in zip(p50["service over HTTP"], p50[slowest], strict=True)]
    print(f"\n{what}; one at a time, p50 of {SINGLES}, median of {REPEATS} turns (lowest to highest)")
    for name, found in p50.items():
        print(f"{name:34}{statistics.median(found):9.1f} ms {min(found):9.1f} to {max(found):.1f}")
    print(
        f"over HTTP against {slowest} alone: {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
    )
    assert statistics.median(ratios) < 5


def alone(scorer: Scorer, text: Text) -> None:
    """One text to one group in this process."""
    scorer.score([text])


def single(client: httpx.Client, text: Text) -> None:
    """One text over HTTP."""
    response = client.post("/v1/score", json={"inputs": [{"text": text.text, "context": text.context}]})
    assert response.status_code == httpx.codes.OK, response.text


def middle_seconds(job: Callable[[Text], object], pool: list[Text]) -> float:
    """Median time that one text takes."""
    times = []
    for text in pool:
        began = time.perf_counter()
        job(text)
        times.append(time.perf_counter() - began)
    return statistics.median(times)


@contextmanager
def senders(service: LiveService, pool: list[Text], clients: int) -> Iterator[Job]:
    """What sends one batch from each of several clients at once and waits for all."""
    bodies = [
        json.dumps({"inputs": [{"text": text.text, "context": text.context} for text in pool[at : at + BATCH]]})
        for at in range(0, BATCH * clients, BATCH)
    ]
    with ExitStack() as stack:
        key = service.key("score", "bench")
        connected = [stack.enter_context(service.client(key)) for _ in range(clients)]
        threads = stack.enter_context(ThreadPoolExecutor(clients))

        def job() -> None:
            for _ in threads.map(send, connected, bodies):
                pass

        yield job


def send(client: httpx.Client, body: str) -> None:
    """Scores one batch; every verdict must be whole."""
    response = client.post("/v1/score", content=body, headers={"Content-Type": "application/json"}, timeout=1800)
    assert response.status_code == httpx.codes.OK, response.text
    verdicts = response.json()["verdicts"]
    assert len(verdicts) == BATCH
    assert not any(verdict["degraded"] for verdict in verdicts)


def measured(jobs: dict[str, tuple[int, Job]]) -> dict[str, list[float]]:
    """Texts a second of every job, `REPEATS` times in turns; the median forgives a cold first turn."""
    rates: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(REPEATS):
        for name, (count, job) in jobs.items():
            began = time.perf_counter()
            job()
            rates[name].append(count / (time.perf_counter() - began))
            print(f"  {name}: {rates[name][-1]:.1f} texts/s", flush=True)
    return rates


def show(rates: dict[str, list[float]], what: str) -> None:
    """Prints the table."""
    base = statistics.median(rates["panel in process"])
    print(f"\n{what}; batches of {BATCH}, median of {REPEATS} (lowest to highest), {os.cpu_count()} cores")
    print(f"{'':34}{'texts/s':>9}{'range':>18}{'of the panel in process':>26}")
    for name, found in rates.items():
        middle = statistics.median(found)
        print(f"{name:34}{middle:9.1f}{f'{min(found):.1f} to {max(found):.1f}':>18}{middle / base:26.2f}")
