"""Measures of one column of probabilities against labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict

from ensemble.errors import InputError
from ensemble.evaluation.intervals import auc_interval, average_precision_interval, clopper_pearson
from ensemble.evaluation.operating import DEFAULT_FPRS, AtFpr, fnr_at_fpr
from ensemble.evaluation.reliability import (
    ECE_BINS,
    Bin,
    chance_calibration_error,
    expected_calibration_error,
    reliability,
)
from ensemble.scorer import FloatArray

__all__ = ["ECE_BINS", "Quality", "Rates", "clopper_pearson", "expected_calibration_error", "quality", "rates"]


class Rates(BaseModel):
    """Order and errors of one column at a threshold; what even a small slice can show.

    Attributes:
        auc: chance that a random yes is scored above a random no (ties count half); 0.5 = coin; None with one class.
        auc_interval: approximate 95 % interval of `auc` (Newcombe 2006).
        fnr: share of yes rows passed at the threshold, in [0, 1]; None without a yes.
        fnr_interval: exact 95 % interval of `fnr` (Clopper and Pearson 1934).
        misses: yes rows passed, of `positives`.
        positives: rows labelled yes.
        fpr: share of no rows flagged, in [0, 1]; None without a no.
        fpr_interval: exact 95 % interval of `fpr`.
        false_alarms: no rows flagged, of `negatives`.
        negatives: rows labelled no.
    """

    model_config = ConfigDict(frozen=True)

    auc: float | None
    auc_interval: tuple[float, float] | None
    fnr: float | None
    fnr_interval: tuple[float, float] | None
    misses: int
    positives: int
    fpr: float | None
    fpr_interval: tuple[float, float] | None
    false_alarms: int
    negatives: int


class Quality(Rates):
    """How good one member, or the panel, is.

    Attributes:
        threshold: flagged from here on.
        average_precision: area under precision-recall as a step sum, in (0, 1]; None without a yes.
        average_precision_interval: approximate 95 % interval of it (Boyd, Eng and Page 2013).
        ece: expected calibration error over ten bins of equal count, in [0, 1]; 0 = probabilities mean what they say.
        ece_by_chance: what `ece` would be on so many rows if they did.
        reliability: the bins behind `ece`.
        at_fpr: misses at fixed shares of false alarms.
    """

    threshold: float
    average_precision: float | None
    average_precision_interval: tuple[float, float] | None
    ece: float
    ece_by_chance: float
    reliability: tuple[Bin, ...]
    at_fpr: tuple[AtFpr, ...]


def rates(probabilities: FloatArray, labels: FloatArray, threshold: float) -> Rates:
    """Order and errors of one column; arguments as of `quality`, but n may be 0."""
    from sklearn.metrics import roc_auc_score

    yes, flagged = labels == 1, probabilities >= threshold
    positives, negatives = int(yes.sum()), int((~yes).sum())
    misses, false_alarms = int((yes & ~flagged).sum()), int((~yes & flagged).sum())
    auc = float(roc_auc_score(labels, probabilities)) if positives and negatives else None
    return Rates(
        auc=auc,
        auc_interval=None if auc is None else auc_interval(auc, positives, negatives),
        fnr=misses / positives if positives else None,
        fnr_interval=clopper_pearson(misses, positives) if positives else None,
        misses=misses,
        positives=positives,
        fpr=false_alarms / negatives if negatives else None,
        fpr_interval=clopper_pearson(false_alarms, negatives) if negatives else None,
        false_alarms=false_alarms,
        negatives=negatives,
    )


def quality(
    probabilities: FloatArray, labels: FloatArray, threshold: float, *, fprs: Sequence[float] = DEFAULT_FPRS
) -> Quality:
    """Measures one column.

    Args:
        probabilities: P(yes), shape (n,), n >= 1, without nan.
        labels: 0 or 1, shape (n,).
        threshold: flagged from here on.
        fprs: shares of false alarms at which misses are measured, each in (0, 1).

    Raises:
        InputError: no rows, or something that is no probability or no label.
    """
    from sklearn.metrics import average_precision_score

    check_columns(probabilities, labels)
    found = rates(probabilities, labels, threshold)
    precision = float(average_precision_score(labels, probabilities)) if found.positives else None
    return Quality(
        **found.model_dump(),
        threshold=threshold,
        average_precision=precision,
        average_precision_interval=None
        if precision is None
        else average_precision_interval(precision, found.positives),
        ece=expected_calibration_error(probabilities, labels),
        ece_by_chance=chance_calibration_error(probabilities),
        reliability=reliability(probabilities, labels),
        at_fpr=tuple(fnr_at_fpr(probabilities, labels, target) for target in fprs),
    )


def check_columns(probabilities: FloatArray, labels: FloatArray) -> None:
    """Refuses what cannot be measured.

    Args:
        probabilities: shape (n,) or (n, members).
        labels: shape (n,).

    Raises:
        InputError: no rows, unequal lengths, a label that is neither 0 nor 1, or a value outside [0, 1], nan included.
    """
    if not len(labels):
        raise InputError("no labelled rows to measure on", field="label")
    if len(probabilities) != len(labels):
        raise InputError(f"{len(probabilities):,} probabilities for {len(labels):,} labels")
    if not np.isin(labels, (0, 1)).all():
        raise InputError("must be 0 or 1 in every row", field="label")
    if not ((probabilities >= 0) & (probabilities <= 1)).all():
        raise InputError("every probability must lie in [0, 1]; a member that did not answer cannot be measured")


def check_fprs(fprs: Sequence[float]) -> None:
    """Refuses shares of false alarms outside (0, 1).

    Raises:
        InputError: one is.
    """
    for value in fprs:
        if not 0 < value < 1:
            raise InputError(f"must lie between 0 and 1, not {value:g}", field="fpr")
