"""How reliable a rater is, told from answers to texts of which the truth is known or believed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ensemble.labels.settings import NO, UNSURE, YES, LabelSettings


@dataclass(frozen=True)
class RaterQuality:
    """Means and 95 % intervals of a posterior; all in [0, 1].

    Attributes:
        sensitivity: P(yes | yes), where the rater says yes or no at all.
        specificity: P(no | no), likewise.
        unsure: P(unsure).
        votes: answers given.
    """

    sensitivity: float
    sensitivity_interval: tuple[float, float]
    specificity: float
    specificity_interval: tuple[float, float]
    unsure: float
    votes: int


def quality(counts: NDArray[np.float64], votes: int, settings: LabelSettings) -> RaterQuality:
    """A rater's quality, with the priors of the settings.

    Args:
        counts: expected number of answers by class of the text, shape (no or yes, answer), without the prior.
        votes: answers given.
        settings: priors.
    """
    seen = counts + settings.rater_prior()
    sensitivity, sensitivity_interval = _share(seen[YES, YES], seen[YES, NO])
    specificity, specificity_interval = _share(seen[NO, NO], seen[NO, YES])
    unsure = float(seen[:, UNSURE].sum() / seen.sum())
    return RaterQuality(sensitivity, sensitivity_interval, specificity, specificity_interval, unsure, votes)


def _share(hits: float, misses: float) -> tuple[float, tuple[float, float]]:
    """Mean and central 95 % of a beta distribution."""
    from scipy.stats import beta

    low, high = beta.ppf([0.025, 0.975], hits, misses)
    return float(hits / (hits + misses)), (float(low), float(high))
