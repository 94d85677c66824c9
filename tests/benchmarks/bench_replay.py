"""Failures found for as many labels: ours, the other strategies, and the real libraries on the same numbers.

Run by `make bench`; `make peers` first, or the libraries are left out. What they are given and what they learn from is
told in `peers/acquisition.py`.

Environment:
    HUNGJURY_BENCH_POOLS: folder that `python tests/benchmarks/pools.py` filled; without it the benchmark is skipped.
    HUNGJURY_BENCH_EMBEDDER: see `pool_files`; ours then learns from embeddings, as `replay --embed` does.
    HUNGJURY_BENCH_SEEDS: runs of each strategy (default 5).
    HUNGJURY_BENCH_PEERS: a folder in which the libraries' choices are kept, so that they run once while ours changes.
    HUNGJURY_PEER_PYTHON: an interpreter that has the libraries (default: that of `make peers`).
"""

import hashlib
import json
import os
import subprocess
from itertools import cycle
from pathlib import Path

import numpy as np
import pytest
from pool_files import PoolFile, pool_files

from miners.acquisition.registry import strategies
from miners.acquisition.strategy import Answered, Choice, Pool
from miners.replay import Plan, replay
from miners.replay_report import Replay
from miners.replay_rows import Labelled

LABELS, BATCH = 500, 10
AGAINST = ("100", "300")
"""Labels at which the targets count."""

OURS, MARGIN, RANDOM = "adaptive", "deployed-margin", "random"
LEAD, NEAR_PERFECT, OVER_RANDOM = 1.5, 0.9, 5.0


class Given:
    """A strategy whose orders are known already, one a seed."""

    learns = False

    def __init__(self, name: str, orders: list[list[int]]) -> None:
        self.name, self._orders = name, cycle(orders)

    def choose(self, _pool: Pool, _answered: Answered, _count: int, _rng: np.random.Generator) -> Choice:
        """The next seed's order."""
        order = np.array(next(self._orders), dtype=np.intp)
        return Choice(order, np.ones(len(order)), np.zeros(len(order)))


@pytest.mark.timeout(4 * 3600)
def test_failures_found(root, tmp_path):
    """Prints, for each pool, what every strategy finds, and how ours stands to the targets."""
    seeds = int(os.environ.get("HUNGJURY_BENCH_SEEDS", "5"))
    python = Path(os.environ.get("HUNGJURY_PEER_PYTHON", root / "build" / "peers" / "bin" / "python"))
    for file in pool_files():
        labelled = file.labelled()
        labels = min(LABELS, len(labelled.labels))
        libraries = peers(python, root, file, labelled, labels, seeds, tmp_path) if python.is_file() else []
        if not libraries:
            print(f"\nthe libraries are left out: there is no {python}; run `make peers`")
        report = replay(labelled, [*strategies().values(), *libraries], Plan(labels, seeds, BATCH))
        assert all(each.found for each in report.strategies.values())
        show(file.name, report)
        targets(report, [each.name for each in libraries])


def peers(
    python: Path, root: Path, file: PoolFile, labelled: Labelled, labels: int, seeds: int, folder: Path
) -> list[Given]:
    """The libraries' strategies, run in the environment that has them."""
    path, pool = folder / f"{file.name}.npz", labelled.pool
    script = root / "tests" / "benchmarks" / "peers" / "acquisition.py"
    np.savez(path, table=pool.probabilities, thresholds=pool.thresholds, labels=labelled.labels)
    options = [str(labels), str(BATCH), str(seeds)]
    told = hashlib.sha256(b"\0".join([path.read_bytes(), script.read_bytes(), *map(str.encode, options)])).hexdigest()
    kept = Path(os.environ.get("HUNGJURY_BENCH_PEERS", folder)) / f"{file.name}-{told[:16]}.json"
    if not kept.is_file():
        command = [str(python), str(script), str(path), *options]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-2000:]
        kept.write_text(done.stdout, encoding="utf-8")
    return [Given(name, orders) for name, orders in json.loads(kept.read_bytes()).items()]


def show(name: str, report: Replay) -> None:
    """A table, the best with all labels first."""
    budgets = report.budgets
    passed = f"{report.passed:,} passed at {report.threshold:.4g}, {report.failures} failures"
    print(f"\n{name}: {report.rows:,} rows, {passed};")
    print(f"{report.seeds} seeds, batches of {report.batch}, 95 % intervals (over seeds and failures)")
    print(f"{'failures found after labels':38}" + "".join(f"{budget:>17}" for budget in budgets))
    for each, found in sorted(report.strategies.items(), key=lambda pair: -pair[1].found[budgets[-1]]):
        cells = (f"{found.found[b]:.1f} ({found.interval[b][0]:.0f}-{found.interval[b][1]:.0f})" for b in budgets)
        print(f"{each:38}" + "".join(f"{cell:>17}" for cell in cells))
    print(f"{'perfect ranking':38}" + "".join(f"{perfect(report, budget):>17}" for budget in budgets))


def targets(report: Replay, libraries: list[str]) -> None:
    """Ratios at the budgets that count, and whether they reach what was aimed at."""
    for budget in (each for each in AGAINST if each in report.budgets):
        found = {name: each.found[budget] for name, each in report.strategies.items()}
        ours, most, chance = found[OURS], perfect(report, budget), int(budget) * report.failures / report.passed
        over = (
            f"perfect is {most / chance:.1f}x" if most < OVER_RANDOM * chance else verdict(ours >= OVER_RANDOM * chance)
        )
        parts = [f"{ours / chance:.1f}x random ({over})",
                 f"{ours / most:.0%} of perfect",
                 f"{_ratio(ours, found[MARGIN])} the deployed margin ({verdict(ours >= found[MARGIN])})"]  # fmt: skip
        if libraries:
            best = max(libraries, key=lambda name: found[name])
            met = ours >= LEAD * found[best] or ours >= NEAR_PERFECT * most
            parts.append(f"{_ratio(ours, found[best])} the best library, {best} ({verdict(met)})")
        print(f"at {budget:>3} labels {OURS} finds {ours:.1f}: " + ", ".join(parts))


def perfect(report: Replay, budget: str) -> int:
    """What nobody can beat."""
    return min(int(budget), report.failures)


def verdict(met: bool) -> str:
    """For a reader in a hurry."""
    return "met" if met else "MISSED"


def _ratio(ours: float, theirs: float) -> str:
    return f"{ours / theirs:.2f}x" if theirs else "infinitely many times"
