"""How honest rates told from mined labels are: bias of the estimate and coverage of its interval over many campaigns.

Run by `make bench`. Every campaign hunts failures with the adaptive strategy, its own seed, and nothing else; then the
failure rate among all texts passed is told from what it found, and compared with the truth. Besides the project's
interval the plain one from the estimate's own variance is measured, to see what the other is needed for, and the share
of failures among the labelled texts, to see what the weights are needed for.

Environment:
    HUNGJURY_BENCH_POOLS: folder that `python tests/benchmarks/pools.py` filled; without it the benchmark is skipped.
    HUNGJURY_BENCH_CAMPAIGNS: how many on each pool (default 400).
    HUNGJURY_BENCH_LABELS: labels of each campaign (default 300).
    HUNGJURY_BENCH_BATCH: labels between two looks at the answers (default 10).
"""

import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest
from pool_files import PoolFile, pool_files

from ensemble.evaluation.intervals import clopper_pearson
from miners.acquisition.adaptive import Adaptive
from miners.rates import Rate, Round, failure_rate, label_weights, rounds_of
from miners.replay import campaign

MOST_BIAS, COVERAGE = 0.05, (0.93, 0.97)
Z = 1.959964


@dataclass(frozen=True)
class Told:
    """What one campaign told.

    Attributes:
        rate: with its interval.
        plain: interval of the same estimate from the variance of the weights seen.
        drawn: labels of texts drawn, without second votes.
    """

    rate: Rate
    plain: tuple[float, float]
    drawn: int


@pytest.mark.timeout(6 * 3600)
def test_bias_and_coverage():
    """Prints, for each pool, how far off the rates are and how often the intervals hold the truth."""
    campaigns = int(os.environ.get("HUNGJURY_BENCH_CAMPAIGNS", "400"))
    labels = int(os.environ.get("HUNGJURY_BENCH_LABELS", "300"))
    batch = int(os.environ.get("HUNGJURY_BENCH_BATCH", "10"))
    for file in pool_files():
        labelled = file.labelled()
        with ProcessPoolExecutor(max_workers=os.cpu_count() or 1) as workers:
            work = partial(told, file, min(labels, len(labelled.labels)), batch)
            found = [each for part in workers.map(work, _parts(campaigns)) for each in part]
        assert len(found) == campaigns
        show(file.name, found, float(labelled.labels.mean()), labels, batch)


def _parts(campaigns: int) -> Iterator[range]:
    """Seeds in handfuls, so that a pool is not read for each."""
    for start in range(0, campaigns, 20):
        yield range(start, min(start + 20, campaigns))


def told(file: PoolFile, labels: int, batch: int, seeds: range) -> list[Told]:
    """What campaigns with these seeds tell."""
    labelled = file.labelled()
    campaigns = (campaign(labelled, Adaptive(), labels, batch, np.random.default_rng([seed, 4])) for seed in seeds)
    return [tell(rounds_of(choices, labelled.labels)) for choices in campaigns]


def tell(rounds: list[Round]) -> Told:
    """Rate and intervals."""
    weights, failing = label_weights(rounds), np.concatenate([each.failures for each in rounds])
    rate = failure_rate(rounds)
    reach = Z * np.sqrt(float((weights * (weights - 1)).clip(min=0) @ failing)) / rounds[0].left
    return Told(rate, (rate.rate - reach, rate.rate + reach), len(failing))


def show(name: str, found: list[Told], truth: float, labels: int, batch: int) -> None:
    """Means over the campaigns, and how they stand to what was aimed at."""
    rates = np.array([each.rate.rate for each in found]) / truth
    bias, error = rates.mean() - 1, rates.std() / np.sqrt(len(rates))
    ours, plain = (coverage(limits, truth) for limits in ([e.rate.interval for e in found], [e.plain for e in found]))
    widths = np.array([each.rate.interval[1] - each.rate.interval[0] for each in found]) / truth
    naive = np.mean([each.rate.found / each.drawn for each in found]) / truth
    sure = clopper_pearson(round(ours[0] * len(found)), len(found))
    print(f"\n{name}: true rate {truth:.3%}; {len(found)} campaigns of {labels} labels in batches of {batch}")
    print(f"  share of failures among labelled texts: {naive:.1f} times the truth")
    print(f"  estimate: bias {bias:+.1%} of the rate (standard error {error:.1%}; target under {MOST_BIAS:.0%}: "
          f"{'met' if abs(bias) < MOST_BIAS else 'MISSED'}); standard deviation {rates.std():.0%}")  # fmt: skip
    met = "met" if COVERAGE[0] <= ours[0] <= COVERAGE[1] else "too high" if ours[0] > COVERAGE[1] else "MISSED"
    print(f"  95 % interval: covers {ours[0]:.1%} ({sure[0]:.1%}-{sure[1]:.1%}; {met}); truth below it {ours[1]:.1%},"
          f" above it {ours[2]:.1%}; median width {np.median(widths):.2f} of the rate")  # fmt: skip
    print(
        f"  plain interval for comparison: covers {plain[0]:.1%}; truth below it {plain[1]:.1%}, above {plain[2]:.1%}"
    )


def coverage(limits: list[tuple[float, float]], truth: float) -> tuple[float, float, float]:
    """Shares of intervals that hold the truth, that lie above it, and that lie below it."""
    low, high = np.array(limits).T
    below, above = float((truth < low - 1e-12).mean()), float((truth > high + 1e-12).mean())
    return 1 - below - above, below, above
