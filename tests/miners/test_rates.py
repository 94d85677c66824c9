"""What the texts that were chosen say about all of them."""

import itertools

import numpy as np
import pytest

from ensemble.errors import InputError
from ensemble.evaluation.intervals import clopper_pearson
from miners.acquisition.strategy import Choice
from miners.rates import Round, failure_rate, label_weights, rounds_of
from miners.selection import inclusion_probabilities, systematic


def drawn(probabilities, failures, left):
    """A round."""
    return Round(np.array(probabilities, dtype=float), np.array(failures, dtype=bool), left)


def one_by_one(failing, chances):
    """Every way to draw two of some texts one after the other, with its probability and its rounds.

    `chances(first, failed)` gives the second draw's probabilities over all texts, shape (n,), 0 at the first.
    """
    start = chances(None, False)
    for first, second in itertools.permutations(range(len(failing)), 2):
        after = chances(first, failing[first])
        rounds = [drawn([start[first]], [failing[first]], len(failing)),
                  drawn([after[second]], [failing[second]], len(failing) - 1)]  # fmt: skip
        yield start[first] * after[second], rounds


@pytest.mark.parametrize("failing", [[1, 0, 0, 0], [1, 1, 0, 0], [0, 1, 0, 1], [1, 1, 1, 1], [0, 0, 0, 0]])
def test_over_all_ways_to_draw_the_estimate_is_the_truth(failing):
    """Although what the first answer says decides how the second text is drawn."""
    worth = np.array([8.0, 4.0, 2.0, 1.0])

    def chances(first, failed):
        size = worth if not failed else worth[::-1].copy()
        if first is not None:
            size = np.where(np.arange(4) == first, 0, size)
        return size / size.sum()

    ways = list(one_by_one([bool(x) for x in failing], chances))
    assert sum(p for p, _ in ways) == pytest.approx(1)
    assert sum(p * failure_rate(rounds).rate for p, rounds in ways) == pytest.approx(np.mean(failing))


def test_rounds_of_one_text_weigh_as_in_the_paper_on_lure():
    """v_m = 1 + (N - M)/(N - m) (1/((N - m + 1) q_m) - 1), and a text stands for N/M of them times v_m."""
    q = [0.02, 0.1, 0.005, 0.3, 0.04]
    rounds = [drawn([each], [False], 50 - m) for m, each in enumerate(q)]
    n, total = 50, len(q)
    paper = [1 + (n - total) / (n - m) * (1 / ((n - m + 1) * each) - 1) for m, each in enumerate(q, start=1)]
    assert label_weights(rounds) == pytest.approx(n / total * np.array(paper))


def test_one_round_is_horvitz_and_thompson():
    """Every text stands for 1/q."""
    assert label_weights([drawn([0.5, 0.1, 1.0], [1, 0, 1], 100)]) == pytest.approx([2, 10, 1])


@pytest.mark.parametrize(("failures", "sizes"), [(3, [100]), (0, [100]), (37, [10, 50, 40]), (100, [60, 40])])
def test_draws_by_mere_chance_give_the_plain_share_and_nearly_its_interval(failures, sizes):
    """Rounds of any size, from 100,000 texts; Clopper and Pearson's, being exact, is a little wider."""
    left, rounds, failing = 100_000, [], np.arange(100) < failures
    for start, size in zip(np.cumsum([0, *sizes]), sizes, strict=False):
        part = failing[start : start + size]
        rounds.append(drawn(np.full(size, size / left), part, left))
        left -= size
    found = failure_rate(rounds)
    assert found.rate == pytest.approx(failures / 100)
    exact, width = clopper_pearson(failures, 100), np.diff(clopper_pearson(failures, 100))[0]
    assert found.interval == pytest.approx(exact, abs=0.25 * width)
    assert found.interval[0] - 1e-9 <= found.rate <= found.interval[1] + 1e-9


def test_no_failure_seen_is_not_no_failure():
    """The limit is near 3 in n of even draws, and higher where most labels went to few texts."""
    even = failure_rate([drawn(np.full(100, 0.01), np.zeros(100), 10_000)])
    assert (even.rate, even.interval[0]) == (0, 0)
    assert 0.025 < even.interval[1] < 0.045
    steep = failure_rate([drawn([*np.full(90, 1.0), *np.full(10, 10 / 9910)], np.zeros(100), 10_000)])
    assert steep.interval[1] > 0.2


def test_texts_that_were_certain_leave_nothing_to_guess():
    """With q = 1 everywhere the rate is known, in one round and in several."""
    assert failure_rate([drawn([1.0] * 4, [1, 0, 0, 1], 4)]).interval == (0.5, 0.5)
    rounds = [drawn([0.5], [True], 2), drawn([1.0], [False], 1)]
    found = failure_rate(rounds)
    assert (found.rate, found.interval) == (0.5, (0.5, 0.5))


