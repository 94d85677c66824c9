"""Taking the best of a ranking: what the strategies without chance share."""

from __future__ import annotations

import numpy as np

from miners.acquisition.strategy import Answered, Choice, FloatArray, IntArray, Pool


def unanswered(pool: Pool, answered: Answered) -> IntArray:
    """Places of the texts that nobody has answered, increasing."""
    left = np.ones(len(pool.probabilities), dtype=np.bool_)
    left[answered.indices] = False
    return np.flatnonzero(left)


def best(pool: Pool, values: FloatArray, answered: Answered, count: int, rng: np.random.Generator) -> Choice:
    """The `count` unanswered texts of the highest values, highest first; fewer where fewer are left.

    Args:
        pool: n texts.
        values: shape (n,); higher is wanted more; nan comes last.
        answered: texts not to choose again.
        count: how many, at least 0.
        rng: decides between equal values.
    """
    left = unanswered(pool, answered)
    keys = np.where(np.isnan(values[left]), -np.inf, values[left])
    shuffled = rng.permutation(len(left))
    order = shuffled[np.argsort(-keys[shuffled], kind="stable")][: max(0, count)]
    return Choice(indices=left[order], probabilities=np.ones(len(order)), values=keys[order])


def deployed_column(pool: Pool) -> FloatArray:
    """P(yes) of the deployed member, shape (n,)."""
    return pool.probabilities[:, pool.members.index(pool.deployed)]


def passed(pool: Pool) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Whether the deployed member answered and passes the text, shape (n,)."""
    return np.asarray(deployed_column(pool) < pool.thresholds[pool.members.index(pool.deployed)], dtype=np.bool_)
