"""Twins: rows of one family with both labels, rewritten alike, so that disguises can be compared."""

import json
from collections import defaultdict

import pytest

from ensemble.text import LabelledText
from miners.rewrites.homoglyphs import Homoglyphs
from miners.rewrites.seeds import SeedRewrites
from miners.rewrites.typos import Typos
from miners.rewrites.understatement import Understatement


def _pairs(found):
    pairs = defaultdict(list)
    for candidate in found:
        if "pair" in candidate.provenance.meta:
            pairs[candidate.provenance.meta["pair"]].append(candidate)
    return pairs


def test_twins_are_proposed_together_and_name_each_other(seeds):
    """A family with both labels gives two rewrites in a row, each with the other's parent, one yes and one no."""
    found = SeedRewrites(Homoglyphs(), seeds, splits={"train"}, seed=2).propose(400)
    pairs = _pairs(found)
    assert len(pairs) > 50
    for pair in list(pairs.values())[:-1]:
        yes, no = pair
        assert (yes.provenance.expected_label, no.provenance.expected_label) == (1, 0)
        assert yes.provenance.meta["twin_of"] == no.provenance.parent
        assert no.provenance.meta["twin_of"] == yes.provenance.parent
        assert yes.provenance.family == no.provenance.family
        assert found.index(no) == found.index(yes) + 1


def test_twins_wear_the_same_disguise(seeds):
    """Both get the same draw: what is put around the yes text is put around the no text."""
    by_id = {seed.id: seed for seed in seeds}
    found = SeedRewrites(Understatement(), seeds, splits={"calibration"}, seed=4).propose(200)
    for pair in _pairs(found).values():
        around = {
            candidate.text.text.replace(by_id[candidate.provenance.parent].text.strip(), "") for candidate in pair
        }
        assert len(around) == 1


def test_a_rewrite_whose_twin_does_not_apply_stands_alone():
    """Where the operator can do nothing with one of the two, the other is proposed without a pair."""
    meta = {"family": "a", "split": "train"}
    rows = [LabelledText("Her wrist was broken.", label=1, meta=meta), LabelledText("He is ok.", label=0, meta=meta)]
    source = SeedRewrites(Typos(), rows)
    (candidate,) = source.propose(1)
    assert candidate.provenance.expected_label == 1
    assert "pair" not in candidate.provenance.meta


def test_each_turn_is_a_pair_of_its_own(seeds):
    """Rewritten again in a later round, twins are another pair."""
    family = next(seed.meta["family"] for seed in seeds if seed.label == 1 and seed.meta["split"] == "train")
    twins = [seed for seed in seeds if seed.meta["family"] == family][:2]
    source = SeedRewrites(Homoglyphs(), twins)
    names = [candidate.provenance.meta.get("pair") for candidate in source.propose(6)]
    assert len(twins) == 2
    assert len(set(names)) == 3
    assert names[0] == names[1]


@pytest.mark.parametrize("cut", [1, 2, 7, 10])
def test_twins_survive_a_restart_between_them(seeds, cut):
    """Restored between two twins, the second still comes with its pair."""
    whole = SeedRewrites(Homoglyphs(), seeds, splits={"train"}, seed=8).propose(30)
    first = SeedRewrites(Homoglyphs(), seeds, splits={"train"}, seed=8)
    first.propose(cut)
    second = SeedRewrites(Homoglyphs(), seeds, splits={"train"}, seed=8)
    second.restore(json.loads(json.dumps(first.state())))
    assert second.propose(30 - cut) == whole[cut:]
