"""The panel's posterior, stacked from all members (Wolpert 1992), that the deployed member is wrong about the text."""

from __future__ import annotations

import numpy as np

from miners.acquisition.ranked import best, passed
from miners.acquisition.strategy import Answered, Choice, FloatArray, Pool


class StackedPosterior:
    """Highest posterior of being wrong: P(yes) of passed texts; flagged ones come after them, by P(no)."""

    name = "stacked-posterior"
    learns = False

    def choose(self, pool: Pool, answered: Answered, count: int, rng: np.random.Generator) -> Choice:
        """See `Strategy`."""
        return best(pool, _wrong(pool), answered, count, rng)


def _wrong(pool: Pool) -> FloatArray:
    """In [0, 1] for passed texts and in [-1, 0] for the rest, whose mistakes are false alarms."""
    return np.where(passed(pool), pool.posterior, -pool.posterior)
