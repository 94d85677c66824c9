"""Jensen-Shannon divergence of the members (Lin 1991): McCallum and Nigam's (1998) mean KL divergence to the mean."""

from __future__ import annotations

import numpy as np

from ensemble.disagreement import jensen_shannon
from miners.acquisition.ranked import best
from miners.acquisition.strategy import Answered, Choice, Pool


class JensenShannon:
    """How much the members' numbers differ, whatever their votes."""

    name = "jensen-shannon"
    learns = False

    def choose(self, pool: Pool, answered: Answered, count: int, rng: np.random.Generator) -> Choice:
        """See `Strategy`."""
        return best(pool, jensen_shannon(pool.probabilities), answered, count, rng)
