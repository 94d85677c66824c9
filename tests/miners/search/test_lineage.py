"""What a chain does to the label, and what its texts say of where they come from."""

from itertools import product

import pytest

from ensemble.text import Text
from miners.candidate import Scored
from miners.proposer import Outcome
from miners.search.elites import Elite
from miners.search.lineage import compose, of_elite, of_finding, of_seed
from miners.search.niches import niche_of

EFFECTS = ("keeps", "flips", "unknown")


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("keeps", "keeps", "keeps"),
        ("keeps", "flips", "flips"),
        ("flips", "keeps", "flips"),
        ("flips", "flips", "unknown"),
        ("unknown", "keeps", "unknown"),
        ("keeps", "unknown", "unknown"),
        ("flips", "unknown", "unknown"),
        ("unknown", "unknown", "unknown"),
    ],
)
def test_effects_compose(first, second, expected):
    """Keeping changes nothing, two flips are not trusted to cancel, what is unknown stays unknown."""
    assert compose(first, second) == expected


def test_composition_does_not_depend_on_the_grouping():
    """A chain's effect is that of its operators in whatever steps it was made."""
    for a, b, c in product(EFFECTS, repeat=3):
        assert compose(compose(a, b), c) == compose(a, compose(b, c))


def _elite(candidate, verdict, grid):
    found = verdict({"encoder": 0.1, "judge": 0.9}, candidate.text.text)
    return Elite.of(Scored(candidate, found), niche_of(candidate.provenance.meta, found, grid), "encoder")


@pytest.mark.parametrize(
    ("label", "effects", "expected"),
    [
        (1, ("keeps", "keeps"), 1),
        (0, ("flips", "keeps"), 1),
        (0, ("flips", "flips"), None),
        (1, ("keeps", "unknown"), None),
        (1, ("unknown", "keeps"), None),
        (1, ("keeps", "flips"), 0),
    ],
)
def test_a_chain_keeps_family_split_and_harm_and_composes_its_label(
    seeds, appending, verdict, grid, label, effects, expected
):
    """Operators are noted oldest first; the parent is the text that was rewritten last, the root the labelled one."""
    seed = next(row for row in seeds if row.label == label)
    first = of_seed(seed).child(Text("first step"), appending("a", effects[0], "disguise"), {"n": 1}, "seed")
    middle = of_elite(_elite(first, verdict, grid), seed)
    last = middle.child(Text("second step"), appending("b", effects[1], "diluted"), {"split": "test"}, "elite")
    provenance = last.provenance
    assert provenance.operators == ("a", "b")
    assert provenance.expected_label == expected
    assert provenance.family == seed.meta["family"]
    assert provenance.parent == first.text.id
    assert provenance.row_id == seed.row_id
    assert provenance.meta["root"] == seed.id
    assert provenance.meta["split"] == "train"
    assert provenance.meta["harm"] == seed.meta["harm"]
    assert provenance.meta["told"] == "explicit"
    assert provenance.meta["style"] == "diluted"
    assert middle.original == seed


def test_severity_is_not_carried_over_a_flip(seeds, appending):
    """How severe the injury is that a benign text was turned into, nobody knows."""
    benign, hurt = next(r for r in seeds if r.label == 0), next(r for r in seeds if r.label == 1)
    assert "severity" not in of_seed(benign).child(Text("x"), appending(effect="flips"), {}, "seed").provenance.meta
    assert of_seed(hurt).child(Text("x"), appending(), {}, "seed").provenance.meta["severity"] == 3


def test_the_label_that_people_gave_is_where_later_rewrites_count_from(scored, appending, grid):
    """An elite of unknown label becomes a labelled parent once people have answered."""
    item = scored({"encoder": 0.1, "judge": 0.9}, expected_label=None, meta={"effect": "unknown"})
    elite = Elite.of(item, niche_of(item.candidate.provenance.meta, item.verdict, grid), "encoder")
    unknown = of_elite(elite, None).child(Text("x"), appending(), {}, "elite")
    known = of_elite(elite.labelled(1, 4.0, "encoder"), None).child(Text("x"), appending(), {}, "elite")
    assert unknown.provenance.expected_label is None
    assert known.provenance.expected_label == 1
    assert known.provenance.meta["severity"] == 4.0


def test_a_confirmed_miss_of_any_source_can_be_rewritten(scored, appending):
    """Its label is yes because people said so; its family and split stay its own."""
    provenance = scored({"encoder": 0.1}, source="corpus:a", operators=(), family="row9").candidate.provenance
    outcome = Outcome("id", "She was burnt.", "", provenance, label=1, missed=True, severity=2.0)
    child = of_finding(outcome).child(Text("x"), appending(), {}, "finding")
    assert child.provenance.family == "row9"
    assert child.provenance.expected_label == 1
    assert child.provenance.meta["harm"] == "burn"
    assert child.provenance.meta["severity"] == 2.0


def test_notes_of_an_operator_cannot_speak_for_the_descent(seeds, appending):
    """Keys that say how a text descends are ours."""
    notes = {"split": "test", "rescore": True, "harm": "none", "label": 0, "kept": 5}
    meta = of_seed(seeds[0]).child(Text("x"), appending(), notes, "seed").provenance.meta
    assert meta["split"] == "train"
    assert meta["harm"] == "burn"
    assert meta["label"] == 1
    assert "rescore" not in meta
    assert meta["kept"] == 5
