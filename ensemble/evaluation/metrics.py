"""Measures of one column of probabilities against labels."""

from __future__ import annotations

from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from ensemble.scorer import FloatArray

ECE_BINS = 10


class Quality(BaseModel):
    """How good one member, or the panel, is.

    Attributes:
        auc: chance that a random yes is scored above a random no (ties count half); 0.5 = coin; None with one class.
        average_precision: area under precision-recall as a step sum, in (0, 1]; None without a yes.
        fnr: share of yes rows passed at the threshold, in [0, 1]; None without a yes.
        fnr_interval: exact 95 % interval of `fnr` (Clopper and Pearson 1934).
        fpr: share of no rows flagged, in [0, 1]; None without a no.
        ece: expected calibration error over ten bins of equal count, in [0, 1]; 0 = probabilities mean what they say.
    """

    model_config = ConfigDict(frozen=True)

    auc: float | None
    average_precision: float | None
    fnr: float | None
    fnr_interval: tuple[float, float] | None
    fpr: float | None
    ece: float


def quality(probabilities: FloatArray, labels: FloatArray, threshold: float) -> Quality:
    """Measures one column.

    Args:
        probabilities: P(yes), shape (n,), n >= 1, without nan.
        labels: 0 or 1, shape (n,).
        threshold: flagged from here on.
    """
    from sklearn.metrics import average_precision_score, roc_auc_score

    yes, flagged = labels == 1, probabilities >= threshold
    misses, positives, negatives = int((yes & ~flagged).sum()), int(yes.sum()), int((~yes).sum())
    both = positives > 0 and negatives > 0
    return Quality(
        auc=float(roc_auc_score(labels, probabilities)) if both else None,
        average_precision=float(average_precision_score(labels, probabilities)) if positives else None,
        fnr=misses / positives if positives else None,
        fnr_interval=clopper_pearson(misses, positives) if positives else None,
        fpr=int((~yes & flagged).sum()) / negatives if negatives else None,
        ece=expected_calibration_error(probabilities, labels),
    )


def clopper_pearson(hits: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Exact interval of a binomial share; (0, 1) when there were no trials."""
    from scipy.stats import beta

    if trials == 0:
        return 0.0, 1.0
    tail = (1 - confidence) / 2
    low = 0.0 if hits == 0 else float(beta.ppf(tail, hits, trials - hits + 1))
    high = 1.0 if hits == trials else float(beta.ppf(1 - tail, hits + 1, trials - hits))
    return low, high


def expected_calibration_error(probabilities: FloatArray, labels: FloatArray, bins: int = ECE_BINS) -> float:
    """Mean gap between stated probability and observed share of yes, over bins of equal count, weighted by count.

    In [0, 1]. Equal counts keep a sparse bin from deciding; with fewer rows than bins every row is its own bin.
    """
    order = np.argsort(probabilities, kind="stable")
    parts: list[Any] = np.array_split(order, min(bins, len(order)))
    gaps = [len(part) * abs(float(probabilities[part].mean() - labels[part].mean())) for part in parts]
    return float(sum(gaps) / len(order))
