"""Consensus entropy: how unsure the members are on average, be it each alone or because they differ (modAL's name)."""

from __future__ import annotations

import numpy as np

from ensemble.disagreement import binary_entropy
from miners.acquisition.ranked import best
from miners.acquisition.strategy import Answered, Choice, FloatArray, Pool


class ConsensusEntropy:
    """Entropy of the mean of the members' P(yes)."""

    name = "consensus-entropy"
    learns = False

    def choose(self, pool: Pool, answered: Answered, count: int, rng: np.random.Generator) -> Choice:
        """See `Strategy`."""
        return best(pool, consensus_entropy(pool.probabilities), answered, count, rng)


def consensus_entropy(probabilities: FloatArray) -> FloatArray:
    """Entropy of the mean probability in bits, shape (n,), in [0, 1]: highest where the mean is 0.5.

    Args:
        probabilities: P(yes), shape (n, members); nan where a member did not answer, which leaves it out of the mean.

    Returns:
        0 where nobody answered.
    """
    answered = ~np.isnan(probabilities)
    count = answered.sum(axis=1)
    mean = np.where(answered, probabilities, 0.0).sum(axis=1) / np.maximum(count, 1)
    return np.where(count > 0, binary_entropy(mean), 0.0)
