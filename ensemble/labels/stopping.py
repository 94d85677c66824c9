"""Whether further answers could change a label, and are worth what they cost."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from ensemble.labels.belief import Belief
from ensemble.labels.settings import LabelSettings

_UNSAID = 2
"""Answers of which none says yes or no, after which nobody else is asked."""


def worth_of_more(belief: Belief, settings: LabelSettings, count: int = 1) -> float:
    """By how much `count` answers of unknown raters are expected to lower what a wrong label costs, >= 0.

    The expected value of sample information (Raiffa and Schlaifer 1961); 0 where so many could not turn the label. An
    ambiguous text has no wrong label.
    """
    now = np.array([belief.no, belief.yes])
    after = now[:, None] * _chances(settings, count)  # (no or yes, what the answers are)
    return max(0.0, float(_cost(now, settings) - _cost(after, settings).sum()))


def wants_more(belief: Belief, settings: LabelSettings) -> bool:
    """Whether another answer should be asked for: it, or it and others after it, are worth their cost.

    Looking at several answers at once matters where a wrong no costs much: the first no cannot turn a label that three
    can. Nobody is asked where the answers allowed are spent, nor about a text that is likelier ambiguous than not:
    there another answer tells of who was asked rather than of the text.
    """
    left = settings.max_votes - belief.votes
    if left < 1 or (belief.votes and belief.is_ambiguous):
        return False
    if not belief.said:
        return belief.votes < _UNSAID
    return any(worth_of_more(belief, settings, count) > count * settings.vote_cost for count in range(1, left + 1))


@lru_cache(maxsize=512)
def _chances(settings: LabelSettings, count: int) -> NDArray[np.float64]:
    """P(so many no, yes and unsure | class) for all ways in which `count` answers can fall, shape (2, ways)."""
    ways = np.array(list(_ways(count)))
    prior = settings.rater_prior()
    logs = np.log(prior / prior.sum(1, keepdims=True)) @ ways.T
    return np.asarray(np.exp(logs + gammaln(count + 1) - gammaln(ways + 1).sum(1)))


def _ways(count: int) -> Iterator[tuple[int, int, int]]:
    for no in range(count + 1):
        for yes in range(count + 1 - no):
            yield no, yes, count - no - yes


def _cost(weights: NDArray[np.float64], settings: LabelSettings) -> NDArray[np.float64]:
    """Expected cost of the better label, by unnormalised weights of no and yes, shape (2, ...)."""
    return np.asarray(np.minimum(settings.miss_cost * weights[1], weights[0]))
