"""Campaigns as real processes on a real server: several at once, and killed together with the server."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ensemble.near_duplicates import similar_pairs
from ensemble.text import Text
from miners.queue.connect import Store
from miners.queue.embedded import EmbeddedServer

SUPPORT = Path(__file__).parents[2] / "support"
KILLS = 6
SPEC = {"queue_size": 40, "round_size": 24, "batch_size": 8, "places": 4, "budget": 100_000}


@pytest.fixture
def server(tmp_path):
    """A real server with a durable store."""
    with EmbeddedServer(tmp_path / "redis") as running:
        yield running


@pytest.fixture
def begin(server, tmp_path):
    """Starts a campaign's process; all that still run are killed in the end."""
    begun = []

    def start(name, texts, *, pause=0.0, **spec):
        file = tmp_path / f"{name}.txt"
        file.write_text("".join(f"{text}\n" for text in texts))
        told = {"url": server.url, "name": name, "texts": str(file), "spec": SPEC | spec, "pause": pause}
        environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(SUPPORT), *sys.path])}
        process = subprocess.Popen(
            [sys.executable, str(SUPPORT / "lone_campaign.py"), json.dumps(told)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        begun.append(process)
        return process

    yield start
    for process in begun:
        process.kill()
        process.communicate()


def summary_of(process):
    """What a process says when it is done."""
    out, err = process.communicate(timeout=240)
    assert process.returncode == 0, err
    return json.loads(out)


def passages(count, words, rng):
    """Long texts of random words, no two alike."""
    return [" ".join(rng.choice(words, 40)) + "." for _ in range(count)]


def test_campaigns_at_the_same_time_queue_no_text_twice(begin, server):
    """Four processes over overlapping texts, many of them a word apart: no two in the queue are the same or nearly."""
    rng = np.random.default_rng(5)
    words = np.array([f"w{n}" for n in range(3000)])
    shared = passages(160, words, rng)
    altered = [text.replace(" ", f" also{n} ", 1) for n, text in enumerate(shared)]
    corpora = [shared, altered, [*shared[::-1], *passages(40, words, rng)], [*altered[::-1], *shared[::2]]]
    begun = [begin(f"c{n}", texts, seed=n, pause=0.01) for n, texts in enumerate(corpora)]
    summaries = [summary_of(process) for process in begun]
    with Store(server.url) as store:
        items = [item.new for item in store.queue("injury").items()]
    texts = [Text(item.text, item.context) for item in items]
    assert list(similar_pairs(texts, 0.85)) == []
    assert len({item.id for item in items}) == len(items) == sum(summary["queued"] for summary in summaries)
    for n, summary in enumerate(summaries):
        assert summary["queued"] == sum(item.provenance.campaign == f"c{n}" for item in items) > 0
    assert all(0 < item.selection_probability <= 1 for item in items)
    print(
        {s["campaign"]: (s["queued"], s["withdrawn"], s["exact_duplicates"], s["near_duplicates"]) for s in summaries}
    )
    assert sum(summary["withdrawn"] for summary in summaries) > 0


def test_the_server_and_the_campaign_killed_again_and_again(begin, server, sentences, wait_until):
    """Server and campaign killed -9 at work: the queue is the one that a campaign in peace leaves."""
    texts = sentences(200)
    summary_of(begin("peace", texts, seed=3))
    with Store(server.url) as store:
        expected = {item.new.text: item.new.selection_probability for item in store.queue("injury").items()}
        store.client.flushall()
        process, at = begin("war", texts, pause=0.1, seed=3), None
        for kill in range(KILLS):
            wait_until(lambda at=at: position(store) not in {None, at}, seconds=60, every=0.01)
            at = position(store)
            os.kill(server.pid, signal.SIGKILL)
            if kill % 2:
                process.kill()
                process.communicate()
            server.restart()
            if kill % 2:
                process = begin("war", texts, pause=0.1, seed=3)
        summary = summary_of(process)
        found = {item.new.text: item.new.selection_probability for item in store.queue("injury").items()}
    assert (summary["queued"], summary["scored"]) == (40, 200)
    assert found == expected


def position(store):
    """Round and batch that the campaign "war" works on; None before its first."""
    names = store.campaigns.names()
    state = store.campaigns.load_state("war") if "war" in names else None
    return (state["attempt"]["round"], state["attempt"]["batch"]) if state else None
