"""Ranking side by side: what the others say alone counts beside the panel's posterior."""

import pytest

from miners.doubt import rank_together
from miners.ranking import Weights, rank

CALM = [{"encoder": 0.2, "judge": 0.1 + i / 100, "probe": 0.1} for i in range(20)]
BLIND = {"encoder": 0.001, "judge": 0.9, "probe": 0.9}
NEAR = {"encoder": 0.45, "judge": 0.6, "probe": 0.5}


def _ranked(verdict, numbers, **weights):
    return rank_together([verdict(one) for one in numbers], "encoder", Weights(**weights))


def test_a_text_that_only_the_deployed_member_finds_harmless_comes_first(verdict):
    """Its calm number pulls the posterior under that of others; by the others alone it is the first."""
    numbers = [*CALM, NEAR, NEAR | {"judge": 0.55}, BLIND]
    alone = _ranked(verdict, numbers, doubt=0.0)
    assert alone[-1].value < alone[-2].value < alone[-3].value
    doubted = _ranked(verdict, numbers)
    assert doubted[-1].value == doubted[-3].value == alone[-3].value
    assert doubted[-1].parts["by_panel"] == alone[-1].value
    assert doubted[-1].why.endswith("ranked by the others alone")
    assert not any("others alone" in one.why for one in doubted[: len(CALM)])  # nobody says yes of these


def test_half_the_doubt_gives_the_others_every_second_place(verdict):
    """First by the others alone takes the second place of the panel's ranking."""
    numbers = [*CALM, NEAR, NEAR | {"judge": 0.55}, BLIND]
    halved = _ranked(verdict, numbers, doubt=0.5)
    assert halved[-1].value == halved[-2].value < halved[-3].value


def test_nothing_is_worth_less_than_by_itself(verdict):
    """Doubt lifts texts and lowers none, and without doubt each is worth what it is worth alone."""
    numbers = [*CALM, NEAR, BLIND, {"encoder": 0.9, "judge": 0.2, "probe": 0.1}]
    alone = [rank(verdict(one), "encoder").value for one in numbers]
    assert all(one.value >= value for one, value in zip(_ranked(verdict, numbers), alone, strict=True))
    assert [one.value for one in _ranked(verdict, numbers, doubt=0.0)] == alone


def test_texts_that_are_flagged_or_lack_the_others_are_left_as_they_are(verdict):
    """There is no pass to doubt, or nobody else to ask."""
    flagged, alone = {"encoder": 0.9, "judge": 0.99, "probe": 0.99}, {"encoder": 0.1}
    ranked = _ranked(verdict, [flagged, alone, NEAR])
    for found, numbers in zip(ranked, (flagged, alone), strict=False):
        assert found == rank(verdict(numbers), "encoder")
    assert rank_together([], "encoder") == []


def test_doubt_lies_between_nothing_and_all():
    """Other values would mean nothing."""
    with pytest.raises(ValueError, match="doubt"):
        Weights(doubt=1.5)
