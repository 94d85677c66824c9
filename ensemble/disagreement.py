"""How much the members differ on a text."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ensemble.scorer import FloatArray


def binary_entropy(probability: ArrayLike) -> FloatArray:
    """Entropy of a yes/no answer in bits, in [0, 1], same shape; 0 at certainty, 1 at p = 0.5; nan stays nan."""
    p = np.clip(np.asarray(probability, dtype=np.float64), 1e-12, 1 - 1e-12)
    return np.asarray(-(p * np.log2(p) + (1 - p) * np.log2(1 - p)), dtype=np.float64)


def jensen_shannon(probabilities: ArrayLike) -> FloatArray:
    """Jensen-Shannon divergence of the members' answers, in bits (Lin 1991).

    Args:
        probabilities: P(yes), shape (n, members); nan where a member did not answer.

    Returns:
        Shape (n,), in [0, 1]: 0 where all say the same number (or fewer than two answered), 1 where members are
        certain and split in half.
    """
    p = np.asarray(probabilities, dtype=np.float64)
    answered = (~np.isnan(p)).sum(axis=1)
    known = np.where(np.isnan(p), 0.0, p)
    entropies = np.where(np.isnan(p), 0.0, binary_entropy(known))
    count = np.maximum(answered, 1)
    divergence = binary_entropy(known.sum(axis=1) / count) - entropies.sum(axis=1) / count
    return np.asarray(np.where(answered < 2, 0.0, np.clip(divergence, 0.0, 1.0)), dtype=np.float64)
