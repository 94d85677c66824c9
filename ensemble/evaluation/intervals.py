"""Intervals of what is measured on a sample: exact for shares, approximate for areas under curves."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

_Z = 1.959963984540054
"""Normal quantile of a two-sided 95 % interval."""


def clopper_pearson(hits: float, trials: float, confidence: float = 0.95) -> tuple[float, float]:
    """Exact interval of a binomial share (Clopper and Pearson 1934); (0, 1) when there were no trials.

    Numbers that are not whole are for `korn_graubard`.
    """
    from scipy.stats import beta

    if trials == 0:
        return 0.0, 1.0
    tail = (1 - confidence) / 2
    low = 0.0 if hits == 0 else float(beta.ppf(tail, hits, trials - hits + 1))
    high = 1.0 if hits == trials else float(beta.ppf(1 - tail, hits + 1, trials - hits))
    return low, high


def korn_graubard(hits: ArrayLike, weights: ArrayLike, confidence: float = 0.95) -> tuple[float, float]:
    """Interval of a weighted share (Korn and Graubard 1998): Clopper and Pearson's for the effective number of rows.

    Exact where all weights are equal; approximate, and mostly a little too wide, elsewhere.

    Args:
        hits: whether each row counts, shape (n,), n >= 1.
        weights: positive, on any scale, shape (n,).
        confidence: how often it is to hold the truth.
    """
    size, hit = np.asarray(weights, dtype=np.float64), np.asarray(hits, dtype=np.bool_)
    rows = effective_rows(size)
    return clopper_pearson(float(size[hit].sum() / size.sum()) * rows, rows, confidence)


def effective_rows(weights: ArrayLike) -> float:
    """How many rows of equal weight know as much: (sum of weights)^2 / sum of their squares (Kish 1965); 0 of none."""
    size = np.asarray(weights, dtype=np.float64)
    return float(size.sum() ** 2 / np.square(size).sum()) if len(size) else 0.0


def auc_interval(auc: float, positives: int, negatives: int) -> tuple[float, float]:
    """95 % score interval of an area under the ROC curve (Newcombe 2006, method 5; variance of Hanley and McNeil).

    Approximate. Unlike a Wald interval it stays inside [0, 1] and keeps a width at an observed area of 0 or 1.

    Args:
        auc: observed area, in [0, 1].
        positives: rows labelled yes, at least 1.
        negatives: rows labelled no, at least 1.
    """
    return _auc_limit(auc, positives, negatives), 1 - _auc_limit(1 - auc, positives, negatives)


def _auc_limit(auc: float, positives: int, negatives: int) -> float:
    """The lower limit; the variance is symmetric about 1/2, so that the upper one follows from it."""
    from scipy.optimize import brentq

    pairs, extra = positives * negatives, (positives + negatives) / 2 - 1

    def distance(true: float) -> float:
        variance = true * (1 - true) * (1 + extra * ((1 - true) / (2 - true) + true / (1 + true))) / pairs
        return auc - true - _Z * math.sqrt(variance)

    nearest = auc - 1e-12  # at 1 itself the variance vanishes, which would be a root without meaning
    return float(brentq(distance, 0.0, nearest)) if nearest > 0 and distance(nearest) < 0 else 0.0


def average_precision_interval(average_precision: float, positives: int) -> tuple[float, float]:
    """95 % interval of an average precision on the logit scale (Boyd, Eng and Page 2013).

    Approximate; exact binomial limits at an average precision of 1, where the logit has none.

    Args:
        average_precision: observed, in (0, 1].
        positives: rows labelled yes, at least 1.
    """
    odds = average_precision * (1 - average_precision)
    if odds < 1e-12:
        return clopper_pearson(round(average_precision * positives), positives)
    centre, reach = math.log(average_precision / (1 - average_precision)), _Z / math.sqrt(positives * odds)
    return _sigmoid(centre - reach), _sigmoid(centre + reach)


def _sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-max(-700.0, min(700.0, value))))
