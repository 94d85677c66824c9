"""What every strategy keeps to, ours included."""

import numpy as np
import pytest

from ensemble.errors import InputError
from miners.acquisition.registry import chosen, strategies
from miners.acquisition.strategy import Answered

NAMES = sorted(strategies())
NAN = float("nan")


def _answers(places, labels):
    return Answered(np.array(places, dtype=np.intp), np.array(labels, dtype=float), np.full(len(places), NAN))


@pytest.mark.parametrize("name", NAMES)
def test_never_more_than_asked_and_nothing_twice(clusters, name):
    """As many new texts as asked for, each once, with q in (0, 1] and finite values."""
    pool, labels = clusters(120)
    done = _answers(range(10), labels[:10])
    choice = strategies()[name].choose(pool, done, 17, np.random.default_rng(0))
    assert len(choice.indices) == len(set(choice.indices.tolist())) == 17
    assert not set(choice.indices.tolist()) & set(range(10))
    assert ((choice.probabilities > 0) & (choice.probabilities <= 1)).all()
    assert np.isfinite(choice.values).all()


@pytest.mark.parametrize("name", NAMES)
def test_one_seed_one_choice(clusters, name):
    """The same pool, answers and seed give the same texts in the same order."""
    pool, labels = clusters(150)
    done = _answers(range(30), labels[:30])
    first, again = (strategies()[name].choose(pool, done, 20, np.random.default_rng(3)) for _ in range(2))
    assert first.indices.tolist() == again.indices.tolist()
    assert first.probabilities.tolist() == again.probabilities.tolist()


@pytest.mark.parametrize("name", NAMES)
def test_ties_fall_by_the_seed(pool, name):
    """Among texts that are all alike each is as likely to come first as any other."""
    given = pool(np.full((5, 3), 0.2))
    hits = np.zeros(5)
    for seed in range(400):
        hits[strategies()[name].choose(given, Answered(), 1, np.random.default_rng(seed)).indices[0]] += 1
    assert np.abs(hits / 400 - 0.2).max() < 4.5 * np.sqrt(0.2 * 0.8 / 400)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("count", [0, 3, 50])
def test_small_and_spent_pools(pool, name, count):
    """Nothing asked or nothing left gives nothing; more asked than there is gives all that is left, once each."""
    given = pool([[0.1, 0.2], [NAN, 0.3], [NAN, NAN], [0.3, 0.1]], posterior=[0.1, 0.2, 0.5, 0.2])
    choice = strategies()[name].choose(given, _answers([0], [1]), count, np.random.default_rng(0))
    new = [place for place in choice.indices.tolist() if place != 0]
    assert len(new) == len(set(new)) == min(3, count)
    assert len(choice.indices) <= count  # ours may ask about the answered one again where there is room
    spent = _answers([0, 1, 2, 3], [1, 0, 0, 0])
    again = strategies()[name].choose(given, spent, 0, np.random.default_rng(0))
    assert len(again.indices) == 0


def test_random_says_its_probability():
    """Simple random sampling: every text left has q = asked / left."""
    given = strategies()["random"]
    from miners.acquisition.strategy import Pool

    pool = Pool(np.full((40, 1), 0.1), ("a",), "a", np.array([0.5]), np.full(40, 0.1), np.zeros((40, 0), np.float32))
    choice = given.choose(pool, _answers(range(8), np.zeros(8)), 4, np.random.default_rng(0))
    assert choice.probabilities.tolist() == [4 / 32] * 4


def test_only_ours_learns():
    """The others choose by the members' numbers alone, whatever people answered."""
    assert [name for name, strategy in strategies().items() if strategy.learns] == ["adaptive"]


def test_names_on_the_command_line():
    """Names with commas between, each once, or all; an unknown one is named beside those there are."""
    assert [s.name for s in chosen("random, adaptive,random")] == ["random", "adaptive"]
    assert sorted(s.name for s in chosen("all")) == NAMES
    with pytest.raises(InputError, match="'luck' is unknown; there are adaptive, random"):
        chosen("random,luck")
    with pytest.raises(InputError, match="names none"):
        chosen(" , ")
