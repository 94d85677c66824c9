"""How differently the members err."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict

from ensemble.scorer import FloatArray

Matrix = dict[str, dict[str, float | None]]


class Independence(BaseModel):
    """What the members are worth together.

    Attributes:
        n_eff: effective number of votes, members^2 / sum of the error correlations (Kish 1965); 1 = all alike, the
            number of members = independent; None where a correlation is undefined for every pair.
        error_correlation: phi coefficient of the members' errors; None where a member never or always errs.
        double_fault: share of rows on which both err, in [0, 1] (Giacinto and Roli 2001).
        capture: share of the deployed member's misses (label yes, passed) on which another member votes yes; None
            without a miss.
        disagreeing_share: share of all rows on which the votes differ.
    """

    model_config = ConfigDict(frozen=True)

    n_eff: float | None
    error_correlation: Matrix
    double_fault: Matrix
    capture: float | None
    disagreeing_share: float


def independence(
    probabilities: FloatArray, labels: FloatArray, *, members: Sequence[str], deployed: str, threshold: float
) -> Independence:
    """Measures all columns together.

    Args:
        probabilities: P(yes), shape (n, members), without nan.
        labels: 0 or 1, shape (n,).
        members: names of the columns.
        deployed: the member whose failures are hunted.
        threshold: vote yes from here on.
    """
    votes = probabilities >= threshold
    errors = votes != (labels == 1)[:, None]
    correlation = _correlation(errors)
    column = list(members).index(deployed)
    missed = (labels == 1) & ~votes[:, column]
    return Independence(
        n_eff=effective_votes(correlation),
        error_correlation=_matrix(correlation, members),
        double_fault=_matrix(errors.astype(float).T @ errors.astype(float) / len(errors), members),
        capture=float(votes[missed].any(axis=1).mean()) if missed.any() else None,
        disagreeing_share=float((votes != votes[:, :1]).any(axis=1).mean()),
    )


def effective_votes(correlation: FloatArray) -> float | None:
    """members^2 / sum of correlations, from a (members, members) matrix; undefined pairs take the mean of the rest.

    At least 1; None where no pair is defined. Negative correlations can lift it above the number of members.
    """
    size = len(correlation)
    pairs = correlation[~np.eye(size, dtype=bool)]
    if size == 1:
        return 1.0
    if np.isnan(pairs).all():
        return None
    return float(size / max(1 + (size - 1) * float(np.nanmean(pairs)), 1e-9))


def _correlation(errors: FloatArray) -> FloatArray:
    centred = errors - errors.mean(axis=0)
    spread = np.sqrt((centred**2).mean(axis=0))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((centred.T @ centred) / len(errors) / np.outer(spread, spread), dtype=np.float64)


def _matrix(values: FloatArray, members: Sequence[str]) -> Matrix:
    return {
        row: {column: None if np.isnan(values[i, j]) else float(values[i, j]) for j, column in enumerate(members)}
        for i, row in enumerate(members)
    }
