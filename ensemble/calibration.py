"""Turning raw scores into probabilities that mean what they say."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from pydantic import BaseModel, ConfigDict

from ensemble.errors import InputError
from ensemble.scorer import FloatArray

PROBABILITY_FLOOR = 1e-6
"""Calibrated probabilities stay this far from 0 and 1, so that logits and divergences stay finite."""


def logit(probability: ArrayLike) -> FloatArray:
    """log(p / (1 - p)), same shape, after clipping to [PROBABILITY_FLOOR, 1 - PROBABILITY_FLOOR]; nan stays nan."""
    clipped = np.clip(np.asarray(probability, dtype=np.float64), PROBABILITY_FLOOR, 1 - PROBABILITY_FLOOR)
    return np.asarray(np.log(clipped) - np.log1p(-clipped), dtype=np.float64)


def sigmoid(score: ArrayLike) -> FloatArray:
    """1 / (1 + exp(-x)), same shape, clipped to [PROBABILITY_FLOOR, 1 - PROBABILITY_FLOOR]; nan stays nan."""
    bounded = np.clip(np.asarray(score, dtype=np.float64), -40.0, 40.0)
    return np.asarray(np.clip(1 / (1 + np.exp(-bounded)), PROBABILITY_FLOOR, 1 - PROBABILITY_FLOOR), dtype=np.float64)


class Platt(BaseModel):
    """P(yes) = sigmoid(slope * raw + intercept) (Platt 1999); the slope is positive, so order is kept."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    slope: float
    intercept: float

    def __call__(self, raw: ArrayLike) -> FloatArray:
        """Probabilities of raw scores, same shape, strictly inside (0, 1)."""
        return sigmoid(self.slope * np.asarray(raw, dtype=np.float64) + self.intercept)


def fit_platt(raw: ArrayLike, labels: ArrayLike) -> Platt:
    """Fits by maximum likelihood against Platt's smoothed targets, which keep a separable sample from diverging.

    Args:
        raw: scores, shape (n,); higher means yes.
        labels: 0 or 1, shape (n,); both must occur.

    Raises:
        InputError: one class only, or scores that run against the labels (their order would be turned round).
    """
    from scipy.optimize import minimize

    x, y = np.asarray(raw, dtype=np.float64), np.asarray(labels, dtype=np.float64)
    positives, negatives = float(y.sum()), float((1 - y).sum())
    if positives == 0 or negatives == 0:
        raise InputError("calibration needs rows of both labels", field="label")
    target = np.where(y == 1, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    centre, scale = float(x.mean()), float(x.std()) or 1.0
    z = (x - centre) / scale

    def loss(parameters: FloatArray) -> float:
        score = parameters[0] * z + parameters[1]
        return float(np.mean(np.logaddexp(0, score) - target * score))

    slope, intercept = minimize(loss, np.array([1.0, 0.0]), method="BFGS").x
    if slope <= 0:
        raise InputError("scores run against the labels; this member has learned nothing to calibrate", field="label")
    return Platt(slope=float(slope / scale), intercept=float(intercept - slope * centre / scale))
