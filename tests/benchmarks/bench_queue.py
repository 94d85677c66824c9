"""The queue with a thousand and with a million waiting items: memory, pairs of lease and answer, time of a lease.

Everything on a real server with an append-only file, synced before each acknowledgement. What the clients cost is in
all numbers: they are as many Python threads in processes of their own, on the same machine.

Environment:
    HUNGJURY_QUEUE_ITEMS: items of the large queue (default 1,000,000).
    HUNGJURY_QUEUE_SECONDS: seconds of each measurement (default 15).
"""

import os
import time

import numpy as np
import psutil
import pytest
from queue_clients import Measured, measure
from queue_items import CHARACTERS, queue_items

from miners.queue.connect import Store
from miners.queue.embedded import EmbeddedServer

ITEMS = int(os.environ.get("HUNGJURY_QUEUE_ITEMS", "1000000"))
SECONDS = float(os.environ.get("HUNGJURY_QUEUE_SECONDS", "15"))
SMALL, CLIENTS, PROCESSES = 1_000, 50, 5
SLICES = 4
"""Measurements of a lease at each size; between them the queue is filled up again."""
HUMAN_PAUSE = 1.0
"""Seconds between two answers of one client where the time of a lease is measured: far quicker than anybody reads."""


def fill(queue, start: int, count: int) -> None:
    """Queues `count` items, some thousands at a time."""
    for at in range(start, start + count, 5_000):
        queue.enqueue(list(queue_items(at, min(5_000, start + count - at))))


def percentile(found: list[float], q: float) -> float:
    """In the unit of `found`."""
    return float(np.percentile(found, q))


def told(name: str, found: Measured) -> str:
    """One line."""
    return (
        f"  {name:34}{found.rounds:8,.0f} pairs/s   first call p50 {percentile(found.first, 50):6.2f} ms, "
        f"p99 {percentile(found.first, 99):6.2f} ms   second p50 {percentile(found.second, 50):6.2f}, "
        f"p99 {percentile(found.second, 99):6.2f}"
    )


def hurried(url: str) -> float:
    """Prints what 50 clients get done as fast as they can; how it stands to the bare round trips with a write."""
    kinds = (("bare: two PINGs", "ping"), ("bare: two durable SETs", "set"), ("lease and answer", "rate"))
    rates = {}
    for name, kind in kinds:
        found = measure(url, kind, clients=CLIENTS, processes=PROCESSES, seconds=SECONDS)
        rates[kind] = found.rounds
        print(told(name, found), flush=True)
    print(
        f"  lease and answer: {rates['rate'] / rates['ping']:.2f} of the bare round trips, "
        f"{rates['rate'] / rates['set']:.2f} of those that write as durably (target 0.5)"
    )
    return rates["rate"] / rates["ping"]


def unhurried(url: str, queue, start: int) -> Measured:
    """What 50 people measure; as many items wait after each slice as before it."""
    found = Measured()
    for _ in range(SLICES):
        one = measure(url, "rate", clients=CLIENTS, processes=PROCESSES, seconds=SECONDS, pause=HUMAN_PAUSE)
        found.rounds += one.rounds / SLICES
        found.first += one.first
        found.second += one.second
        answered = len(one.first) + CLIENTS  # the first round of each is not measured
        fill(queue, start, answered)
        start += answered
    return found


@pytest.mark.timeout(4 * 3600)
def test_a_thousand_and_a_million_items(tmp_path):
    """Prints memory of an item, pairs a second beside bare round trips, and the p99 of a lease at both sizes."""
    p99 = {}
    with EmbeddedServer(tmp_path / "redis") as server, Store(server.url) as store:
        queue = store.queue("injury", waiting_limit=2 * ITEMS)
        print()
        filled = 0
        for size in (SMALL, ITEMS):
            before, began = store.client.info("memory")["used_memory"], time.monotonic()
            fill(queue, filled, size - filled)
            taken, used = time.monotonic() - began, store.client.info("memory")["used_memory"] - before
            resident = psutil.Process(server.pid).memory_info().rss
            print(
                f"{size:,} items waiting: {used / (size - filled):,.0f} bytes an item (text {CHARACTERS} characters, "
                f"4 members), server {resident / 2**20:,.0f} MiB, {(size - filled) / taken:,.0f} queued/s"
            )
            filled = size
            found = unhurried(server.url, queue, 10 * ITEMS + size)
            print(told(f"50 raters, {HUMAN_PAUSE:g} s between answers", found), flush=True)
            p99[size] = percentile(found.first, 99)
        bare = measure(
            server.url, "set", clients=CLIENTS, processes=PROCESSES, seconds=SLICES * SECONDS, pause=HUMAN_PAUSE
        )
        print(told(f"bare: two durable SETs, {HUMAN_PAUSE:g} s between", bare), flush=True)
        hurried(server.url)
    print(
        f"p99 of a lease: {p99[SMALL]:.2f} ms at {SMALL:,}, {p99[ITEMS]:.2f} ms at {ITEMS:,} items (target 20 ms): "
        f"{p99[ITEMS] / p99[SMALL]:.2f} times (target 1.5)"
    )
