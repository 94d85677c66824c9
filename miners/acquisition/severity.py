"""How severe a failure is expected to be, from the failures whose severity raters have told."""

from __future__ import annotations

import numpy as np

from miners.acquisition.kernel import Points
from miners.acquisition.strategy import FloatArray, Pool
from miners.acquisition.tally import Tally

HIGHEST = 4.0
_REACH = 0.3
_PRIOR = 1.0
_CHUNK = 8192


def expected_severity(pool: Pool, tally: Tally) -> FloatArray | None:
    """Expected severity of every text if it is a failure, as a share of the highest, shape (n,), in [0, 1].

    A mean over the failures that were rated, each weighed by how like the text it is (Nadaraya 1964, Watson 1964), and
    drawn to the mean of all of them where none is.

    Returns:
        None where no failure was rated: then nothing is known and nothing should be weighed.
    """
    rated = ~np.isnan(tally.severity) & (tally.yes > tally.no)
    if not rated.any():
        return None
    shares = tally.severity[rated] / HIGHEST
    if not pool.features.shape[1]:
        return np.full(len(pool.posterior), shares.mean())
    points = Points.of(pool)
    known = points.text[tally.indices[rated]]
    result = np.empty(len(pool.posterior))
    for start in range(0, len(result), _CHUNK):
        alike = np.exp((points.text[start : start + _CHUNK] @ known.T - 1.0) / _REACH)
        result[start : start + _CHUNK] = (alike @ shares + _PRIOR * shares.mean()) / (alike.sum(axis=1) + _PRIOR)
    return result
