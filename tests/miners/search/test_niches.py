"""Which niche a text belongs to, and what it is worth there."""

import pytest

from ensemble.text import LabelledText
from miners.search.niches import HELD, MOST_HARMS, Grid, Niche, fooled_by, fooled_patterns, grid_of, niche_of
from miners.search.objective import KEPT, worth

OTHERS = ("judge", "keyword", "probe")


@pytest.mark.parametrize(
    ("probabilities", "expected"),
    [
        ({"encoder": 0.1, "judge": 0.9, "keyword": 0.9, "probe": 0.9}, "encoder"),
        ({"encoder": 0.1, "judge": 0.1, "keyword": 0.9, "probe": 0.9}, "encoder+judge"),
        ({"encoder": 0.1, "judge": 0.9, "keyword": 0.1, "probe": 0.1}, "encoder+keyword+probe"),
        ({"encoder": 0.1, "judge": 0.1, "keyword": 0.1, "probe": 0.1}, "encoder+judge+keyword+probe"),
        ({"encoder": 0.9, "judge": 0.1, "keyword": 0.1, "probe": 0.1}, HELD),
        ({"encoder": 0.1, "judge": 0.1}, "encoder+judge"),
        ({"judge": 0.1, "keyword": 0.1}, None),
    ],
)
def test_who_is_fooled_is_read_off_the_votes(verdict, probabilities, expected):
    """The deployed member and those that pass with it; a flag is held; a member without an answer is not fooled."""
    assert fooled_by(verdict(probabilities), "encoder", OTHERS) == expected


def test_with_many_members_only_the_number_of_fooled_ones_counts(verdict):
    """Five others would make 32 patterns; there are six niches instead."""
    others = ("a", "b", "c", "d", "e")
    assert len(fooled_patterns("encoder", others)) == 6
    votes = {"encoder": 0.1, "a": 0.1, "b": 0.9, "c": 0.1, "d": 0.9, "e": 0.9}
    assert fooled_by(verdict(votes), "encoder", others) == "encoder+2"


@pytest.mark.parametrize("count", range(8))
def test_patterns_are_bounded_distinct_and_all_that_votes_can_give(verdict, count):
    """At most eight patterns however many members, each of them reached by some votes and none besides."""
    others = tuple(f"m{i}" for i in range(count))
    patterns = fooled_patterns("encoder", others)
    reached = set()
    for bits in range(2**count):
        votes = {name: 0.1 if bits >> place & 1 else 0.9 for place, name in enumerate(others)}
        reached.add(fooled_by(verdict({"encoder": 0.1, **votes}), "encoder", others))
    assert len(patterns) == len(set(patterns)) <= 8
    assert reached == set(patterns)


def test_a_niche_is_who_is_fooled_what_hurts_and_how_it_is_disguised(verdict, grid):
    """Harm and style come from the provenance."""
    found = verdict({"encoder": 0.2, "judge": 0.3, "keyword": 0.8, "probe": 0.7})
    niche = niche_of({"harm": "burn", "style": "disguise"}, found, grid)
    assert niche == Niche("encoder+judge", "burn", "disguise")
    assert str(niche) == "encoder+judge x burn x disguise"


@pytest.mark.parametrize(
    ("meta", "harm", "style"),
    [
        ({}, "unknown", "other"),
        ({"harm": "lightning", "style": "verse"}, "other", "other"),
        ({"harm": ""}, "unknown", "other"),
    ],
)
def test_what_the_grid_does_not_list_has_coarser_niches(verdict, grid, meta, harm, style):
    """A text without harm or style, or with one unheard of, still has a niche."""
    niche = niche_of(meta, verdict({"encoder": 0.1}), grid)
    assert niche == Niche("encoder", harm, style)
    assert all(value in listed for value, listed in zip(niche, grid.categories, strict=True))


def test_the_grid_of_a_task_is_bounded(verdict):
    """A task with a hundred harms gets the commonest; the rest share a niche, and no text falls outside."""
    seeds = [
        LabelledText(f"text {i} {j}", label=1, meta={"harm": f"h{i}"}) for i in range(100) for j in range(1 + i // 50)
    ]
    grid = grid_of("encoder", seeds, [f"s{i}" for i in range(100)])
    assert len(grid.harms) <= MOST_HARMS + 2
    assert "h60" in grid.harms
    niche = niche_of({"harm": "h1", "style": "s99"}, verdict({"encoder": 0.1}), grid)
    assert niche == Niche("encoder", "other", "other")


def test_a_task_without_harms_has_niches_by_members_and_style(verdict):
    """Seeds that name no harm fall back to one."""
    grid = grid_of("encoder", [LabelledText("a text", label=1)], ["disguise"])
    assert grid.harms == ("other", "unknown")
    assert niche_of({"style": "disguise"}, verdict({"encoder": 0.1}), grid) == Niche("encoder", "unknown", "disguise")


def test_held_texts_count_in_no_cell(grid):
    """The number of cells is that of niches in which the deployed member is fooled."""
    assert grid.cells == 8 * len(grid.harms) * len(grid.styles)
    assert Grid("encoder", (), grid.harms, grid.styles).cells == len(grid.harms) * len(grid.styles)


def test_worth_is_margin_times_evidence_times_severity(scored):
    """Each part is in [0, 1]; the expected label is trusted a little less with every operator."""
    item = scored({"encoder": 0.2}, operators=("typos", "dilution"), meta={"severity": 4})
    found = worth(item.verdict, item.candidate.provenance, "encoder")
    assert found.margin == pytest.approx(0.8)
    assert found.evidence == pytest.approx(KEPT**2)
    assert found.severity == 1.0
    assert found.value == pytest.approx(0.8 * KEPT**2)


def test_without_an_expected_label_the_posterior_is_the_evidence(scored):
    """Where an operator may have changed the label, the panel is believed, and people once they have answered."""
    item = scored({"encoder": 0.2, "judge": 0.9}, expected_label=None)
    provenance = item.candidate.provenance
    assert worth(item.verdict, provenance, "encoder").evidence == pytest.approx(item.verdict.probability)
    assert worth(item.verdict, provenance, "encoder", label=1).evidence == 1.0
    assert worth(item.verdict, provenance, "encoder", label=0).value == 0.0
    assert worth(item.verdict, provenance, "encoder").severity == pytest.approx(0.6)


def test_a_text_that_should_be_harmless_is_worth_little(scored):
    """A benign text by construction is no failure when it passes."""
    benign, harmful = (scored({"encoder": 0.1}, expected_label=label) for label in (0, 1))
    assert worth(benign.verdict, benign.candidate.provenance, "encoder").evidence < 0.1
    assert worth(harmful.verdict, harmful.candidate.provenance, "encoder").evidence > 0.9
