"""Priority sampling: stated probabilities are true, sketches join in any order, repeats count once."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from miners.bulk.topk import Kept, TopK, capacity, drawn, share_out, uniform


def _entries(weights, seed, niche="n/0"):
    return [
        Kept(key=uniform(f"{niche}{i}", seed) / w, weight=w, niche=niche, id=f"{niche}{i}", text=f"text {i}")
        for i, w in enumerate(weights)
    ]


def _drawn(weights, seed, keep, niche="n/0"):
    held = TopK(keep)
    held.add(_entries(weights, seed, niche))
    return drawn(held, keep)


def test_sums_weighted_by_the_inverse_probability_are_unbiased():
    """Over 3,000 seeds the estimates of count, weight and an unrelated total average to the truth (4 errors)."""
    rng = np.random.default_rng(1)
    weights = 0.1 + 0.9 * rng.beta(0.5, 3.0, 120)
    other = rng.random(120) < 0.2
    found = []
    for seed in range(3000):
        chosen = [(int(kept.id.removeprefix("n/0")), q) for kept, q in _drawn(weights, seed, 20)]
        assert len(chosen) == 20
        found.append([sum(v[i] / q for i, q in chosen) for v in (np.ones(120), weights, other)])
    error = np.std(found, axis=0) / np.sqrt(len(found))
    assert (np.abs(np.mean(found, axis=0) - [120, weights.sum(), other.sum()]) < 4 * error).all()


def test_a_text_is_kept_as_often_as_its_probability_says():
    """The share of seeds with which each text is kept is the mean of its stated probability, given the others' keys."""
    weights = np.array([1.0, 0.5, 0.5, 0.2, 0.1, 0.1, 0.1, 0.05])
    hits, stated = np.zeros(8), np.zeros(8)
    for seed in range(4000):
        entries = sorted(_entries(weights, seed), key=lambda one: one.key)
        for kept, _ in _drawn(weights, seed, 3):
            hits[int(kept.id.removeprefix("n/0"))] += 1
        for i, weight in enumerate(weights):  # the threshold that the others set: the third smallest key among them
            others = [one.key for one in entries if one.id != f"n/0{i}"]
            stated[i] += min(1.0, weight * others[2])
    assert (np.abs(hits - stated) / 4000 < 4 * np.sqrt(0.25 / 4000)).all()
    assert (np.diff(hits[[0, 1, 3, 4, 7]]) < 0).all()


def test_all_texts_of_a_small_niche_are_kept_for_sure():
    """Where there is room for all, every probability is 1."""
    assert [q for _, q in _drawn([0.3, 0.1, 1.0], 5, 3)] == [1.0, 1.0, 1.0]


@given(st.lists(st.floats(0.01, 1.0), min_size=1, max_size=60), st.integers(1, 20), st.integers(0, 99), st.data())
def test_parts_can_be_joined_in_any_order(weights, keep, seed, data):
    """However a stream is cut, repeated and reordered, the sketch is that of the whole."""
    entries = _entries(weights, seed)
    whole = TopK(keep)
    whole.add(entries)
    repeated = data.draw(st.permutations([*entries, *entries[: len(entries) // 2]]))
    joined = TopK(keep)
    for part in itertools.batched(repeated, 7) if hasattr(itertools, "batched") else _batched(repeated, 7):
        one = TopK(keep)
        one.add(part)
        joined.add(one.entries())
    assert joined.entries() == whole.entries()
    assert len(whole.entries()) <= keep + 1
    assert all(0 < q <= 1 for _, q in drawn(whole, keep))


def _batched(items, size):
    return (items[at : at + size] for at in range(0, len(items), size))


def test_memory_is_bounded_by_niches_and_capacity():
    """A stream of 20,000 texts in three niches leaves three times the capacity and one more each."""
    held = TopK(50)
    for niche in ("a/0", "b/1", "flagged"):
        for part in _batched(_entries(np.full(20_000, 0.5), 3, niche), 1000):
            held.add(part)
    assert held.sizes() == {"a/0": 51, "b/1": 51, "flagged": 51}


@given(st.dictionaries(st.text(max_size=3), st.integers(0, 50), max_size=8), st.integers(0, 200))
def test_places_are_shared_out_evenly_and_none_is_lost(sizes, keep):
    """A niche gets fewer places than another only where it has no more texts."""
    places = share_out(sizes, keep)
    assert sum(places.values()) == min(keep, sum(sizes.values()))
    assert all(0 <= places[niche] <= sizes[niche] for niche in sizes)
    short = [places[niche] for niche in sizes if places[niche] < sizes[niche]]
    assert not short or min(short) >= max(places.values()) - 1


def test_what_a_niche_leaves_free_goes_to_the_others():
    """With one full and one nearly empty niche, all places are used, and probabilities are the larger for it."""
    held = TopK(capacity(100, 9))
    held.add(_entries(np.full(500, 1.0), 1, "a/0"))
    held.add(_entries(np.full(500, 1.0), 1, "c/0"))
    held.add(_entries([1.0, 1.0], 1, "b/0"))
    chosen = drawn(held, 80)
    assert len(chosen) == 80
    assert sum(kept.niche == "b/0" for kept, _ in chosen) == 2
    assert sum(1 / q for kept, q in chosen if kept.niche == "a/0") == pytest.approx(500, rel=0.35)


def test_a_text_in_two_niches_counts_once():
    """A score on the edge of two niches does not put a text on the list twice."""
    held = TopK(5)
    held.add([Kept(key=0.1, weight=1.0, niche=niche, id="same", text="t") for niche in ("b/1", "a/0")])
    assert [kept.niche for kept, _ in drawn(held, 5)] == ["a/0"]


def test_another_seed_keeps_other_texts():
    """What is kept depends on seed and text alone."""
    first, again, other = ({kept.id for kept, _ in _drawn(np.full(100, 0.5), seed, 10)} for seed in (1, 1, 2))
    assert first == again
    assert first != other
