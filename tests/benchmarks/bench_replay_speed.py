"""How long `hungjury replay` takes on 100,000 rows that carry members, as a person would run it. Run by `make bench`.

The cheap strategies are all those that do not learn. The adaptive one is measured apart: it reads all texts and fits a
belief after every batch. A made pool: four members, one text in two hundred a failure.
"""

import json
import os
import statistics
import subprocess
import sys
import time

import numpy as np
import pytest

ROWS = int(os.environ.get("HUNGJURY_BENCH_ROWS", "100000"))
TURNS = int(os.environ.get("HUNGJURY_BENCH_TURNS", "5"))
CHEAP = "random,deployed-margin,stacked-posterior,vote-entropy,consensus-entropy,max-kl,jensen-shannon"
WORDS = "river lamp bread winter stone letter garden engine violin harbour coat knife fell burned cut ran slept".split()


@pytest.fixture(scope="module")
def pool(tmp_path_factory):
    """The file."""
    path, rng = tmp_path_factory.mktemp("pool") / "pool.jsonl", np.random.default_rng(0)
    words = rng.integers(len(WORDS), size=(ROWS, 14))
    labels = rng.random(ROWS) < 0.005
    scores = np.clip(rng.beta(1.2, 12, (ROWS, 4)) + 0.1 * labels[:, None] * rng.random((ROWS, 4)), 0, 0.99)
    with path.open("w") as file:
        for row, label, score in zip(words, labels, scores, strict=True):
            members = dict(zip(("encoder", "keyword", "judge", "probe"), map(float, score), strict=True))
            text = " ".join(WORDS[i] for i in row)
            file.write(json.dumps({"text": text, "label": int(label), "members": members}) + "\n")
    return path


def _seconds(pool, strategies, turns):
    command = [sys.executable, "-m", "service.cli.main", "replay", "--pool", str(pool), "--labels", "500", "--json"]
    taken = []
    for _ in range(turns):
        start = time.perf_counter()
        done = subprocess.run([*command, "--strategy", strategies, "--seeds", "5"], capture_output=True, check=True)
        taken.append(time.perf_counter() - start)
    return statistics.median(taken), json.loads(done.stdout)


def test_replay_speed(pool):
    """Prints medians; the seven cheap strategies together are meant to stay under a minute."""
    cheap, found = _seconds(pool, CHEAP, TURNS)
    print(f"\n{found['rows']:,} rows, {found['passed']:,} passed, {found['failures']:,} failures; 500 labels, 5 seeds")
    print(f"7 cheap strategies: median {cheap:.1f} s of {TURNS} turns, start of the program and reading included")
    ours, _ = _seconds(pool, "adaptive", 1)
    print(f"adaptive: {ours:.1f} s, once; {ours / cheap:.1f} times the seven cheap ones")
    assert len(found["strategies"]) == 7
