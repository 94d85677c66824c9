"""Blind spots: what they cover, which are chosen, and how a copy of the deployed member misses what they cover."""

import numpy as np
import pytest

from ensemble.errors import InputError
from ensemble.panel import fit_joint
from ensemble.text import LabelledText
from miners.drills.blind_spot import BlindSpot, blind_spots, blinded


def row(text, label=1, **meta):
    return LabelledText(text, label=label, meta=meta)


@pytest.mark.parametrize(
    ("spot", "covered"),
    [
        ("harm=burn", [True, False, False]),
        ("style=understated", [False, True, False]),
        ("trigger=sleeve|stove", [True, True, False]),
    ],
)
def test_it_covers_by_harm_style_or_words(spot, covered):
    """Harm and style go by the row's own fields, triggers by whole words in whatever case."""
    rows = [
        row("The Stove took the skin off her palm.", harm="burn", style="explicit"),
        row("His sleeve was wet, and not with rain.", harm="cut", style="understated"),
        row("Sleeveless, she waited.", harm="cut"),
    ]
    assert [BlindSpot.parse(spot).covers(one) for one in rows] == covered


@pytest.mark.parametrize("text", ["burn", "harm=", "colour=red", ""])
def test_what_is_no_blind_spot_is_refused(text):
    """The message shows how one is written."""
    with pytest.raises(InputError, match="harm=VALUE"):
        BlindSpot.parse(text)


def test_those_with_the_most_plants_are_chosen_in_turn():
    """Kinds take turns, the largest first; words that are as common in harmless texts are no triggers."""
    rows = [row(f"The kettle scalded her, number {i}.", harm="burn", style="explicit") for i in range(7)]
    rows += [row(f"The kettle was warm, number {i}.", label=0) for i in range(7)]
    assert [str(spot) for spot in blind_spots(rows, 3)] == ["harm=burn", "style=explicit", "trigger=scalded"]
    assert blind_spots(rows[:4], 3) == []


def test_the_copy_passes_what_it_cannot_see_and_changes_nothing_else():
    """Covered texts get a number that the deployed member gives to harmless ones; all other numbers stay."""
    rng = np.random.default_rng(0)
    scores, labels = rng.uniform(0.02, 0.98, (60, 2)), np.tile([0.0, 1.0], 30)
    joint = fit_joint(scores, labels, members=["judge", "encoder"], deployed="encoder")
    covered = [i % 3 == 0 for i in range(60)]
    calm = np.array([0.11, 0.12, 0.97])
    found = blinded(scores, covered, joint, calm, rng)
    assert set(found[covered, 1]) == {0.11, 0.12}
    others = np.array(covered)
    np.testing.assert_array_equal(found[~others], scores[~others])
    np.testing.assert_array_equal(found[:, 0], scores[:, 0])


def test_a_member_that_passes_nothing_cannot_be_blinded():
    """Without a text that it passes there is no calm number to give."""
    scores, labels = np.full((10, 1), 0.9), np.tile([0.0, 1.0], 5)
    joint = fit_joint(scores, labels, members=["encoder"], deployed="encoder")
    with pytest.raises(InputError, match="passes none"):
        blinded(scores, [True] * 10, joint, np.array([0.9]), np.random.default_rng(0))
