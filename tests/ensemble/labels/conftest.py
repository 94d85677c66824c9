"""Simulated raters: everybody has a sensitivity and a specificity of their own."""

from dataclasses import dataclass

import numpy as np
import pytest


@dataclass(frozen=True)
class Crowd:
    """Answers of simulated raters, flat and in order of arrival."""

    truth: np.ndarray
    items: np.ndarray
    raters: np.ndarray
    answers: np.ndarray
    sensitivity: np.ndarray
    specificity: np.ndarray


@pytest.fixture
def crowd():
    """Makes one; three answers a text unless said otherwise, in random order."""

    def make(texts=600, raters=12, votes=3, unsure=0.03, seed=0):
        rng = np.random.default_rng(seed)
        truth = (rng.random(texts) < 0.4).astype(int)
        sensitivity, specificity = rng.uniform(0.75, 0.98, raters), rng.uniform(0.75, 0.98, raters)
        items = np.repeat(np.arange(texts), votes)
        who = np.concatenate([rng.choice(raters, votes, replace=False) for _ in range(texts)])
        right = rng.random(len(items)) < np.where(truth[items] == 1, sensitivity[who], specificity[who])
        answers = np.where(right, truth[items], 1 - truth[items])
        answers[rng.random(len(items)) < unsure] = 2
        order = rng.permutation(len(items))
        return Crowd(truth, items[order], who[order], answers[order], sensitivity, specificity)

    return make
