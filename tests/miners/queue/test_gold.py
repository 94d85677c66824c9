"""Gold: texts of known label that every rater is served once, at a set rate, without a tell."""

from collections import Counter

import pytest
from pydantic import ValidationError

from ensemble.errors import InputError
from miners.candidate import Provenance
from miners.queue.types import NewAnswer

YES, NO = NewAnswer(answer="yes"), NewAnswer(answer="no")


@pytest.fixture
def make_gold(new_item):
    """Makes gold out of a name and its label."""
    return lambda name, truth, **more: new_item(
        name,
        plant="gold",
        gold=True,
        provenance=Provenance(source="gold", family=name, expected_label=truth),
        **more,
    )


def test_it_comes_at_the_rate_set_and_never_twice(world, new_item, make_gold):
    """Of many leases about the share is gold, at any place of a request; each rater has each once, whoever had it."""
    queue = world.queue(gold_share=0.2)
    queue.enqueue([new_item(f"i{number}", needed=3) for number in range(300)])
    queue.enqueue([make_gold(f"g{number}", number % 2) for number in range(80)])
    places, served = Counter(), {"ann": [], "bob": []}
    for rater, names in served.items():
        for request in range(50):
            given = [lease.item_id for lease in queue.lease(rater, count=5, request_id=f"{request}")]
            places.update(place for place, name in enumerate(given) if name.startswith("g"))
            assert [lease.item_id for lease in queue.lease(rater, count=5, request_id=f"{request}")] == given
            names.extend(given)
        assert len(set(names)) == len(names) == 250
    gold = sum(places.values())
    print(f"{gold} of 500 leases are gold, by place {dict(sorted(places.items()))}")
    assert 60 <= gold <= 140
    assert set(places) == set(range(5))
    assert {name for name in served["ann"] if name.startswith("g")} & set(served["bob"])


def test_real_items_keep_their_order(world, new_item, make_gold):
    """Between gold the best item comes next, as if there were none."""
    queue = world.queue(gold_share=0.5)
    queue.enqueue([new_item(f"i{number}", number / 50) for number in range(50)])
    queue.enqueue([make_gold(f"g{number}", 1) for number in range(20)])
    names = []
    while leases := queue.lease("ann", count=3, request_id=f"r{len(names)}"):
        names += [lease.item_id for lease in leases]
    assert [name for name in names if name.startswith("i")] == [f"i{number}" for number in reversed(range(50))]
    assert sum(name.startswith("g") for name in names) == 20


def test_it_is_not_served_alone(world, make_gold):
    """Where nothing waits, what is served would be known to be gold."""
    queue = world.queue(gold_share=1.0)
    queue.enqueue([make_gold("g", 1)])
    assert queue.lease("ann", request_id="1") == []
    assert queue.counts().waiting == 0


@pytest.mark.parametrize("needed", [1, 2, 3])
def test_a_receipt_does_not_tell(world, new_item, make_gold, needed):
    """Answers, needed and label are those that an item has whose other answers are right; it never counts as done."""
    queue = world.queue(gold_share=1.0)
    queue.enqueue([new_item("i", needed=100), make_gold("g", 0, needed=needed)])
    receipts = []
    for number in range(2 * needed + 1):
        (lease,) = queue.lease(f"rater{number}", request_id="1")
        assert lease.item_id == "g"
        receipts.append(queue.answer(lease.lease_id, f"rater{number}", NO))
        assert queue.answer(lease.lease_id, f"rater{number}", NO) == receipts[-1]
    told = [(receipt.answers, receipt.needed, receipt.label) for receipt in receipts]
    one_item = [(place, needed, "no" if place == needed else None) for place in range(1, needed + 1)]
    assert told == [*one_item, *one_item, one_item[0]]
    changed = queue.amend(receipts[-1].answer_id, f"rater{2 * needed}", YES)
    assert (changed.answers, changed.needed, changed.label) == (1, needed, "yes" if needed == 1 else None)
    counts = queue.counts()
    assert (counts.done, counts.waiting, counts.findings_fn, counts.findings_fp) == (0, 1, 0, 0)
    assert (queue.item("g").state, queue.item("g").label) == ("open", None)
    assert queue.labelled() == []
    assert [item.new.id for item in queue.plants()] == ["g"]


def test_it_outlives_expiries_skips_and_orders(world, new_item, make_gold):
    """What makes other items dead or done does nothing to gold."""
    queue = world.queue(gold_share=1.0, max_expiries=1, max_skips=1)
    queue.enqueue([new_item("i"), make_gold("g", 1)])
    (lease,) = queue.lease("ann", request_id="1", seconds=10)
    assert lease.item_id == "g"
    world.travel(11)
    (lease,) = queue.lease("bob", request_id="1")
    queue.release(lease.lease_id, "bob", skip=True)
    assert not queue.order("g", 50, 9.0)
    assert not queue.reprioritise("g", 9.0)
    assert (queue.counts().dead, queue.item("g").state) == (0, "open")
    assert [lease.item_id for lease in queue.lease("ann", request_id="2")] == ["g"]
    assert queue.enqueue([make_gold("g", 1, priority=99.0)]) == ["known"]


def test_retired_gold_is_served_no_more(world, new_item, make_gold):
    """Its answers stay; retiring again, or what is no gold, changes nothing."""
    queue = world.queue(gold_share=1.0)
    queue.enqueue([new_item("i"), make_gold("g", 1)])
    (lease,) = queue.lease("ann", request_id="1")
    assert queue.retire("g")
    assert queue.item("g").retired
    assert queue.answer(lease.lease_id, "ann", YES).label == "yes"
    assert [lease.item_id for lease in queue.lease("bob", request_id="1")] == ["i"]
    assert queue.retire("g")
    assert not queue.retire("i")
    assert not queue.item("i").retired


def test_wrong_use_is_refused(world, new_item):
    """A share is one; gold has a known label and is a plant."""
    with pytest.raises(InputError, match="0 to 1 are allowed"):
        world.queue(gold_share=1.5)
    with pytest.raises(ValidationError, match="expected label"):
        new_item("g", gold=True)
