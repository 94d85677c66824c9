"""Drills: plants are caught by what sees them, missed by what does not, and leave no trace in findings or labels."""

import numpy as np
import pytest

from ensemble.errors import InputError
from ensemble.panel import fit_joint
from ensemble.scorer import Member
from ensemble.text import LabelledText, Text
from miners.drills.blind_spot import BlindSpot
from miners.drills.drill import Ground, Settings, drill, plant_item
from miners.drills.planting import plant, planted
from miners.queue.memory import MemoryQueue
from miners.queue.types import NewAnswer

NAMES = ("encoder", "judge")
MEMBERS = tuple(Member(name, name, "1" * 12) for name in NAMES)
SPOT = BlindSpot("harm", "burn")
PLANTS = 12


def joint():
    """A rule that trusts both members, fitted to rows on which both are right most of the time."""
    rng = np.random.default_rng(1)
    labels = np.tile([0.0, 1.0], 200)
    scores = np.clip(labels[:, None] * 0.6 + 0.2 + rng.normal(0, 0.12, (400, 2)), 0.01, 0.99)
    return fit_joint(scores, labels, members=NAMES, deployed="encoder")


def ground(judge_sees):
    """300 calm texts and 12 burns; the judge sees the burns or takes them for calm texts."""
    rng = np.random.default_rng(2)
    return Ground(
        pool=[Text(f"Lamp number {i} was lit and the room stayed quiet for hour {i * 7}.") for i in range(300)],
        pool_scores=rng.uniform(0.02, 0.2, (300, 2)),
        unsafe=[LabelledText(f"Pan {i} scalded cook {i * 3}.", label=1, meta={"harm": "burn"}) for i in range(PLANTS)],
        unsafe_scores=np.column_stack(
            [
                rng.uniform(0.8, 0.95, PLANTS),
                rng.uniform(0.8, 0.95, PLANTS) if judge_sees else rng.uniform(0.02, 0.2, PLANTS),
            ]
        ),
        joint=joint(),
        members=MEMBERS,
    )


def test_plants_that_another_member_sees_are_caught():
    """The copy passes them, the judge does not: they stand at the head of ranking and queue."""
    found = drill(ground(judge_sees=True), SPOT, Settings(labels=40))
    assert found.ranking.share == 1.0
    assert found.ranking.first == 1
    assert found.miner.share > 0.8
    assert found.miner.first <= 3


def test_plants_that_nobody_sees_are_found_by_chance_alone():
    """Where all members take them for calm texts, the campaign finds about as many as a random draw would."""
    shares = [drill(ground(judge_sees=False), SPOT, Settings(labels=40, seed=s)).miner.share for s in range(20)]
    assert abs(np.mean(shares) - 40 / 312) < 0.08


@pytest.mark.parametrize(("sensitivity", "caught"), [(1.0, PLANTS), (0.0, 0)])
def test_raters_are_counted_by_what_they_say(sensitivity, caught):
    """Plants that raters call yes are caught, the others are not."""
    found = drill(ground(judge_sees=True), SPOT, Settings(labels=40, sensitivity=sensitivity))
    assert (found.raters.caught, found.raters.plants) == (caught, PLANTS)


def test_the_same_seed_gives_the_same_report():
    """All that is drawn depends on the seed."""
    assert drill(ground(judge_sees=True), SPOT, Settings(labels=40, seed=3)) == drill(
        ground(judge_sees=True), SPOT, Settings(labels=40, seed=3)
    )


def test_a_blind_spot_without_texts_is_refused():
    """A share over a handful of plants would say nothing."""
    with pytest.raises(InputError, match="covers 0 texts"):
        drill(ground(judge_sees=True), BlindSpot("harm", "frost"), Settings())


@pytest.fixture
def queue():
    """A queue in which 30 real items wait."""
    made, given = MemoryQueue("injury"), ground(judge_sees=True)
    verdicts = given.joint.join([t.id for t in given.pool[:30]], given.pool_scores[:30], MEMBERS)
    rows = [LabelledText(t.text, label=0) for t in given.pool[:30]]
    real = [plant_item(r, v, "encoder", needed=1, task="injury") for r, v in zip(rows, verdicts, strict=True)]
    made.enqueue([item.model_copy(update={"plant": "", "priority": 0.1 + i / 100}) for i, item in enumerate(real)])
    return made


def _plant(queue):
    given = ground(judge_sees=True)
    verdicts = given.joint.join([row.id for row in given.unsafe], given.unsafe_scores, MEMBERS)
    options = {"task": "injury", "deployed": "encoder", "name": "may", "needed": 1, "rng": np.random.default_rng(0)}
    return plant(queue, given.unsafe, verdicts, **options)


def test_plants_stand_among_real_items_at_their_priorities(queue):
    """Planted texts take priorities that real items have, so that no place in the queue gives them away."""
    real = {item.new.priority for item in queue.top(100)}
    assert _plant(queue) == PLANTS
    assert {item.new.priority for item in queue.plants()} <= real
    assert _plant(queue) == 0


def test_a_report_counts_what_raters_said_of_plants_alone(queue):
    """Labelled yes is caught, anything else is missed and shown; real items do not count."""
    _plant(queue)
    for turn in range(42):
        (lease,) = queue.lease("ann", request_id=str(turn))
        value = "no" if "Pan 3 " in lease.text or "Lamp" in lease.text else "yes"
        queue.answer(lease.lease_id, "ann", NewAnswer(answer=value))
    (found,) = planted(queue)
    assert (found.name, found.plants, found.waiting) == ("may", PLANTS, 0)
    assert (found.raters.caught, found.raters.plants) == (PLANTS - 1, PLANTS)
    assert found.missed == ("Pan 3 scalded cook 9.",)
    assert not [f for f in queue.findings() if f.item.new.plant]
    assert not [item for item in queue.labelled() if item.new.plant]


def test_an_empty_queue_takes_no_plants():
    """Plants alone would be recognised."""
    with pytest.raises(InputError, match="nothing waits"):
        _plant(MemoryQueue("injury"))
