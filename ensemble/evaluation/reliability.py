"""Whether probabilities mean what they say: bins of stated against observed, and their mean gap."""

from __future__ import annotations

import math

import numpy as np
from pydantic import BaseModel, ConfigDict

from ensemble.evaluation.intervals import clopper_pearson
from ensemble.scorer import FloatArray

ECE_BINS = 10


class Bin(BaseModel):
    """Rows of like probability.

    Attributes:
        low, high: smallest and largest probability in it.
        rows, yes: how many, and how many of them are labelled yes.
        stated: mean probability.
        observed: share of yes, in [0, 1].
        interval: exact 95 % interval of `observed`.
    """

    model_config = ConfigDict(frozen=True)

    low: float
    high: float
    rows: int
    yes: int
    stated: float
    observed: float
    interval: tuple[float, float]


def reliability(probabilities: FloatArray, labels: FloatArray, bins: int = ECE_BINS) -> tuple[Bin, ...]:
    """Bins of nearly equal count in rising order; rows of equal probability share one.

    Equal counts keep a sparse bin from deciding. With fewer rows than bins every row is its own bin. Keeping ties
    together makes the result independent of the rows' order.

    Args:
        probabilities: P(yes), shape (n,), n >= 1, without nan.
        labels: 0 or 1, shape (n,).
        bins: most bins.
    """
    return tuple(_bin(probabilities[part], labels[part]) for part in _parts(probabilities, bins))


def expected_calibration_error(probabilities: FloatArray, labels: FloatArray, bins: int = ECE_BINS) -> float:
    """Mean gap between stated probability and observed share of yes over the bins, weighted by count; in [0, 1]."""
    gaps = [each.rows * abs(each.stated - each.observed) for each in reliability(probabilities, labels, bins)]
    return float(sum(gaps) / len(probabilities))


def chance_calibration_error(probabilities: FloatArray, bins: int = ECE_BINS) -> float:
    """Calibration error to be expected on this many rows if every probability were exactly right; in [0, 1].

    A measured error is never below 0, so that an honest member shows one by chance. The gap of a bin is then nearly
    normal around 0 with standard deviation sqrt(sum p (1 - p)) / rows, and its mean size sqrt(2 / pi) of that.
    """
    parts = _parts(probabilities, bins)
    spread = sum(math.sqrt(float((probabilities[part] * (1 - probabilities[part])).sum())) for part in parts)
    return math.sqrt(2 / math.pi) * spread / len(probabilities)


def _parts(probabilities: FloatArray, bins: int) -> list[np.ndarray]:
    """Row numbers of each bin."""
    order = np.argsort(probabilities, kind="stable")
    ordered, size = probabilities[order], len(order)
    wanted = np.linspace(0, size, min(bins, size) + 1).round().astype(int)[1:-1]
    ends = np.searchsorted(ordered, ordered[wanted - 1], side="right")  # a cut within a tie moves to its end
    return [part for part in np.split(order, np.unique(ends)) if len(part)]


def _bin(probabilities: FloatArray, labels: FloatArray) -> Bin:
    rows, yes = len(labels), int(labels.sum())
    return Bin(
        low=float(probabilities.min()),
        high=float(probabilities.max()),
        rows=rows,
        yes=yes,
        stated=float(probabilities.mean()),
        observed=yes / rows,
        interval=clopper_pearson(yes, rows),
    )
