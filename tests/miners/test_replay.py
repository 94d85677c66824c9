"""Back-testing: what counts as a failure, how what was found is told, and what is refused."""

import numpy as np
import pytest

from ensemble.errors import InputError
from ensemble.row_checks import check_row
from miners.acquisition.registry import strategies
from miners.acquisition.strategy import Answered, Choice
from miners.acquisition.text_features import text_features
from miners.replay import Plan, replay, run
from miners.replay_report import saving
from miners.replay_rows import MEAN_LOGIT, ROWS, Gathered, carried, to_replay, with_features

NAN = float("nan")


def gathered(records):
    """Rows put together as the command does."""
    result = Gathered()
    for line, record in enumerate(records, start=1):
        result.add(check_row({"text": f"text {line}", **record}, file="rows.jsonl", line=line))
    return result


def rows(count=400, failures=20, seed=0, **more):
    """Rows of two members of which b ranks failures well and a, the deployed one, does not; every tenth is flagged."""
    rng = np.random.default_rng(seed)
    failing = set(rng.permutation(np.flatnonzero(np.arange(count) % 10))[:failures].tolist())
    for i in range(count):
        a = 0.8 if i % 10 == 0 else float(rng.uniform(0.01, 0.45))
        b = float(np.clip(rng.normal(0.5 if i in failing else 0.2, 0.1), 0.01, 0.99))
        yield {"label": int(i in failing or i % 10 == 0), "members": {"a": a, "b": b}, **more}


@pytest.fixture
def labelled():
    """360 passed texts with 20 failures."""
    found = gathered(rows())
    return to_replay(found, carried(found, 0.5), None, None)


class Sly:
    """Asks for one text again and again, and then for the next."""

    name, learns = "sly", True

    def choose(self, pool, answered, count, rng):  # noqa: ARG002 - part of the signature
        place = len(answered.indices) // 4
        return Choice(np.array([place]), np.ones(1), np.ones(1))


def test_a_failure_is_labelled_yes_and_passed(labelled):
    """Flagged rows and rows without the deployed member's number are no part of what strategies choose from."""
    assert (labelled.rows, len(labelled.labels), labelled.failures) == (400, 360, 20)
    assert (labelled.pool.deployed, labelled.pool.members) == ("a", ("a", "b"))
    some = gathered(
        [{"label": 1, "members": {"a": 0.1}}, {"label": 1, "members": {"b": 0.1}}, {"label": 1, "members": {"a": 0.5}}]
    )
    found = to_replay(some, carried(some, 0.5), "a", None)
    assert (len(found.labels), found.unscored, found.failures) == (1, 1, 1)
    assert np.isnan(found.pool.probabilities[0, 1])


def test_threshold_and_deployed_can_be_chosen():
    """The threshold moves the deployed member's only; another deployed member misses other texts."""
    some = gathered(rows())
    table = carried(some, 0.5)
    assert to_replay(some, table, "a", 0.2).pool.thresholds.tolist() == [0.2, 0.5]
    assert to_replay(some, table, "b", None).failures != 20


def test_the_posterior_is_the_rows_own_or_the_mean_logit():
    """Where every row brings one it is taken as it stands, else that of none."""
    own = gathered(rows(posterior=0.25))
    table = carried(own, 0.5)
    assert (table.source, set(table.posterior.tolist())) == (ROWS, {0.25})
    some = gathered(
        [{"label": 1, "members": {"a": 0.2, "b": 0.8}, "posterior": 0.9}, {"label": 0, "members": {"a": 0.3}}]
    )
    table = carried(some, 0.5)
    assert table.source == MEAN_LOGIT
    assert table.posterior == pytest.approx([0.5, 0.3])


