"""Picking at random: what every other strategy has to beat, and the one whose answers give a rate as they stand."""

from __future__ import annotations

import numpy as np

from miners.acquisition.ranked import unanswered
from miners.acquisition.strategy import Answered, Choice, Pool


class Random:
    """Simple random sampling without replacement; q = count / texts left."""

    name = "random"
    learns = False

    def choose(self, pool: Pool, answered: Answered, count: int, rng: np.random.Generator) -> Choice:
        """See `Strategy`."""
        left = unanswered(pool, answered)
        chosen = rng.permutation(left)[: max(0, count)]
        share = len(chosen) / max(1, len(left))
        return Choice(indices=chosen, probabilities=np.full(len(chosen), share), values=np.zeros(len(chosen)))
