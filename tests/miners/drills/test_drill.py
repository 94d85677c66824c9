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
from miners.drills.trained import Copied, halves
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


def _copied(passed):
    """Answers of a copy that passes the first burns only, and flags one lamp."""
    pool, unsafe = np.full(300, 0.05), np.full(PLANTS, 0.9)
    pool[0], unsafe[:passed] = 0.8, 0.1
    return Copied(pool, unsafe, steps=40, seconds=2.5)


def test_of_a_trained_copy_what_it_passes_is_planted_and_its_blindness_told():
    """The copy's answers stand in for the deployed member's, and are compared with them."""
    found = drill(ground(judge_sees=True), SPOT, Settings(labels=40), _copied(7))
    assert found.ranking.plants == found.miner.plants == found.raters.plants == found.seen.plants == 7
    assert found.ranking.share == 1.0
    told = found.blindness
    assert (told.texts, told.passed_before, told.passed) == (PLANTS, 0, 7)
    assert (told.elsewhere, told.changed, told.steps) == (300, 1, 40)
    assert 0 < told.moved < 0.2


def test_a_copy_that_is_hardly_blind_is_no_drill():
    """With a handful of plants a share would say nothing; the message says what to do."""
    with pytest.raises(InputError, match=r"passes 4 of 12 .* --how wrapped"):
        drill(ground(judge_sees=True), SPOT, Settings(labels=40), _copied(4))


def test_what_nobody_sees_is_told_apart():
    """Plants that no other member flags are not counted as seen, and stand among the missed."""
    found = drill(ground(judge_sees=False), SPOT, Settings(labels=5))
    assert found.seen.caught == 0
    assert len(found.missed) == PLANTS - found.ranking.caught > 0


def test_rows_are_halved_by_label():
    """What teaches a copy is never planted, and both halves have both labels."""
    rows = [LabelledText(f"Row number {i}.", label=i % 2) for i in range(20)]
    taught, rest = halves(rows, seed=1)
    assert sorted(row.text for row in [*taught, *rest]) == sorted(row.text for row in rows)
    assert [sum(row.label for row in half) for half in (taught, rest)] == [5, 5]


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
