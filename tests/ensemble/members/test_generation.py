"""Which token is drawn."""

from collections import Counter

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

from ensemble.members.generation import _draw


def _drawn(probabilities, top_p, times):
    generator = torch.Generator().manual_seed(7)
    return Counter(_draw(probabilities, top_p, generator) for _ in range(times))


def test_tokens_are_drawn_as_often_as_they_are_likely():
    """The smallest set with the mass asked for is drawn in proportion, and nothing else ever."""
    probabilities = torch.tensor([0.05, 0.4, 0.1, 0.2, 0.25])
    drawn = _drawn(probabilities, 0.8, 4000)
    assert set(drawn) == {1, 4, 3}
    expected = np.array([0.4, 0.25, 0.2]) / 0.85 * 4000
    fit = chisquare([drawn[1], drawn[4], drawn[3]], expected)
    print(f"drawn {dict(drawn)}, p {fit.pvalue:.2f}")
    assert fit.pvalue > 0.001


@pytest.mark.parametrize("size", [1, 255, 257, 5000])
def test_a_flat_distribution_reaches_past_what_is_sorted_first(size):
    """Where hundreds of tokens are needed for the mass, hundreds are drawn."""
    drawn = _drawn(torch.full((size,), 1 / size), 1.0, 2000)
    assert max(drawn) < size
    assert len(drawn) > min(size, 2000) / 2


def test_a_certain_token_is_always_drawn():
    """Its mass alone is enough."""
    assert set(_drawn(torch.tensor([0.0, 1.0, 0.0]), 0.95, 50)) == {1}