def test_rows_bring_embeddings_severity_and_origin():
    """All of them reach the pool; an embedding that not all rows have is left out."""
    record = {"label": 1, "members": {"a": 0.1}, "severity": 3, "origin": "web", "embedding": [0.5, 1]}
    some = gathered([record, record])
    found = to_replay(some, carried(some, 0.5), None, None)
    assert found.pool.features.tolist() == [[0.5, 1.0]] * 2
    assert (found.severity.tolist(), list(found.pool.origins)) == ([3, 3], ["web", "web"])
    some = gathered([record, {"label": 1, "members": {"a": 0.1}}])
    assert to_replay(some, carried(some, 0.5), None, None).pool.features.shape == (2, 0)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"posterior": 1.5}, "posterior.*from 0 to 1, not 1.5"),
        ({"posterior": True}, "posterior.*from 0 to 1, not True"),
        ({"severity": 5}, "severity.*from 0 to 4, not 5"),
        ({"embedding": "x"}, "embedding.*array of numbers"),
        ({"embedding": [[1.0]]}, "embedding.*flat array"),
        ({"label": None}, "label.*has no label"),
    ],
    ids=str,
)
def test_rows_that_bring_rubbish_are_refused(more, message):
    """The message names field, value and limit."""
    with pytest.raises(InputError) as told:
        gathered([{"label": 1, "members": {"a": 0.1}, **more}])
    import re

    assert re.search(message, f"{told.value.field} {told.value}")


def test_embeddings_of_two_widths_are_refused():
    """The second row says how wide the first ones were."""
    with pytest.raises(InputError, match="has 1 numbers where earlier rows have 2"):
        gathered([{"label": 1, "embedding": [1, 2]}, {"label": 1, "embedding": [1]}])


@pytest.mark.parametrize(
    ("deployed", "threshold", "message"),
    [
        ("c", None, "'c' is not among the members of the rows: a, b"),
        (None, 0.0, "passes none of 400 rows.*raise the threshold"),
        (None, 0.02, "none of these is labelled yes.*no failure to find"),
    ],
)
def test_where_there_is_nothing_to_find_it_says_so(deployed, threshold, message):
    """Unknown member, nothing passed, no failure among what is passed."""
    some = gathered(rows(failures=1))
    with pytest.raises(InputError, match=message):
        to_replay(some, carried(some, 0.5), deployed, threshold)


def test_rows_without_members_are_named():
    """How many of how many."""
    some = gathered([{"label": 1, "members": {"a": 0.1}}, {"label": 1}])
    with pytest.raises(InputError, match="1 of 2 rows carry no members"):
        carried(some, 0.5)


@pytest.mark.parametrize("name", ["labels", "seeds", "batch"])
def test_a_plan_of_nothing_is_refused(name):
    """Zero labels, seeds or batches."""
    with pytest.raises(InputError, match="must be at least 1, not 0"):
        Plan(**{"labels": 10, name: 0})


def test_counts_are_those_of_the_order(labelled):
    """What a ranking finds is what stands among its first; budgets beyond the labels are left out."""
    strategy = strategies()["stacked-posterior"]
    found = replay(labelled, [strategy], Plan(120, seeds=3)).strategies["stacked-posterior"]
    order = strategy.choose(labelled.pool, Answered(), 360, np.random.default_rng(0)).indices
    expected = np.cumsum(labelled.labels[order])
    assert list(found.found) == ["50", "100", "120"]
    assert [found.found[b] for b in found.found] == [expected[49], expected[99], expected[119]]
    assert found.labels_for_80 == np.searchsorted(expected, 16) + 1
    assert found.curve[0] == (0.0, 0.0)
    assert found.curve[-1] == (120.0, expected[119])


def test_intervals_hold_the_mean_and_narrow_with_failures():
    """Each holds its mean; with eight times the failures it is narrower for its size."""
    widths = []
    for failures in (20, 160):
        some = gathered(rows(count=3200 if failures == 160 else 400, failures=failures))
        plan = Plan(500 if failures == 160 else 62, seeds=3)
        found = replay(to_replay(some, carried(some, 0.5), None, None), [strategies()["stacked-posterior"]], plan)
        curve = found.strategies["stacked-posterior"]
        for budget, mean in curve.found.items():
            assert curve.interval[budget][0] <= mean <= curve.interval[budget][1]
        last = str(found.labels)
        widths.append(np.ptp(curve.interval[last]) / curve.found[last])
    assert widths[1] < 0.6 * widths[0]


