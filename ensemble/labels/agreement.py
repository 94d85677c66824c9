"""How far raters agree beyond chance: Krippendorff's alpha for any number of raters, with gaps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Agreement:
    """Krippendorff's alpha: 1 = all agree, 0 = as by chance, below 0 = worse.

    Attributes:
        alpha: nan where no two answers to one text can be compared, or all are the same.
        interval: 95 %, by resampling texts; nan where alpha is.
        items: texts with at least two answers.
    """

    alpha: float
    interval: tuple[float, float]
    items: int


def krippendorff(
    items: Sequence[int] | NDArray[np.intp],
    answers: Sequence[int] | NDArray[np.intp],
    *,
    kinds: int = 3,
    resamples: int = 1_000,
    seed: int = 0,
) -> Agreement:
    """Alpha for nominal answers (Krippendorff, Content Analysis, 2004, ch. 11) with a bootstrap interval.

    Args:
        items: number of each answer's text, from 0, shape (n,).
        answers: 0 to `kinds` - 1, shape (n,).
        kinds: of answers.
        resamples: of whole texts, whose answers stay together.
        seed: of the resampling.
    """
    item, said = np.asarray(items, dtype=np.intp), np.asarray(answers, dtype=np.intp)
    texts = int(item.max(initial=-1)) + 1
    table = np.bincount(item * kinds + said, minlength=texts * kinds).reshape(texts, kinds).astype(np.float64)
    table = table[table.sum(1) > 1]
    if not len(table):
        return Agreement(np.nan, (np.nan, np.nan), 0)
    counts = table.sum(1)
    # Pairs that differ within each text, weighed so that every answer counts once.
    observed = (counts**2 - (table**2).sum(1)) / np.maximum(counts - 1, 1)
    alpha = float(_alpha(observed[None].sum(1), table.sum(0)[None])[0])
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(len(table), np.full(len(table), 1 / len(table)), size=resamples)
    many = _alpha(drawn @ observed, drawn @ table)
    known = many[~np.isnan(many)]
    interval = tuple(np.quantile(known, [0.025, 0.975])) if len(known) and not np.isnan(alpha) else (np.nan, np.nan)
    return Agreement(alpha, (float(interval[0]), float(interval[1])), len(table))


def _alpha(observed: NDArray[np.float64], totals: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 - observed / expected disagreement; shapes (k,) and (k, kinds)."""
    n = totals.sum(1)
    expected = (n**2 - (totals**2).sum(1)) / np.maximum(n - 1, 1)
    share = np.divide(observed, expected, out=np.full(len(n), np.nan), where=expected > 0)
    return np.asarray(1 - share)
