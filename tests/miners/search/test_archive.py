"""The archive: the best of each niche stays, whatever the order of calls, through storing and through widening."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ensemble.text import Text
from miners.search.archive import Archive
from miners.search.elites import Elite
from miners.search.niches import Grid, niche_of

PROBABILITY = st.sampled_from([0.05, 0.2, 0.45, 0.7, 0.95])


@pytest.fixture
def elite(scored, grid):
    """Makes an elite with a verdict of the encoder and the judge."""

    def make(text, encoder=0.1, judge=0.9, over=grid, **fields):
        item = scored({"encoder": encoder, "judge": judge}, text=text, **fields)
        return Elite.of(item, niche_of(item.candidate.provenance.meta, item.verdict, over), "encoder")

    return make


def test_the_best_of_a_niche_stays(elite, grid):
    """A better text takes the place of a worse one, never the other way round, and of equals the first stays."""
    archive = Archive(grid)
    assert archive.offer(elite("first", 0.3)).new
    better = archive.offer(elite("second", 0.1))
    assert not better.new
    assert better.gain > 0
    assert archive.offer(elite("third", 0.2)).gain == 0
    assert archive.offer(elite("fourth", 0.1)).gain == 0
    assert [kept.text for kept in archive.elites()] == ["second"]
    assert Text("second").id in archive
    assert Text("first").id not in archive


def test_only_failures_count_as_filled(elite, grid):
    """Held texts and those thought harmless stand in the archive, and in no count."""
    archive = Archive(grid)
    archive.offer(elite("passes"))
    archive.offer(elite("is flagged", 0.9, meta={"harm": "cut"}))
    archive.offer(elite("harmless", meta={"harm": "fall"}, expected_label=0))
    assert len(archive) == 3
    assert archive.filled == 1
    assert [kept.text for kept in archive.best(5)] == ["passes"]


def test_what_is_removed_leaves_its_niche_empty(elite, grid):
    """After removal the same niche takes a worse text; removing a stranger changes nothing."""
    archive = Archive(grid)
    first, other = elite("first", 0.1), elite("other", meta={"harm": "cut"})
    archive.offer(first)
    archive.offer(other)
    archive.remove(["0" * 32])
    assert len(archive) == 2
    archive.remove([first.id])
    assert archive.find(first.id) is None
    assert archive.find(other.id) == other
    assert archive.offer(elite("worse", 0.4)).new


def test_an_elite_may_become_worth_less(elite, grid):
    """An elite put in place of itself keeps its niche, also with a lower value."""
    archive = Archive(grid)
    first = elite("first", meta={"severity": 4})
    archive.offer(first)
    archive.replace(first.labelled(1, 0.0, "encoder"))
    kept = archive.find(first.id)
    assert kept.label == 1
    assert kept.worth.value < first.worth.value
    assert len(archive) == 1


def test_the_grid_widens_when_a_member_is_named_for_the_first_time(elite, grid, scored):
    """Elites are placed again where they belong with the new member known; none is lost."""
    narrow = Grid("encoder", (), grid.harms, grid.styles)
    archive = Archive(narrow)
    first = elite("first", 0.1, 0.1, over=narrow)
    assert first.niche.fooled == "encoder"
    archive.offer(first)
    archive.know(first.verdict)
    assert archive.grid.others == ("judge",)
    assert archive.elites()[0].niche.fooled == "encoder+judge"
    archive.know(scored({"encoder": 0.1}, degraded=("probe",)).verdict)
    assert archive.grid.others == ("judge", "probe")
    assert len(archive) == 1


# The fixtures are functions without state, the same for every example.
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(PROBABILITY, PROBABILITY, st.sampled_from(["burn", "cut"])), max_size=20), st.integers(0, 20))
def test_a_stored_archive_goes_on_exactly(elite_maker, full_grid, rows, cut):
    """Restored anywhere, it ends with the same elites; they are those that a plain dictionary would keep."""
    offers = [elite_maker(f"text {i}", *row[:2], meta={"harm": row[2]}) for i, row in enumerate(rows)]
    whole, first, second = Archive(full_grid), Archive(full_grid), Archive(full_grid)
    best = {}
    for offer in offers:
        whole.offer(offer)
        if offer.niche not in best or offer.worth.value > best[offer.niche].worth.value:
            best[offer.niche] = offer
    for offer in offers[:cut]:
        first.offer(offer)
    second.restore(json.loads(json.dumps(first.state())))
    for offer in offers[cut:]:
        second.offer(offer)
    assert second.elites() == whole.elites() == [best[niche] for niche in sorted(best)]
    assert second.state() == whole.state()


@pytest.fixture(scope="module")
def full_grid():
    """As `grid`, for all examples of a property."""
    return Grid("encoder", ("judge", "keyword", "probe"), ("burn", "cut", "other", "unknown"), ("diluted", "other"))


@pytest.fixture
def elite_maker(elite, full_grid):
    """As `elite`, over the full grid."""
    return lambda *args, **fields: elite(*args, over=full_grid, **fields)
