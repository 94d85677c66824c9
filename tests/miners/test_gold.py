"""Gold added to a queue, what raters make of it, and what comes of that."""

import pytest

from ensemble.text import LabelledText
from miners.drills.planting import planted
from miners.gold import add_gold, gold
from miners.queue.memory import MemoryQueue
from miners.queue.types import NewAnswer
from miners.raters import rater_report


@pytest.fixture
def rows():
    return [LabelledText(f"text of known label {number}", label=number % 2) for number in range(20)]


@pytest.fixture
def queue(rows, verdict, new_item_of):
    """Gold and real items; Cid says no to everything and Ann is right."""
    made = MemoryQueue("injury", gold_share=0.5)
    verdicts = [verdict({"encoder": 0.1, "judge": 0.2}, row.text) for row in rows]
    made.enqueue([new_item_of(f"real {number}", needed=2) for number in range(60)])
    assert add_gold(made, rows, verdicts, task="injury", deployed="encoder", needed=2) == 20
    assert add_gold(made, rows, verdicts, task="injury", deployed="encoder", needed=2) == 0
    truth = {row.id: ("no", "yes")[row.label] for row in rows}
    for rater in ("ann", "cid"):
        while leases := made.lease(rater, count=10, request_id=f"{made.counts().leases_granted}"):
            for lease in leases:
                said = truth.get(lease.item_id, "no") if rater == "ann" else "no"
                made.answer(lease.lease_id, rater, NewAnswer(answer=said))
    return made


def test_it_measures_raters_and_nothing_else(queue, rows):
    """Who fails it is flagged; it is no drill's plant, has no label, and is no finding."""
    listed = {row.id: row for row in gold(queue)}
    assert set(listed) == {row.id for row in rows}
    answered = [row for row in listed.values() if row.answers]
    assert len(answered) > 10
    assert {row.wrong for row in answered if row.label == "yes"} == {1}
    assert {row.wrong for row in answered if row.label == "no"} == {0}
    by = {row.rater: row for row in rater_report(queue).raters}
    assert by["cid"].wrong > 3
    assert by["ann"].wrong == 0
    assert any("known label" in flag for flag in by["cid"].flags)
    assert by["ann"].flags == []
    assert planted(queue) == []
    assert all(item.label is None for item in queue.plants())
    assert all(item.new.id not in listed for item in queue.labelled(count=1000))


def test_retired_gold_measures_nobody(queue):
    """A text whose known label was wrong is taken out, and nobody is blamed for it."""
    for row in list(gold(queue)):
        assert queue.retire(row.id)
    assert all(row.retired for row in gold(queue))
    by = {row.rater: row for row in rater_report(queue).raters}
    assert (by["cid"].known, by["cid"].wrong, by["cid"].flags) == (0, 0, [])
