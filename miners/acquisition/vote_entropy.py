"""Vote entropy: how evenly the members' yes/no votes are split (Dagan and Engelson 1995, ICML)."""

from __future__ import annotations

import numpy as np

from ensemble.disagreement import binary_entropy
from miners.acquisition.ranked import best
from miners.acquisition.strategy import Answered, Choice, FloatArray, Pool


class VoteEntropy:
    """Entropy of the share of yes votes; coarse, as most misses get no yes vote at all, hence many ties."""

    name = "vote-entropy"
    learns = False

    def choose(self, pool: Pool, answered: Answered, count: int, rng: np.random.Generator) -> Choice:
        """See `Strategy`."""
        return best(pool, vote_entropy(pool.probabilities, pool.thresholds), answered, count, rng)


def vote_entropy(probabilities: FloatArray, thresholds: FloatArray) -> FloatArray:
    """Entropy of the votes in bits, shape (n,), in [0, 1]: 0 where all vote alike, 1 where they split in half.

    Args:
        probabilities: P(yes), shape (n, members); nan abstains.
        thresholds: P(yes) from which each member votes yes, shape (members,).

    Returns:
        0 where fewer than two members voted.
    """
    voted = ~np.isnan(probabilities)
    yes = (voted & (np.where(voted, probabilities, 0.0) >= thresholds)).sum(axis=1)
    count = voted.sum(axis=1)
    # Clipping inside the entropy leaves 1e-11 bits at a unanimous vote, which must tie with none at all.
    split = (yes > 0) & (yes < count)
    return np.where(split, binary_entropy(yes / np.maximum(count, 1)), 0.0)
