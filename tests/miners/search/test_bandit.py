"""The bandit goes by what people confirm per unit of cost, and by what verdicts promise until they do."""

import json

import numpy as np
import pytest

from miners.search.bandit import Bandit

ARMS = [("a@seed", "a"), ("b@seed", "b"), ("c@seed", "c")]


def _pulled(bandit, rng, pulls, *, promise, cost, confirm, label_share=0.1):
    """Pulls arms with these true rates; labels come for some of what promised something."""
    counts = [0] * len(ARMS)
    for _ in range(pulls):
        index = bandit.choose(ARMS, rng)
        counts[index] += 1
        arm, operator = ARMS[index]
        promised = rng.random() < promise[index]
        bandit.credit(arm, promised=float(promised), cost=cost[index])
        if promised and rng.random() < label_share:
            bandit.answer(operator, confirmed=rng.random() < confirm[index])
    return counts


@pytest.mark.parametrize(
    ("promise", "cost", "confirm", "best"),
    [
        ((0.1, 0.4, 0.1), (4.0, 4.0, 4.0), (0.8, 0.8, 0.8), 1),
        ((0.4, 0.4, 0.4), (4.0, 4.0, 4.0), (0.1, 0.1, 0.9), 2),
        ((0.4, 0.4, 0.4), (4.0, 16.0, 16.0), (0.8, 0.8, 0.8), 0),
        ((0.2, 0.6, 0.6), (4.0, 4.0, 40.0), (0.9, 0.1, 0.9), 0),
    ],
    ids=["promises more", "is confirmed more often", "costs less", "has the best product"],
)
def test_it_comes_to_prefer_the_arm_with_most_confirmed_per_cost(promise, cost, confirm, best):
    """With labels for a tenth of the promises, most of the later pulls go to the best arm."""
    bandit, rng = Bandit(memory=20_000.0), np.random.default_rng(1)
    _pulled(bandit, rng, 800, promise=promise, cost=cost, confirm=confirm)
    later = _pulled(bandit, rng, 800, promise=promise, cost=cost, confirm=confirm)
    assert later[best] > 0.7 * sum(later)
    assert max(ARMS, key=lambda pair: bandit.rate(*pair)) == ARMS[best]


def test_without_labels_it_goes_by_what_verdicts_promise():
    """Before anybody has answered, the arm that promises most is pulled most."""
    bandit, rng = Bandit(), np.random.default_rng(2)
    counts = _pulled(bandit, rng, 600, promise=(0.05, 0.05, 0.5), cost=(4.0,) * 3, confirm=(0.5,) * 3, label_share=0.0)
    assert counts[2] > 0.7 * sum(counts)


def test_an_arm_that_has_nothing_new_to_give_is_left():
    """Promises fade: when the best arm runs dry, another one takes its place."""
    bandit, rng = Bandit(memory=1_000.0), np.random.default_rng(3)
    _pulled(bandit, rng, 400, promise=(0.6, 0.2, 0.0), cost=(4.0,) * 3, confirm=(0.8,) * 3)
    later = _pulled(bandit, rng, 1_000, promise=(0.0, 0.2, 0.0), cost=(4.0,) * 3, confirm=(0.8,) * 3)
    assert later[1] > 0.5 * sum(later)


def test_every_arm_is_tried():
    """An arm never tried promises more than most that were, so that none is left out."""
    bandit, rng = Bandit(), np.random.default_rng(4)
    counts = _pulled(bandit, rng, 300, promise=(0.3, 0.0, 0.0), cost=(4.0,) * 3, confirm=(0.8,) * 3)
    assert min(counts) >= 5


def test_it_is_deterministic_and_goes_on_from_its_state():
    """The same state and generator choose the same arms."""
    first = Bandit()
    _pulled(first, np.random.default_rng(5), 50, promise=(0.3, 0.1, 0.2), cost=(4.0,) * 3, confirm=(0.5,) * 3)
    second = Bandit()
    second.restore(json.loads(json.dumps(first.state())))
    pulls = [
        _pulled(bandit, np.random.default_rng(6), 50, promise=(0.3, 0.1, 0.2), cost=(4.0,) * 3, confirm=(0.5,) * 3)
        for bandit in (first, second)
    ]
    assert pulls[0] == pulls[1]
    assert first.state() == second.state()
