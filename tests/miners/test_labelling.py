"""The answer model at work beside a queue, in memory and on a real server."""

import random

import pytest

from ensemble.labels.settings import LabelSettings
from miners.errors import StoreUnavailableError
from miners.labelling import Labelling
from miners.queue.connect import Store
from miners.queue.embedded import EmbeddedServer
from miners.queue.memory import MemoryQueue
from miners.queue.types import NewAnswer


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with EmbeddedServer(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture
def make_item(new_item_of):
    """Items whose text is also their id, passed by the deployed member."""
    return lambda name, **more: new_item_of(name, id=name, deployed_passed=True, **more)


@pytest.fixture(params=["memory", "redis"])
def queue(request):
    if request.param == "memory":
        yield MemoryQueue("injury")
        return
    with Store(request.getfixturevalue("server").url) as store:
        store.client.flushall()
        yield store.queue("injury")


def say(queue, rater, item, answer):
    """Takes items until it is this one, answers it, and gives the others back."""
    leases = queue.lease(rater, count=100, request_id=f"{rater} {item} {queue.counts().leases_granted}")
    for lease in leases:
        if lease.item_id == item:
            queue.answer(lease.lease_id, rater, NewAnswer(answer=answer))
        else:
            queue.release(lease.lease_id, rater)


def history(queue, make_item, *, texts=30, liar="no"):
    """Ann and Bob agree on many texts, and Cid says the same thing to everything."""
    rng = random.Random(0)
    queue.enqueue([make_item(f"h{number}", needed=3) for number in range(texts)])
    for rater in ("ann", "bob", "cid"):
        while leases := queue.lease(rater, count=50, request_id=f"{rater} {rng.random()}"):
            for lease in leases:
                truth = "yes" if int(lease.item_id[1:]) % 2 else "no"
                queue.answer(lease.lease_id, rater, NewAnswer(answer=liar if rater == "cid" else truth))


def test_who_says_it_counts(queue, make_item):
    """Against one who says no to everything, whoever is right as a rule is believed; finding and certainty follow."""
    history(queue, make_item)
    labelling = Labelling(queue, LabelSettings(miss_cost=1.0), order="never")
    assert labelling.follow().read >= 30
    queue.enqueue([make_item("x", needed=2)])
    say(queue, "ann", "x", "yes")
    say(queue, "cid", "x", "no")
    queue.enqueue([make_item("y", needed=2)])
    say(queue, "cid", "y", "yes")
    say(queue, "ann", "y", "no")
    assert (queue.item("y").label, queue.item("y").finding) == ("yes", "FN")  # a tie
    labelling.follow()
    assert (queue.item("x").label, queue.item("x").finding) == ("yes", "FN")
    assert queue.item("x").confidence > 0.9
    assert 0.0 <= queue.item("x").ambiguity < 0.5
    assert (queue.item("y").label, queue.item("y").finding) == ("no", None)  # the tie told nothing
    before = len(queue.labelled(count=1000))
    assert labelling.follow().turned == 0
    assert len(queue.labelled(count=1000)) == before  # nothing is set twice


def test_labels_turn_when_more_is_known_of_raters(queue, make_item):
    """A label made when nothing was known turns without another answer to it once its rater is found out."""
    queue.enqueue([make_item("early")])
    say(queue, "cid", "early", "no")
    labelling = Labelling(queue, LabelSettings(miss_cost=3.0), order="never")
    labelling.follow()
    assert queue.item("early").label == "no"
    history(queue, make_item, texts=60)
    turned = labelling.follow().turned + labelling.follow().turned
    assert turned > 0
    assert (queue.item("early").label, queue.item("early").finding) == ("yes", "FN")


@pytest.mark.parametrize(("order", "expected"), [("split", 3), ("never", 2), ("worth", 3)])
def test_one_more_answer_where_answers_differ(queue, make_item, order, expected):
    """Two who differ: a third is asked; two who agree: nobody, unless it is worth it anyway."""
    history(queue, make_item, texts=12, liar="yes")
    queue.enqueue([make_item("split", needed=2), make_item("same", needed=2)])
    for rater, answer in (("ann", "yes"), ("bob", "no")):
        say(queue, rater, "split", answer)
        say(queue, rater, "same", "yes")
    labelling = Labelling(queue, LabelSettings(), order=order)
    followed = labelling.follow()
    assert queue.item("split").new.needed == expected
    assert queue.item("split").state == ("open" if expected == 3 else "done")
    assert queue.item("same").new.needed == 2
    assert (followed.ordered > 0) == (expected == 3)
    assert labelling.follow().ordered == 0


def test_nobody_is_asked_where_everybody_has_answered(queue, make_item):
    """Two raters in all, who differ: there is no third to ask."""
    queue.enqueue([make_item("a", needed=2)])
    say(queue, "ann", "a", "yes")
    say(queue, "bob", "a", "no")
    assert Labelling(queue).follow().ordered == 0
    assert queue.item("a").state == "done"


class Failing(MemoryQueue):
    """A store that goes away at the second label that is set."""

    relabelled = 0

    def relabel(self, item_id, judgement):
        self.relabelled += 1
        if self.relabelled == 2:
            raise StoreUnavailableError("gone")
        return super().relabel(item_id, judgement)


def test_labels_that_a_lost_store_kept_from_being_set_are_set_later(make_item):
    """The store gone in the middle of a round: the next call goes on with the labels that are missing."""
    queue = Failing("injury")
    history(queue, make_item)
    labelling = Labelling(queue, order="never")
    with pytest.raises(StoreUnavailableError):
        labelling.follow()
    assert sum(item.confidence is None for item in queue.items()) == 29
    labelling.follow()
    assert all(item.confidence is not None for item in queue.items())


def test_planted_texts_tell_of_raters(queue, make_item):
    """Who fails texts of known label is believed less, though nobody contradicts."""
    planted = [
        make_item(f"p{number}", priority=9.0, plant="drill", origin={"expected_label": 1}) for number in range(12)
    ]
    queue.enqueue([*planted, make_item("a"), make_item("b")])
    for number in range(12):
        say(queue, "cid", f"p{number}", "no")
    say(queue, "cid", "a", "no")
    say(queue, "ann", "b", "no")
    Labelling(queue, LabelSettings(miss_cost=2.0)).follow()
    assert queue.item("a").confidence < queue.item("b").confidence
    assert queue.item("p0").confidence is None


def test_retired_gold_measures_nobody(queue, make_item):
    """Whoever failed gold is believed again as any other once that gold is retired, with the service still running."""
    truth = {"expected_label": 1}
    queue.enqueue([make_item(f"g{number}", plant="gold", gold=True, origin=truth) for number in range(12)])
    queue.enqueue([make_item("a"), make_item("b")])
    for number in range(12):
        queue.record(f"g{number}", "cid", NewAnswer(answer="no"), answer_id=f"cid-{number}")
    say(queue, "cid", "a", "no")
    say(queue, "ann", "b", "no")
    now = 0.0
    labelling = Labelling(queue, LabelSettings(miss_cost=2.0), clock=lambda: now)
    labelling.follow()
    assert queue.item("a").confidence < queue.item("b").confidence - 0.1
    for number in range(12):
        queue.retire(f"g{number}")
    now = 61.0
    labelling.follow()
    assert queue.item("a").confidence == pytest.approx(queue.item("b").confidence, abs=0.03)  # small moves are not told
