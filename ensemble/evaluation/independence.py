"""How differently the members err."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict

from ensemble.evaluation.intervals import clopper_pearson
from ensemble.scorer import FloatArray

Matrix = dict[str, dict[str, float | None]]

BoolArray = NDArray[np.bool_]

_RESAMPLES = 1000


class Independence(BaseModel):
    """What the members are worth together.

    A miss is a row labelled yes that the deployed member passes. Members other than the deployed one are listed in
    `catches`, `catch_share`, `unique_catches`, `unique_share`.

    Attributes:
        n_eff: effective number of votes, members^2 / sum of the error correlations (Kish 1965); 1 = all alike, the
            number of members = independent; None where a correlation is undefined for every pair.
        n_eff_interval: 95 % interval of `n_eff`, bootstrap over rows.
        error_correlation: phi coefficient of the members' errors; None where a member never or always errs.
        double_fault: share of rows on which both err, in [0, 1] (Giacinto and Roli 2001).
        misses: number of misses.
        captured: misses on which another member votes yes.
        capture: captured / misses; None without a miss. Worth something only where it is well above
            `disagreeing_share`.
        capture_interval: exact 95 % interval of `capture`.
        catches: misses on which this member votes yes.
        catch_share: the same as a share of the misses; None without a miss.
        unique_catches: misses on which this member alone votes yes: what would be missed without it.
        unique_share: the same as a share of the misses; None without a miss.
        disagreeing: rows on which the votes differ.
        disagreeing_share: the same as a share of all rows.
    """

    model_config = ConfigDict(frozen=True)

    n_eff: float | None
    n_eff_interval: tuple[float, float] | None
    error_correlation: Matrix
    double_fault: Matrix
    misses: int
    captured: int
    capture: float | None
    capture_interval: tuple[float, float] | None
    catches: dict[str, int]
    catch_share: dict[str, float | None]
    unique_catches: dict[str, int]
    unique_share: dict[str, float | None]
    disagreeing: int
    disagreeing_share: float


def independence(
    probabilities: FloatArray,
    labels: FloatArray,
    *,
    members: Sequence[str],
    deployed: str,
    threshold: ArrayLike,
    rng: np.random.Generator | None = None,
) -> Independence:
    """Measures all columns together.

    Args:
        probabilities: P(yes), shape (n, members), n >= 1, without nan.
        labels: 0 or 1, shape (n,).
        members: names of the columns.
        deployed: the member whose failures are hunted.
        threshold: vote yes from here on; one for all, or shape (members,).
        rng: draws the bootstrap; None draws the same one every time.
    """
    votes = probabilities >= np.asarray(threshold, dtype=np.float64)
    errors = votes != (labels == 1)[:, None]
    correlation = _correlation(errors)
    column = list(members).index(deployed)
    caught = votes[(labels == 1) & ~votes[:, column]]
    differ = (votes != votes[:, :1]).any(axis=1)
    catches, alone = caught.sum(axis=0), caught[caught.sum(axis=1) == 1].sum(axis=0)
    others = [(i, name) for i, name in enumerate(members) if i != column]
    misses, captured = len(caught), int(caught.any(axis=1).sum())
    return Independence(
        n_eff=effective_votes(correlation),
        n_eff_interval=_n_eff_interval(errors, rng or np.random.default_rng(0)),
        error_correlation=_matrix(correlation, members),
        double_fault=_matrix(errors.astype(float).T @ errors.astype(float) / len(errors), members),
        misses=misses,
        captured=captured,
        capture=_share(captured, misses),
        capture_interval=clopper_pearson(captured, misses) if misses else None,
        catches={name: int(catches[i]) for i, name in others},
        catch_share={name: _share(int(catches[i]), misses) for i, name in others},
        unique_catches={name: int(alone[i]) for i, name in others},
        unique_share={name: _share(int(alone[i]), misses) for i, name in others},
        disagreeing=int(differ.sum()),
        disagreeing_share=float(differ.mean()),
    )


def effective_votes(correlation: FloatArray) -> float | None:
    """members^2 / sum of correlations, from a (members, members) matrix; undefined pairs take the mean of the rest.

    At least 1 unless correlations exceed 1; None where no pair is defined. Negative correlations can lift it above
    the number of members.
    """
    size = len(correlation)
    pairs = correlation[~np.eye(size, dtype=bool)]
    if size == 1:
        return 1.0
    if np.isnan(pairs).all():
        return None
    return float(size / max(1 + (size - 1) * float(np.nanmean(pairs)), 1e-9))


def _n_eff_interval(errors: BoolArray, rng: np.random.Generator) -> tuple[float, float] | None:
    """Percentile bootstrap over rows; None where no resample has a defined pair.

    Rows that err alike are interchangeable, so that it is enough to draw how often each pattern of errors comes.
    """
    patterns, counts = np.unique(errors, axis=0, return_counts=True)
    drawn = rng.multinomial(len(errors), counts / len(errors), size=_RESAMPLES) / len(errors)
    both = (patterns[:, :, None] & patterns[:, None, :]).astype(np.float64)
    found = [effective_votes(_phi(joint)) for joint in np.tensordot(drawn, both, axes=1)]
    values = [value for value in found if value is not None]
    if not values:
        return None
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def _correlation(errors: BoolArray) -> FloatArray:
    as_float = errors.astype(np.float64)
    return _phi(as_float.T @ as_float / len(errors))


def _phi(joint: FloatArray) -> FloatArray:
    """Correlations from shares of rows on which both err, (members, members); nan where one never or always errs."""
    mean = np.diag(joint)
    variance = mean * (1 - mean)
    variance = np.where(variance > 1e-12, variance, np.nan)
    phi = (joint - np.outer(mean, mean)) / np.sqrt(np.outer(variance, variance))
    return np.asarray(np.clip(phi, -1.0, 1.0), dtype=np.float64)


def _share(hits: int, trials: int) -> float | None:
    return hits / trials if trials else None


def _matrix(values: FloatArray, members: Sequence[str]) -> Matrix:
    return {
        row: {column: None if np.isnan(values[i, j]) else float(values[i, j]) for j, column in enumerate(members)}
        for i, row in enumerate(members)
    }