def test_all_but_two_certain():
    """The interval holds what was found and what the last text can still add; an empty round changes nothing."""
    found = failure_rate([drawn([1.0] * 8 + [0.5], [1] * 3 + [0] * 6, 10), drawn([], [], 1)])
    assert found.rate == pytest.approx(0.3)
    assert found.interval[0] == pytest.approx(0.3)
    assert found.interval[1] <= 0.4 + 1e-9


def test_limits_keep_to_what_the_labels_prove():
    """Never fewer failures than were found, never more than the texts that were not labelled `no`."""
    found = failure_rate([drawn([0.9, 0.9, 0.9, 0.1], [1, 1, 1, 0], 6)])
    assert found.interval[0] >= 3 / 6
    assert found.interval[1] <= 5 / 6
    assert (found.texts, found.labels, found.found) == (6, 4, 3)


def test_a_wider_confidence_gives_a_wider_interval():
    """99 % holds 95 % holds 80 %."""
    rounds = [drawn([0.5] * 10 + [0.02] * 10, [1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 1] + [0] * 9, 300)]
    limits = [failure_rate(rounds, confidence).interval for confidence in (0.8, 0.95, 0.99)]
    assert limits[2][0] <= limits[1][0] < limits[0][0]
    assert limits[0][1] < limits[1][1] < limits[2][1]


@pytest.mark.parametrize("learns", [False, True])
def test_simulated_campaigns_are_unbiased_and_cover(learns):
    """200 campaigns of 12 rounds on 600 texts with 40 failures; the bias is within 3.5 standard errors."""
    rng = np.random.default_rng(3)
    failing = np.zeros(600, dtype=bool)
    failing[rng.choice(600, 40, replace=False, p=_shares(np.linspace(3, -2, 600)))] = True
    found = [failure_rate(_campaign(failing, np.random.default_rng(seed), learns=learns)) for seed in range(200)]
    rates = np.array([each.rate for each in found])
    assert abs(rates.mean() - 40 / 600) < 3.5 * rates.std() / np.sqrt(len(rates))
    assert np.mean([each.interval[0] <= 40 / 600 <= each.interval[1] for each in found]) >= 0.9


def test_second_votes_are_no_draws_and_a_round_without_all_its_labels_ends_the_count():
    """What was drawn after an open round was drawn beside texts of which nothing is known."""
    labels = np.array([1, 0, 0, 1, np.nan, 0])

    def chosen(indices, chances):
        return Choice(np.array(indices), np.array(chances), np.zeros(len(indices)))

    choices = [chosen([0, 1], [0.5, 0.2]), chosen([0, 3], [1.0, 0.3]), chosen([4, 2], [0.5, 0.5]), chosen([5], [1.0])]
    rounds = rounds_of(choices, labels)
    assert [each.left for each in rounds] == [6, 4]
    assert [each.probabilities.tolist() for each in rounds] == [[0.5, 0.2], [0.3]]
    assert [each.failures.tolist() for each in rounds] == [[True, False], [True]]


def _shares(scores):
    size = np.exp(scores)
    return size / size.sum()


def _campaign(failing, rng, *, learns):
    """Rounds of ten texts; where it learns, places go more steeply to the first texts after every failure found."""
    left, rounds, hits = np.arange(len(failing)), [], 0
    for _ in range(12):
        power = 1.0 + 0.05 * hits * learns
        sizes = 0.7 * _shares(power * np.linspace(3, -2, len(failing))[left]) + 0.3 / len(left)
        q = inclusion_probabilities(sizes / sizes.sum(), 10)
        chosen = systematic(q, rng)
        rounds.append(Round(q[chosen], failing[left[chosen]], len(left)))
        hits += int(failing[left[chosen]].sum())
        left = np.delete(left, chosen)
    return rounds


@pytest.mark.parametrize(
    ("rounds", "message"),
    [
        ([], "no labels"),
        ([drawn([], [], 10)], "no labels"),
        ([drawn([0.0], [0], 10)], r"round 1 has a probability outside \(0, 1\]: 0 to 0"),
        ([drawn([0.5], [0], 10), drawn([1.5], [0], 9)], r"round 2 has a probability outside \(0, 1\]"),
        ([drawn([float("nan")], [0], 10)], "outside"),
        ([drawn([0.5, 0.5], [0], 10)], "2 probabilities for 1 labels"),
        (
            [drawn([0.5], [0], 10), drawn([0.5], [0], 10)],
            "round 2 draws 1 of 10 texts, where the rounds before it left 9",
        ),
        ([drawn([0.5, 0.5], [0, 0], 1)], "draws 2 of 1 texts"),
        ([drawn([1.0, 1.0], [1, 0], 3)], "took 2 of 3 texts for certain"),
    ],
    ids=str,
)
def test_what_no_rate_can_be_told_from_is_refused(rounds, message):
    """The message names the round and what is wrong with it."""
    with pytest.raises(InputError, match=message):
        failure_rate(rounds)


@pytest.mark.parametrize("confidence", [0, 1, 95, -1])
def test_confidence_is_a_share(confidence):
    """95 is not 0.95."""
    with pytest.raises(InputError, match="between 0 and 1"):
        failure_rate([drawn([0.5], [0], 10)], confidence)
