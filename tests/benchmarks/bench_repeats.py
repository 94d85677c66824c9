"""Repeated texts: a member group's process with its cache beside the same without, in turns.

Run by `make bench`, or alone by `pytest -s -p no:randomly tests/benchmarks/bench_repeats.py`. The members are the real
scorers on models that are bags of words, the cheapest there can be: what the cache costs shows most here, and what it
saves shows least.
"""

import asyncio
import os
import statistics
import time

import tiny_artifact

from ensemble.tasks.task import load_task
from service.config import GroupConfig
from service.deployments.scorer import ScorerReplica

BATCH, REPEATS = 64, 9


def test_repeats(capsys):
    """What a new text costs more with the cache, and what a known one costs less."""
    artifact = tiny_artifact.make()
    rows = load_task("injury").rows()
    with capsys.disabled():
        print(f"\ntexts/s in batches of {BATCH}, median of {REPEATS} turns (lowest to highest), {os.cpu_count()} cores")
        for group in artifact.groups:
            show(group, asyncio.run(measured(artifact, group, [(row.text, row.context) for row in rows])))


async def measured(artifact, group, texts):
    """Texts a second: without cache, new texts with it, known texts with it."""
    plain, cached = (
        ScorerReplica(
            lambda: artifact.load_scorer(group),
            GroupConfig(cache_texts=keep, batch_wait_seconds=0.0),
            artifact.members(group),
        )
        for keep in (0, 50_000)
    )
    rates = {"without": [], "new, with": [], "known, with": []}
    for turn in range(REPEATS):
        batch = [(f"{turn} {text}", context) for text, context in texts[turn * BATCH : (turn + 1) * BATCH]]
        for name, replica in (("without", plain), ("new, with", cached), ("known, with", cached)):
            began = time.perf_counter()
            await replica.score(batch)
            rates[name].append(BATCH / (time.perf_counter() - began))
    return rates


def show(group, rates):
    """Prints one group's lines."""
    base = rates["without"]
    for name, found in rates.items():
        middle = statistics.median(found)
        ratios = f"{middle / statistics.median(base):10,.2f}x, of the highest {max(found) / max(base):,.2f}x"
        print(f"{group:10}{name:14}{middle:12,.0f} ({min(found):,.0f} to {max(found):,.0f}){ratios}")
