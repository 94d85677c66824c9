"""The deployed member's own margin: what it passed by the least.

Uncertainty sampling (Lewis and Gale 1994) around the threshold in use, from below only. It needs no other member, so
whatever asks others must find more than this.
"""

from __future__ import annotations

import numpy as np

from miners.acquisition.ranked import best, deployed_column, passed
from miners.acquisition.strategy import Answered, Choice, Pool


class DeployedMargin:
    """Highest deployed P(yes) still under the threshold; flagged and unscored texts come after all passed ones."""

    name = "deployed-margin"
    learns = False

    def choose(self, pool: Pool, answered: Answered, count: int, rng: np.random.Generator) -> Choice:
        """See `Strategy`."""
        return best(pool, np.where(passed(pool), deployed_column(pool), np.nan), answered, count, rng)
