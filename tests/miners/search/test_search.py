"""The search as a proposer: deterministic, exact over any restart, no leaks, and it learns."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ensemble.text import Text
from miners.campaigns.intake import Expects
from miners.candidate import RESCORE, Provenance
from miners.errors import SourceError
from miners.proposer import Cost, Costs, Learns, Outcome
from miners.search.search import Search


def _run(search, judged, rounds=6, count=16):
    found = []
    for _ in range(rounds):
        batch = search.propose(count)
        found += batch
        search.observe(judged(batch))
    return found


def _copy(search, make_search, **settings):
    again = make_search(**settings)
    again.restore(json.loads(json.dumps(search.state())))
    return again


def _changed(items):
    """The same with another version of the encoder, which now is lenient throughout."""
    found = []
    for item in items:
        members = dict(item.verdict.members)
        members["encoder"] = members["encoder"].model_copy(
            update={"version": "1" * 12, "probability": 0.3, "vote": "no"}
        )
        found.append(type(item)(item.candidate, item.verdict.model_copy(update={"members": members})))
    return found


def _outcome(candidate, label, *, missed, severity=None):
    text = candidate.text
    return Outcome(text.id, text.text, text.context, candidate.provenance, label, missed, severity)


def test_it_has_the_faces_of_a_proposer_that_learns_and_costs(make_search):
    """The loop finds out by these what it may ask."""
    search = make_search()
    assert search.name == "search"
    assert isinstance(search, Learns)
    assert isinstance(search, Costs)
    assert isinstance(search, Expects)


def test_it_is_deterministic_by_its_seed(make_search, judged):
    """Same seed and verdicts, same texts; another seed, others."""
    first, second, other = (_run(make_search(seed=seed), judged) for seed in (1, 1, 2))
    assert first == second
    assert first != other


# The fixtures are functions without state, the same for every example.
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sizes=st.lists(st.integers(1, 30), min_size=1, max_size=5),
    cuts=st.lists(st.integers(1, 30), max_size=8),
    stops=st.sets(st.integers(0, 12)),
)
def test_any_split_of_the_calls_gives_the_same_texts(make_search, judged, sizes, cuts, stops):
    """However the same number of texts is asked for and reported, and wherever it is stored and restored."""
    whole, parts, step = make_search(), make_search(), 0
    for size in sizes:
        expected = whole.propose(size)
        whole.observe(judged(expected))
        found = []
        for cut in [*cuts, *([size] * 40)]:
            if len(found) == size:
                break
            found += parts.propose(min(cut, size - len(found)))
            step += 1
            if step in stops:
                parts = _copy(parts, make_search)
        assert found == expected
        for item in judged(found):
            parts.observe([item])
        if size % 2:
            parts = _copy(parts, make_search)
    assert parts.state() == whole.state()


def test_labels_are_part_of_what_is_restored(make_search, judged):
    """After learning, the restored search goes on as the first one does."""
    search = make_search()
    found = _run(search, judged)
    search.learn([_outcome(c, i % 2, missed=bool(i % 2)) for i, c in enumerate(found)])
    again = _copy(search, make_search)
    assert _run(again, judged) == _run(search, judged)


def test_only_texts_of_allowed_splits_are_rewritten(make_search, judged, seeds):
    """No descendant of a held-out text is proposed, and every text says its family and split."""
    by_id = {seed.id: seed for seed in seeds}
    for candidate in _run(make_search(), judged, rounds=12):
        root = by_id[candidate.provenance.meta["root"]]
        assert root.meta["split"] == candidate.provenance.meta["split"] == "train"
        assert candidate.provenance.family == root.meta["family"]


def test_a_confirmed_miss_of_a_held_out_split_is_not_rewritten(make_search, appending):
    """Misses that people confirmed become parents unless their split is kept out."""
    search = make_search([appending()])
    for split, name in [("test", "held out"), ("train", "allowed"), ("", "no split")]:
        text = f"The {name} miller broke his arm in the wheel."
        provenance = Provenance(source="corpus:a", family=name, meta={"split": split} if split else {})
        search.learn([Outcome(Text(text).id, text, "", provenance, label=1, missed=True)])
    families = {c.provenance.family for c in search.propose(300)}
    assert {"allowed", "no split"} <= families
    assert "held out" not in families


def test_chains_grow_from_elites_within_bounds(make_search, judged, appending):
    """Operators are applied to what others made, none twice in a chain, and never more than the depth allows."""
    operators = [appending(f"op{i}", style=f"s{i}") for i in range(5)]
    found = _run(make_search(operators), judged, rounds=20)
    lengths = {len(c.provenance.operators) for c in found}
    assert lengths == {1, 2, 3}
    assert all(len(set(c.provenance.operators)) == len(c.provenance.operators) for c in found)
    by_id = {c.text.id: c for c in found}
    chained = [c for c in found if len(c.provenance.operators) > 1]
    for candidate in chained:
        parent = by_id[candidate.provenance.parent]
        assert candidate.provenance.operators[:-1] == parent.provenance.operators
        assert candidate.provenance.expected_label == 1


def test_benign_texts_are_only_flipped_and_injuries_never(make_search, judged, appending):
    """What should come out is a harmful text, however it begins."""
    operators = [appending(), appending("turning", effect="flips", style="turned")]
    found = _run(make_search(operators), judged, rounds=20)
    assert {c.provenance.expected_label for c in found} == {1}
    turned = [c for c in found if "turning" in c.provenance.operators]
    assert {c.provenance.meta["label"] for c in turned} == {0}
    assert {c.provenance.meta["label"] for c in found if c not in turned} == {1}


def test_an_operator_may_do_another_thing_to_each_label(make_search, judged, appending):
    """One that keeps a yes and flips a no is given both kinds of text; one that takes a yes back is given none."""

    class Planting(appending):
        def effect_on(self, label):
            return "keeps" if label else "flips"

    class Dreaming(appending):
        def effect_on(self, label):
            return "flips" if label else "keeps"

    search = make_search([Planting("planting"), Dreaming("dreaming")])
    found = _run(search, judged)
    assert {c.provenance.operators[-1] for c in found} == {"planting"}
    by_label = {(c.provenance.meta["label"], c.provenance.meta["effect"]) for c in found}
    assert by_label == {(1, "keeps"), (0, "flips")}
    assert {c.provenance.expected_label for c in found} == {1}


def test_near_duplicates_of_parent_and_family_are_dropped(make_search, judged, appending):
    """An operator that changes next to nothing gives nothing."""

    class Barely(appending):
        def rewrite(self, parent, _rng):
            return Text(parent.text.replace("By ", "by ", 1), parent.context), {}

    search = make_search([Barely(), appending("real")], near_duplicate=0.85)
    found = _run(search, judged)
    assert {c.provenance.operators for c in found} == {("real",)}


def test_limit_and_expectation_hold_over_a_restart(make_search):
    """At the limit nothing more is given."""
    search = make_search(limit=20)
    assert search.expected(100) == 20
    assert len(search.propose(15)) == 15
    again = _copy(search, make_search, limit=20)
    assert again.expected(100) == 5
    assert len(again.propose(15)) == 5
    assert again.propose(15) == []
    assert make_search().expected(100) is None


def test_refuted_elites_leave_and_confirmed_ones_stay(make_search, judged):
    """A text of which people say no is no failure; one of which they say yes is surer than before."""
    search = make_search()
    _run(search, judged)
    refuted, confirmed = search.archive.best(2)
    search.learn(
        [_outcome(refuted.candidate, 0, missed=False), _outcome(confirmed.candidate, 1, missed=True, severity=4)]
    )
    assert refuted.id not in search.archive
    kept = search.archive.find(confirmed.id)
    assert kept.worth.evidence == 1.0
    assert kept.worth.value > confirmed.worth.value


def test_it_comes_to_use_the_operator_that_people_confirm(make_search, judged, appending):
    """Two operators alike to the panel; of one, people refute what it makes."""
    search = make_search([appending("honest", style="a"), appending("breaking", style="b")])
    for _ in range(12):
        batch = search.propose(16)
        search.observe(judged(batch))
        for item in batch:
            right = item.provenance.operators[-1] == "honest"
            search.learn([_outcome(item, int(right), missed=right)])
    last = [c.provenance.operators[-1] for c in search.propose(200)]
    assert last.count("honest") > 0.7 * len(last)


def test_elites_of_a_member_that_changed_are_scored_again(make_search, judged):
    """Once a new version is sure, old elites leave, are proposed again first, and stand anew with their new verdict."""
    search = make_search()
    _run(search, judged)
    before = {elite.id: elite for elite in search.archive.elites()}

    fresh = search.propose(16)
    search.observe(_changed(judged(fresh)))
    assert all(e.verdict.members["encoder"].version == "1" * 12 for e in search.archive.elites())
    search = _copy(search, make_search)
    again = search.propose(len(before) + 7)
    assert all(c.provenance.meta[RESCORE] is True for c in again)
    assert {c.text.id for c in again} - {c.text.id for c in fresh} == set(before)
    search.observe(_changed(judged(again)))
    for elite in search.archive.elites():
        assert elite.verdict.members["encoder"].version == "1" * 12
        assert RESCORE not in elite.provenance.meta
    assert set(before) & {elite.id for elite in search.archive.elites()}
    assert not any(RESCORE in c.provenance.meta for c in search.propose(16))


def test_what_people_said_of_an_elite_outlives_a_change_of_version(make_search, judged):
    """Confirmed before the change, or refuted while waiting for the new verdict: both hold afterwards."""
    search = make_search()
    _run(search, judged)
    confirmed, refuted = search.archive.best(2)
    search.learn([_outcome(confirmed.candidate, 1, missed=True, severity=4)])
    search.observe(_changed(judged(search.propose(16))))
    search.learn([_outcome(refuted.candidate, 0, missed=False)])
    search = _copy(search, make_search)
    again = search.propose(300)
    assert {confirmed.id, refuted.id} <= {c.text.id for c in again if c.again}
    search.observe(_changed(judged(again)))
    assert refuted.id not in search.archive
    kept = search.archive.find(confirmed.id)
    assert kept is None or (kept.label, kept.severity) == (1, 4)
    assert any(elite.label == 1 for elite in search.archive.elites())


def test_a_single_answer_of_another_version_changes_nothing(make_search, judged):
    """While members are replaced old and new ones answer in turn; the odd one is asked again, the archive stays."""
    search = make_search()
    _run(search, judged)
    before = search.archive.elites()
    (item,) = judged(search.propose(1))
    members = {name: score.model_copy(update={"version": "2" * 12}) for name, score in item.verdict.members.items()}
    search.observe([type(item)(item.candidate, item.verdict.model_copy(update={"members": members}))])
    assert search.archive.elites() == before
    (again,) = search.propose(1)
    assert again.text == item.candidate.text
    assert again.provenance.meta[RESCORE] is True


def test_the_summary_shows_filled_and_best_niches(make_search, judged):
    """Notes are JSON: how many niches are filled of how many, and the best of them."""
    search = make_search()
    _run(search, judged)
    niches = json.loads(json.dumps(search.notes()))["niches"]
    assert 0 < niches["filled"] <= niches["cells"]
    assert niches["best"][0]["niche"].startswith("encoder")
    assert niches["best"][0]["worth"] >= niches["best"][-1]["worth"]


def test_it_tells_what_it_used_once(make_search, appending):
    """CPU time and the gradient passes of its operators, since the last call."""

    class Costly(appending):
        passes = 0

        def rewrite(self, parent, rng):
            self.passes += 3
            return super().rewrite(parent, rng)

        def take_cost(self):
            passes, self.passes = self.passes, 0
            return Cost(gradient_passes=passes)

    search = make_search([Costly()], near_duplicate=1.0)
    search.propose(16)
    cost = search.take_cost()
    assert cost.gradient_passes == 3 * 16
    assert cost.cpu_seconds > 0
    assert search.take_cost().gradient_passes == 0


def test_no_seed_in_the_allowed_splits_is_refused(make_search):
    """Allowing a split that has no rows is an error at the start, as is a search without operators."""
    with pytest.raises(SourceError, match="nowhere"):
        make_search(splits=("nowhere",))
    with pytest.raises(SourceError, match="operator"):
        make_search([])
    assert isinstance(make_search(), Search)
