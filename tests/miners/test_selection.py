"""Selection: probabilities are exact, sizes fixed, estimates unbiased, agreed texts audited."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensemble.text import Text
from miners.candidate import Candidate, Provenance, Scored
from miners.ranking import Ranked, rank
from miners.selection import Design, draw, inclusion_probabilities, mixed_sizes, select, systematic

MEMBERS = ("encoder", "judge", "keyword", "probe")


def _ranked(count: int, seed: int = 0) -> list[Ranked]:
    """A round like a real one: most texts low and unanimous, some disputed, some flagged."""
    rng = np.random.default_rng(seed)
    values = rng.beta(0.6, 4.0, count)
    unanimous = rng.random(count) < 0.7
    return [
        Ranked(float(v), {"miss_score": float(v), "disagreement": 0.1}, "", bool(u), bool(u))
        for v, u in zip(values, unanimous, strict=True)
    ]


@pytest.mark.parametrize("places", [1, 2, 7, 30, 59])
def test_inclusion_frequencies_match_the_stated_probabilities(places):
    """Over many draws every text is chosen as often as its q says (4.5 standard errors, 60 texts)."""
    ranked, draws, rng = _ranked(60), 6_000, np.random.default_rng(1)
    hits = np.zeros(60)
    for _ in range(draws):
        sample = draw(ranked, places, Design(), rng)
        hits[sample.chosen] += 1
    q = sample.probabilities
    error = np.sqrt(q * (1 - q) / draws)
    assert (np.abs(hits / draws - q) <= 4.5 * error + 1e-12).all()


def test_the_horvitz_thompson_estimate_is_unbiased():
    """Failures counted with weight 1/q average to the true number of failures; unweighted, they do not."""
    ranked, rng = _ranked(200, seed=3), np.random.default_rng(4)
    failure = rng.random(200) < np.array([item.value for item in ranked])
    weighted, plain = [], []
    for _ in range(4_000):
        sample = draw(ranked, 25, Design(), rng)
        found = failure[sample.chosen]
        weighted.append((found / sample.probabilities[sample.chosen]).sum())
        plain.append(found.mean() * 200)
    assert abs(np.mean(weighted) - failure.sum()) < 4 * np.std(weighted) / np.sqrt(len(weighted))
    assert np.mean(plain) > 1.5 * failure.sum()


@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=60),
    st.integers(1, 70),
    st.floats(0, 1),
    st.floats(0.01, 1),
    st.floats(0, 20),
    st.integers(0, 2**32),
)
def test_any_round_gives_a_valid_sample(values, places, audit, floor, power, seed):
    """For any values and design: fixed size, no text twice, every q in (0, 1], and the q sum to the size."""
    rng = np.random.default_rng(seed)
    ranked = [Ranked(v, {}, "", deployed_passed=True, unanimous_pass=bool(rng.integers(2))) for v in values]
    sample = draw(ranked, places, Design(audit_share=audit, floor_share=floor, power=power), rng)
    assert len(sample.chosen) == len(set(sample.chosen.tolist())) == min(places, len(values))
    assert (sample.probabilities > 0).all()
    assert (sample.probabilities <= 1).all()
    assert sample.probabilities.sum() == pytest.approx(min(places, len(values)), abs=1e-6)
    assert set(np.flatnonzero(sample.probabilities == 1.0)) <= set(sample.chosen.tolist())


def test_the_audit_gets_its_share():
    """A tenth of the places goes to texts that all members pass, uniformly among the calmer half of them."""
    ranked = _ranked(400)
    sample = draw(ranked, 50, Design(audit_share=0.1), np.random.default_rng(0))
    assert sample.audit[sample.chosen].sum() == 5
    assert all(ranked[i].unanimous_pass for i in np.flatnonzero(sample.audit))
    assert len(set(sample.probabilities[sample.audit].tolist())) == 1
    assert sample.audit.sum() == pytest.approx(sum(item.unanimous_pass for item in ranked) / 2, abs=1)


def test_higher_priority_means_higher_probability():
    """Among disputed texts the probability grows with the priority, and none falls under the floor."""
    sizes = mixed_sizes(np.linspace(0, 1, 50), Design(floor_share=0.2))
    q = inclusion_probabilities(sizes, 10)
    assert (np.diff(q) >= 0).all()
    assert q.min() >= 10 * 0.2 / 50 - 1e-12


def test_what_is_certain_is_always_taken():
    """Texts whose share exceeds a whole place have q = 1 and are in every sample."""
    q = inclusion_probabilities(np.array([0.9, 0.04, 0.03, 0.03]), 2)
    assert q[0] == 1.0
    assert q[1:].sum() == pytest.approx(1.0)
    rng = np.random.default_rng(0)
    assert all(0 in systematic(q, rng) for _ in range(200))


def test_places_for_all_take_all():
    """Where there are as many places as texts, everything is selected with certainty."""
    sample = draw(_ranked(9), 9, Design(), np.random.default_rng(0))
    assert sample.chosen.tolist() == list(range(9))
    assert (sample.probabilities == 1.0).all()


def test_no_place_for_some_text_is_refused():
    """Selecting nothing out of something is refused: those texts could never speak for the rest."""
    with pytest.raises(ValueError, match="0 places for 3 texts"):
        draw(_ranked(3), 0, Design(), np.random.default_rng(0))


def test_selected_texts_carry_numbers_and_the_audit_stands_among_the_others(verdict):
    """Selected texts come best first with q, parts and reason; audited ones borrow a place in the middle."""
    rng = np.random.default_rng(5)
    scored = []
    for i in range(300):
        p = {name: float(np.clip(rng.beta(0.4, 4) + rng.normal(0, 0.1), 0.01, 0.99)) for name in MEMBERS}
        text = Text(f"text number {i}")
        scored.append(Scored(Candidate(text, Provenance(source="s", family=text.id)), verdict(p, text.text)))
    ranked = [rank(item.verdict, "encoder") for item in scored]
    selected = select(scored, ranked, 40, Design(audit_share=0.25), np.random.default_rng(6))
    priorities = [item.priority for item in selected]
    assert priorities == sorted(priorities, reverse=True)
    audits = [i for i, item in enumerate(selected) if item.parts["audit"]]
    assert len(audits) == 10
    assert np.mean(audits) < 30
    assert all(selected[i].why.startswith("audit of agreement: encoder passes") for i in audits)
    assert all(selected[i].priority > selected[i].parts["own_priority"] for i in audits[:3])
    assert all(item.priority == item.parts["own_priority"] for item in selected if not item.parts["audit"])


def test_one_seed_one_sample():
    """The same generator state gives the same sample."""
    samples = [draw(_ranked(80), 11, Design(), np.random.default_rng(9)).chosen.tolist() for _ in range(2)]
    assert samples[0] == samples[1]
