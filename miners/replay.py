"""Back-testing: strategies choose among texts whose labels are known, and what each finds is counted.

A failure is a text labelled yes that the deployed member passes. Strategies see the passed texts, ask for labels in
batches, and are told what the rows say. Intervals say how far the figures would move with other seeds and with another
pool of the same kind: seeds are drawn with replacement and every failure is counted Poisson(1) times (the Poisson
bootstrap: Hanley and MacGibbon 2006, Computer Methods and Programs in Biomedicine 83).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ensemble.errors import InputError
from miners.acquisition.strategy import Answered, FloatArray, IntArray, Strategy
from miners.replay_report import Found, Replay
from miners.replay_rows import Labelled

BUDGETS = (50, 100, 200, 300, 500)
"""Labels after which what was found is told, as far as the budget goes."""

SHARE = 0.8
"""Share of the failures for which the labels are counted."""

_REPLICATES = 2000
_POINTS = 60


@dataclass(frozen=True)
class Plan:
    """How to replay.

    Attributes:
        labels: labels to spend, at least 1; no more than there are passed texts are spent.
        seeds: runs of each strategy, with seeds 0, 1, ...
        batch: labels between two looks at the answers.
    """

    labels: int
    seeds: int = 5
    batch: int = 10

    def __post_init__(self) -> None:
        """Checks the numbers.

        Raises:
            InputError: one of them is below 1.
        """
        for name in ("labels", "seeds", "batch"):
            if getattr(self, name) < 1:
                raise InputError(f"must be at least 1, not {getattr(self, name)}", field=name)


def replay(
    labelled: Labelled,
    strategies: Sequence[Strategy],
    plan: Plan,
    *,
    threshold_of: float | None = None,
    features: str = "",
    progress: Callable[[int, str], None] = lambda _done, _name: None,
) -> Replay:
    """What each strategy finds.

    Args:
        labelled: the passed texts.
        strategies: which to compare.
        plan: how.
        threshold_of: shown in the report; the deployed member's threshold by default.
        features: shown in the report: what the learners know of the texts.
        progress: told how many runs are done, and of which strategy the next is.
    """
    pool, failing = labelled.pool, np.flatnonzero(labelled.labels == 1)
    labels = min(plan.labels, len(labelled.labels))
    found = {}
    for number, strategy in enumerate(strategies):
        places = []
        for seed in range(plan.seeds):
            progress(number * plan.seeds + seed, strategy.name)
            order = run(labelled, strategy, labels, plan.batch, np.random.default_rng([seed, 1]))
            places.append(_found_at(order, failing, len(labelled.labels)))
        found[strategy.name] = _told(np.array(places), labels, np.random.default_rng(0))
    progress(len(strategies) * plan.seeds, "done")
    return Replay(
        rows=labelled.rows,
        passed=len(labelled.labels),
        failures=labelled.failures,
        deployed=pool.deployed,
        threshold=float(pool.thresholds[pool.members.index(pool.deployed)]) if threshold_of is None else threshold_of,
        members=list(pool.members),
        posterior=labelled.posterior,
        features=features,
        labels=labels,
        seeds=plan.seeds,
        batch=plan.batch,
        strategies=found,
    )


def run(labelled: Labelled, strategy: Strategy, labels: int, batch: int, rng: np.random.Generator) -> IntArray:
    """Places of the texts in the order in which the strategy had them labelled; a second vote is a label as well.

    One that does not learn gives its whole order at once, so that it is also known beyond `labels`.
    """
    if not strategy.learns:
        return strategy.choose(labelled.pool, Answered(), len(labelled.labels), rng).indices
    answered = Answered()
    while len(answered.indices) < labels:
        chosen = strategy.choose(labelled.pool, answered, min(batch, labels - len(answered.indices)), rng).indices
        if not len(chosen):
            break
        indices = np.concatenate([answered.indices, chosen])
        answered = Answered(indices, labelled.labels[indices], labelled.severity[indices])
        if labelled.labels[np.unique(indices)].sum() == labelled.failures:
            break  # what is spent from here on finds nothing more
    return answered.indices


def _found_at(order: IntArray, failing: IntArray, count: int) -> FloatArray:
    """Number of the label, from 1, with which each failure is found, shape (failures,); inf where it is not."""
    first = np.full(count, np.inf)
    places, at = np.unique(order, return_index=True)
    first[places] = at + 1.0
    return first[failing]


def _told(places: FloatArray, labels: int, rng: np.random.Generator) -> Found:
    """Figures out of the labels at which each failure was found, shape (seeds, failures)."""
    budgets = [budget for budget in BUDGETS if budget <= labels] or [labels]
    if labels not in budgets:
        budgets.append(labels)
    grid = sorted({round(x) for x in np.linspace(0, labels, min(labels, _POINTS) + 1)})
    return Found(
        found={str(budget): float((places <= budget).sum(axis=1).mean()) for budget in budgets},
        interval={str(budget): _interval(places <= budget, budget, rng) for budget in budgets},
        labels_for_80=_labels_for(places, SHARE),
        curve=[(float(at), float((places <= at).sum(axis=1).mean())) for at in grid],
        by_seed={str(budget): [int(x) for x in (places <= budget).sum(axis=1)] for budget in budgets},
    )


def _interval(
    hit: np.ndarray[tuple[int, int], np.dtype[np.bool_]], most: int, rng: np.random.Generator
) -> tuple[float, float]:
    """95 % interval of the mean number of hits; `hit` has shape (seeds, failures)."""
    seeds, failures = hit.shape
    times = rng.multinomial(seeds, np.full(seeds, 1 / seeds), size=_REPLICATES) / seeds
    weights = rng.poisson(1.0, size=(_REPLICATES, failures))
    totals = np.minimum(((times @ hit) * weights).sum(axis=1), most)
    low, high = np.percentile(totals, [2.5, 97.5])
    return float(low), float(high)


def _labels_for(places: FloatArray, share: float) -> float | None:
    """Labels until that share of the failures is found, mean over the seeds; None where one of them never got there."""
    needed = math.ceil(share * places.shape[1])
    each = np.sort(places, axis=1)[:, needed - 1]
    return float(each.mean()) if np.isfinite(each).all() else None