def test_intervals_cover_what_other_pools_give():
    """Of 200 pools of one kind, the interval told by one holds another's count about as often as it should."""
    rng, strategy, means, intervals = np.random.default_rng(1), strategies()["stacked-posterior"], [], []
    for seed in range(200):
        some = gathered(rows(300, failures=int(rng.binomial(270, 0.1)) or 1, seed=seed))
        found = replay(to_replay(some, carried(some, 0.5), None, None), [strategy], Plan(50, seeds=1))
        means.append(found.strategies[strategy.name].found["50"])
        intervals.append(found.strategies[strategy.name].interval["50"])
    truth = np.mean(means)
    assert 0.88 < np.mean([low <= truth <= high for low, high in intervals]) <= 1.0


def test_one_seed_one_report(labelled):
    """The same rows and plan give the same report, learners included."""
    plan = Plan(40, seeds=2)
    given = with_features(labelled, text_features(labelled.texts))
    first, again = (replay(given, list(strategies().values()), plan) for _ in range(2))
    assert first == again


def test_a_second_vote_costs_a_label_and_finds_nothing_new(labelled):
    """A text asked four times counts once, and stands four times in the order."""
    order = run(labelled, Sly(), 12, 10, np.random.default_rng(0))
    assert order.tolist() == [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]
    found = replay(labelled, [Sly()], Plan(12, seeds=1)).strategies["sly"].found["12"]
    assert found == labelled.labels[:3].sum()


def test_more_labels_than_texts_spend_what_there_is(labelled):
    """The budget is cut to the passed texts, and then everything is found."""
    found = replay(labelled, [strategies()["random"], strategies()["adaptive"]], Plan(5_000, seeds=1, batch=60))
    assert found.labels == 360
    assert all(each.found["360"] == 20 for each in found.strategies.values())


def test_the_saving_is_told_in_one_sentence(labelled):
    """How many failures for how many labels, and what picking at random would take on average for as many."""
    found = replay(labelled, [strategies()[n] for n in ("random", "stacked-posterior")], Plan(60, seeds=2))
    ours = found.strategies["stacked-posterior"].found["60"]
    told = saving(found)
    assert told.startswith(f"With 60 labels stacked-posterior finds {ours:.0f} of 20 failures")
    assert f"about {round(ours * 361 / 21):,} labels for as many" in told
    assert "at a minute a label" in told
    alone = saving(replay(labelled, [strategies()["random"]], Plan(60, seeds=2)))
    assert "nothing to compare it with" in alone


def test_random_picks_need_as_many_labels_as_is_told(labelled):
    """The mean position of the x-th failure in random orders is what `by_chance` says."""
    found = replay(labelled, [strategies()["random"]], Plan(60, seeds=1))
    rng = np.random.default_rng(0)
    places = [np.flatnonzero(rng.permutation(labelled.labels))[9] + 1 for _ in range(2_000)]
    assert np.mean(places) == pytest.approx(found.by_chance(10), rel=0.03)


def test_texts_of_like_words_have_like_features():
    """Unit length, the same for the same text, close for close words; no words give no direction."""
    texts = ["the dog bit the man", "a dog bit a man badly", "stocks fell in london", "stocks rose in london", "!!"]
    found = text_features(texts)
    assert np.linalg.norm(found[:4], axis=1) == pytest.approx(np.ones(4), rel=1e-5)
    likeness = found @ found.T
    assert likeness[0, 1] > likeness[0, 2] + 0.2
    assert found.shape[0] == 5
    assert not np.isnan(found).any()
    assert text_features(["?", "!"]).shape == (2, 0)
    assert text_features(["only one"]).shape == (1, 0)
