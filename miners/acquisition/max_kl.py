"""Maximum disagreement: the divergence of the member that differs most from the mean.

The mean over the members instead of the maximum is the KL divergence to the mean of McCallum and Nigam (1998, ICML),
which for members of equal weight is `jensen_shannon`; the maximum is what modAL calls max disagreement.
"""

from __future__ import annotations

import numpy as np

from ensemble.calibration import PROBABILITY_FLOOR
from miners.acquisition.ranked import best
from miners.acquisition.strategy import Answered, Choice, FloatArray, Pool


class MaxKL:
    """Largest Kullback-Leibler divergence of a member from the mean of all."""

    name = "max-kl"
    learns = False

    def choose(self, pool: Pool, answered: Answered, count: int, rng: np.random.Generator) -> Choice:
        """See `Strategy`."""
        return best(pool, max_kl(pool.probabilities), answered, count, rng)


def max_kl(probabilities: FloatArray) -> FloatArray:
    """Max over members of KL(member || mean) in bits, shape (n,), at least 0; 0 where all say the same.

    Args:
        probabilities: P(yes), shape (n, members); nan where a member did not answer, which leaves it out.

    Returns:
        0 where fewer than two members answered. At most log2 of the number of members that answered.
    """
    p = np.clip(probabilities, PROBABILITY_FLOOR, 1 - PROBABILITY_FLOOR)
    answered = ~np.isnan(p)
    count = answered.sum(axis=1)
    mean = (np.where(answered, p, 0.0).sum(axis=1) / np.maximum(count, 1))[:, None]
    mean = np.clip(mean, PROBABILITY_FLOOR, 1 - PROBABILITY_FLOOR)
    divergence = p * np.log2(p / mean) + (1 - p) * np.log2((1 - p) / (1 - mean))
    largest = np.where(answered, divergence, 0.0).max(axis=1, initial=0.0)
    return np.where(count < 2, 0.0, np.maximum(largest, 0.0))
