"""What other thresholds would give: misses at a fixed rate of false alarms, and the curve of all trade-offs."""

from __future__ import annotations

import math

import numpy as np
from pydantic import BaseModel, ConfigDict

from ensemble.evaluation.intervals import clopper_pearson
from ensemble.scorer import FloatArray

DEFAULT_FPRS = (0.01, 0.05)
"""Rates of false alarms at which misses are reported unless others are asked for."""

CURVE_POINTS = 120
"""About how many points of a curve are kept."""


class AtFpr(BaseModel):
    """Misses at the lowest threshold whose share of false alarms is at most `target` on these rows.

    The threshold is read off the same rows, so that the intervals leave out its own uncertainty; with fewer than
    1 / target rows labelled no, it allows no false alarm at all.

    Attributes:
        target: largest share of no rows that may be flagged, in (0, 1).
        threshold: flagged from here on; None where nothing may be flagged, or no row is labelled no.
        fnr: share of yes rows passed there, in [0, 1]; None without a yes or without a no.
        fnr_interval: exact 95 % interval of `fnr`.
        misses: yes rows passed there.
        fpr: share of no rows flagged there, at most `target`; None without a no.
        fpr_interval: exact 95 % interval of `fpr`.
        false_alarms: no rows flagged there.
    """

    model_config = ConfigDict(frozen=True)

    target: float
    threshold: float | None = None
    fnr: float | None = None
    fnr_interval: tuple[float, float] | None = None
    misses: int | None = None
    fpr: float | None = None
    fpr_interval: tuple[float, float] | None = None
    false_alarms: int | None = None


class Curve(BaseModel):
    """Trade-offs of one column, by falling threshold; all tuples have the same length.

    Attributes:
        threshold: flagged from here on; the first point flags only the highest score.
        fpr: share of no rows flagged, rising.
        fnr: share of yes rows passed, falling.
        precision: share of the flagged rows that are labelled yes.
    """

    model_config = ConfigDict(frozen=True)

    threshold: tuple[float, ...]
    fpr: tuple[float, ...]
    fnr: tuple[float, ...]
    precision: tuple[float, ...]


def fnr_at_fpr(probabilities: FloatArray, labels: FloatArray, target: float) -> AtFpr:
    """Misses where at most `target` of the no rows are flagged.

    Args:
        probabilities: P(yes), shape (n,), without nan.
        labels: 0 or 1, shape (n,).
        target: in (0, 1).
    """
    yes, no = probabilities[labels == 1], np.sort(probabilities[labels != 1])
    if not len(no):
        return AtFpr(target=target)
    allowed = math.floor(target * len(no) + 1e-9)  # 0.29 * 100 is a little under 29
    bound = no[len(no) - 1 - allowed]  # the highest score that has to pass, and with it whoever shares it
    false_alarms, misses = int((no > bound).sum()), int((yes <= bound).sum())
    flagged = probabilities[probabilities > bound]
    return AtFpr(
        target=target,
        threshold=float(flagged.min()) if len(flagged) else None,
        fnr=misses / len(yes) if len(yes) else None,
        fnr_interval=clopper_pearson(misses, len(yes)) if len(yes) else None,
        misses=misses,
        fpr=false_alarms / len(no),
        fpr_interval=clopper_pearson(false_alarms, len(no)),
        false_alarms=false_alarms,
    )


def curve(probabilities: FloatArray, labels: FloatArray, points: int = CURVE_POINTS) -> Curve | None:
    """All trade-offs, thinned to about `points`, densest where few are flagged or few are missed.

    Args:
        probabilities: P(yes), shape (n,), without nan.
        labels: 0 or 1, shape (n,).
        points: about how many to keep.

    Returns:
        None unless both labels occur.
    """
    order = np.argsort(-probabilities, kind="stable")
    scores, hits = probabilities[order], np.cumsum(labels[order] == 1)
    if not 0 < hits[-1] < len(hits):
        return None
    last = np.flatnonzero(np.append(np.diff(scores) != 0, True))  # rows of equal score are flagged together
    found, alarms = hits[last], last + 1 - hits[last]
    fpr, fnr = alarms / alarms[-1], 1 - found / found[-1]
    kept = _thinned(fpr, fnr, points)
    return Curve(
        threshold=_rounded(scores[last][kept], 6),
        fpr=_rounded(fpr[kept], 5),
        fnr=_rounded(fnr[kept], 5),
        precision=_rounded((found / (last + 1))[kept], 5),
    )


def _thinned(fpr: FloatArray, fnr: FloatArray, points: int) -> np.ndarray:
    """Numbers of the points kept: evenly spaced in misses, and in the logarithms of false alarms and of misses."""
    if len(fpr) <= points:
        return np.arange(len(fpr))
    share = max(points // 3, 2)
    small = np.logspace(-5, 0, share)
    wanted = [
        np.searchsorted(fpr, small),
        np.searchsorted(-fnr, -small),
        np.searchsorted(-fnr, -np.linspace(1, 0, share)),
    ]
    ends = [np.array([0, len(fpr) - 1])]
    return np.unique(np.clip(np.concatenate(wanted + ends), 0, len(fpr) - 1))


def _rounded(values: FloatArray, digits: int) -> tuple[float, ...]:
    return tuple(round(float(value), digits) for value in values)
