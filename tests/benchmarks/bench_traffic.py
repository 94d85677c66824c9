"""What sampling live traffic costs a scoring request: the HTTP application with it beside the same without, in turns.

Run by `make bench`, or alone by `pytest -s -p no:randomly tests/benchmarks/bench_traffic.py`. Scores come from nowhere
and at once, so that the cost shows as large as it can ever be; the store is a real embedded server.
"""

import asyncio
import os
import statistics
import time

import httpx

from ensemble.tasks.task import load_task
from ensemble.verdict import Verdict
from miners.queue.api_keys import KeyStore, MemoryKeyRecords
from miners.queue.connect import Store
from miners.queue.embedded import EmbeddedServer
from miners.queue.memory import MemoryQueue
from miners.queue.traffic import Limits
from service.config import Config
from service.http import build_api
from service.metrics import Recorder
from service.services import Services
from service.traffic import TrafficSampler, keep

REQUESTS, TEXTS, TURNS = 60, 16, 9

VERDICT = Verdict(
    id="v", probability=0.2, decision="pass", disagreement=0.1, miss_score=0.2, members={}, degraded=[], review=False
)


async def scores(texts, _ids):
    """The same verdict for every text."""
    return [VERDICT] * len(texts)


def test_sampling(capsys, tmp_path):
    """Requests a second with a sample that takes everything, with a full one, and without any."""
    texts = [row.text for row in load_task("injury").rows()]
    with EmbeddedServer(tmp_path) as server, Store(server.url) as store:
        samplers = {"without": None}
        for name, size in (("all is kept", 1_000_000), ("the sample is full", 50)):
            limits = Limits(texts=size)
            samplers[name] = TrafficSampler(store.traffic(name.split()[-1], limits), limits, Recorder())
        rates, direct = asyncio.run(measured(samplers, texts))
    with capsys.disabled():
        print(f"\n{REQUESTS} requests of {TEXTS} texts a turn, median of {TURNS} turns, {os.cpu_count()} cores")
        base = statistics.median(rates["without"])
        for name, found in rates.items():
            middle = statistics.median(found)
            print(f"{name:20}{middle:8,.0f} requests/s ({min(found):,.0f} to {max(found):,.0f}){middle / base:8.3f}x")
        for name, found in direct.items():
            print(f"{name:20}{1e6 * statistics.median(found):8.1f} microseconds a text for taking note")


async def measured(samplers, texts):
    """Requests a second by kind, and seconds a text of `note` by itself, each a list over the turns."""
    keys = KeyStore(MemoryKeyRecords())
    token, _ = keys.create("score", "bench")
    clients = {name: client(sampler, keys, token) for name, sampler in samplers.items()}
    running = [asyncio.create_task(keep(sampler)) for sampler in samplers.values() if sampler is not None]
    rates = {name: [] for name in samplers}
    direct = {name: [] for name, sampler in samplers.items() if sampler is not None}
    for turn in range(TURNS + 1):  # the first one warms up
        for name, caller in clients.items():
            began = time.perf_counter()
            for number in range(REQUESTS):
                await ask(caller, [f"{name} {turn} {number} {text}" for text in texts[number * TEXTS :][:TEXTS]])
            if turn:
                rates[name].append(REQUESTS / (time.perf_counter() - began))
        for name, found in direct.items():
            pairs = [(f"{name} direct {turn} {text}", "") for text in texts[:1_000]]
            began = time.perf_counter()
            samplers[name].note(pairs, [VERDICT] * len(pairs))
            if turn:
                found.append((time.perf_counter() - began) / len(pairs))
        await asyncio.sleep(1.5)  # the samples are written
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    for caller in clients.values():
        await caller.aclose()
    return rates, direct


async def ask(caller, texts):
    """One request."""
    answer = await caller.post("/v1/score", json={"inputs": [{"text": text} for text in texts]})
    assert answer.status_code == 200, answer.text


def client(sampler, keys, token):
    """Calls the application in this process."""
    queue = MemoryQueue("injury")
    services = Services(
        score=scores,
        queue=queue,
        ledger=queue,
        keys=keys,
        task=load_task("injury"),
        config=Config(),
        groups_answered=lambda: {"none": True},
        traffic=sampler,
    )
    transport = httpx.ASGITransport(app=build_api(services))
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.AsyncClient(transport=transport, base_url="http://bench", headers=headers)
