"""Plants of drills: raters cannot tell them from other items, and nothing is concluded from them."""

import pytest

from miners.adjudicated import Adjudicated
from miners.queue.types import NewAnswer


@pytest.fixture
def answered(queue, new_item):
    """A real item and a plant, both passed by the deployed member, both answered yes."""
    queue.enqueue([new_item("real"), new_item("planted", plant="drill-1")])
    leases = queue.lease("ann", count=2, request_id="take")
    for lease in leases:
        queue.answer(lease.lease_id, "ann", NewAnswer(answer="yes"))
    return leases


def test_a_lease_does_not_give_a_plant_away(answered):
    """What a rater is shown of a plant has the same fields as of any item, and none of them names the drill."""
    real, planted = answered
    assert set(real.model_dump()) == set(planted.model_dump())
    assert "drill-1" not in planted.model_dump_json()


@pytest.mark.usefixtures("answered")
def test_a_plant_is_labelled_and_never_a_finding(queue):
    """The label is there for the drill's report; findings, their counts and the order of labels know nothing of it."""
    assert queue.item("planted").label == "yes"
    assert [item.new.id for item in queue.plants()] == ["planted"]
    assert [finding.item.new.id for finding in queue.findings()] == ["real"]
    assert queue.counts().findings_fn == 1
    assert [item.new.id for item in queue.labelled()] == ["real"]


def test_an_amended_answer_does_not_let_a_plant_in(queue, answered):
    """Neither does a plant become a finding when its label changes."""
    planted = answered[1]
    queue.amend(planted.lease_id, "ann", NewAnswer(answer="no"))
    queue.amend(planted.lease_id, "ann", NewAnswer(answer="yes"))
    assert [item.new.id for item in queue.labelled()] == ["real"]
    assert queue.item("planted").finding is None


@pytest.mark.usefixtures("answered")
def test_measures_on_labelled_texts_ignore_plants(queue):
    """Independence and all else that follows the labels counts the real item alone."""
    table = Adjudicated((), deployed="encoder", thresholds={})
    assert table.follow(queue) is True
    assert len(table._known) == 1


def test_a_real_item_stays_real(queue, new_item):
    """Planting a text that is queued already changes nothing about it."""
    queue.enqueue([new_item("real")])
    assert queue.enqueue([new_item("real", plant="drill-1")]) == ["known"]
    assert list(queue.plants()) == []
