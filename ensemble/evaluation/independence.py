"""How differently the members err.

With weights the shares are estimates for the population that the rows were drawn from: a row drawn with probability q
weighs 1/q (Hajek 1971; ratios of Horvitz-Thompson sums). Counts stay counts of rows, which is what an estimate stands
on. Intervals take the rows as drawn independently of each other.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict

from ensemble.errors import InputError
from ensemble.evaluation.intervals import korn_graubard
from ensemble.scorer import FloatArray

Matrix = dict[str, dict[str, float | None]]

BoolArray = NDArray[np.bool_]

_RESAMPLES, _FEWEST_RESAMPLES = 1000, 100
_DRAWS, _DRAWS_AT_ONCE = 20_000_000, 1_000_000
"""Numbers drawn for one interval, about, and held in memory at the same time."""


class Independence(BaseModel):
    """What the members are worth together.

    A miss is a row labelled yes that the deployed member passes. Members other than the deployed one are listed in
    `catches`, `catch_share`, `unique_catches`, `unique_share`. Where rows have weights, a share is one of weight.

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
        capture_interval: 95 % interval of `capture`: exact, or with weights by Korn and Graubard (1998).
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
    weights: FloatArray | None = None,
    rng: np.random.Generator | None = None,
) -> Independence:
    """Measures all columns together.

    Args:
        probabilities: P(yes), shape (n, members), n >= 1, without nan.
        labels: 0 or 1, shape (n,).
        members: names of the columns.
        deployed: the member whose failures are hunted.
        threshold: vote yes from here on; one for all, or shape (members,).
        weights: how many rows of the population each row stands for, positive, on any scale, shape (n,); None = all
            the same.
        rng: draws the bootstrap; None draws the same one every time.

    Raises:
        InputError: weights of another shape, or one that is not positive and finite.
    """
    votes = probabilities >= np.asarray(threshold, dtype=np.float64)
    shares = _shares(weights, len(votes))
    errors = votes != (labels == 1)[:, None]
    joint = _joint(errors, shares)
    column = list(members).index(deployed)
    missed = (labels == 1) & ~votes[:, column]
    caught, sizes = votes[missed], shares[missed]
    differ = (votes != votes[:, :1]).any(axis=1)
    any_, alone = caught.any(axis=1), caught & (caught.sum(axis=1) == 1)[:, None]
    others = [(i, name) for i, name in enumerate(members) if i != column]
    return Independence(
        n_eff=effective_votes(_phi(joint)),
        n_eff_interval=_n_eff_interval(errors, shares, rng or np.random.default_rng(0)),
        error_correlation=_matrix(_phi(joint), members),
        double_fault=_matrix(joint, members),
        misses=len(caught),
        captured=int(any_.sum()),
        capture=_share(any_, sizes),
        capture_interval=korn_graubard(any_, sizes) if len(caught) else None,
        catches={name: int(caught[:, i].sum()) for i, name in others},
        catch_share={name: _share(caught[:, i], sizes) for i, name in others},
        unique_catches={name: int(alone[:, i].sum()) for i, name in others},
        unique_share={name: _share(alone[:, i], sizes) for i, name in others},
        disagreeing=int(differ.sum()),
        disagreeing_share=_share(differ, shares) or 0.0,
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


def _shares(weights: FloatArray | None, rows: int) -> FloatArray:
    """Weights of the rows that sum to their number."""
    if weights is None:
        return np.ones(rows)
    given = np.asarray(weights, dtype=np.float64)
    if given.shape != (rows,) or not (np.isfinite(given) & (given > 0)).all():
        raise InputError(f"weights must be {rows} positive finite numbers, one a row", field="weights")
    return np.asarray(given * (rows / given.sum()), dtype=np.float64)


def _n_eff_interval(errors: BoolArray, shares: FloatArray, rng: np.random.Generator) -> tuple[float, float] | None:
    """Percentile bootstrap over rows; None where no resample has a defined pair.

    Rows that err alike and weigh the same are interchangeable, so it is enough to draw how often each such group comes.
    Very many groups get fewer resamples: the interval is narrow then, and its ends need not be known better.
    """
    grouped, counts = np.unique(np.column_stack([errors, shares]), axis=0, return_counts=True)
    patterns, sizes = grouped[:, :-1], grouped[:, -1]
    both = (patterns[:, :, None] * patterns[:, None, :]).reshape(len(patterns), -1)
    resamples = int(np.clip(_DRAWS // len(patterns), _FEWEST_RESAMPLES, _RESAMPLES))
    at_once = max(1, _DRAWS_AT_ONCE // len(patterns))
    values: list[float] = []
    for start in range(0, resamples, at_once):
        drawn = rng.multinomial(len(errors), counts / len(errors), size=min(at_once, resamples - start)) * sizes
        joints = (drawn @ both) / drawn.sum(axis=1, keepdims=True)
        found = (effective_votes(_phi(joint.reshape(errors.shape[1], -1))) for joint in joints)
        values += [value for value in found if value is not None]
    if not values:
        return None
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def _joint(errors: BoolArray, shares: FloatArray) -> FloatArray:
    """Share of rows on which both err, shape (members, members)."""
    as_float = errors.astype(np.float64)
    return np.asarray(as_float.T @ (as_float * shares[:, None]) / shares.sum(), dtype=np.float64)


def _phi(joint: FloatArray) -> FloatArray:
    """Correlations from shares of rows on which both err, (members, members); nan where one never or always errs."""
    mean = np.diag(joint)
    variance = mean * (1 - mean)
    variance = np.where(variance > 1e-12, variance, np.nan)
    phi = (joint - np.outer(mean, mean)) / np.sqrt(np.outer(variance, variance))
    return np.asarray(np.clip(phi, -1.0, 1.0), dtype=np.float64)


def _share(hits: BoolArray, sizes: FloatArray) -> float | None:
    return float(sizes[hits].sum() / sizes.sum()) if len(sizes) else None


def _matrix(values: FloatArray, members: Sequence[str]) -> Matrix:
    return {
        row: {column: None if np.isnan(values[i, j]) else float(values[i, j]) for j, column in enumerate(members)}
        for i, row in enumerate(members)
    }
