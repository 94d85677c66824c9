"""Whoever wrote a text is never asked what it says."""

import pytest

from ensemble.errors import InputError
from miners.errors import AnswerConflictError
from miners.queue.types import NewAnswer


def leased(queue, rater, request="take"):
    """Items that a rater is served, up to ten at once."""
    return [lease.item_id for lease in queue.lease(rater, count=10, request_id=request)]


def test_the_author_is_never_served_the_text(queue, new_item):
    """Others are, the author is not, whatever else there is."""
    queue.enqueue([new_item("attack", 0.9, author="ann"), new_item("other", 0.5, needed=2)])
    assert leased(queue, "ann") == ["other"]
    assert leased(queue, "bob") == ["attack", "other"]


def test_a_text_that_comes_back_is_not_served_to_its_author_either(queue, world, new_item):
    """Its lease ran out at somebody else's, its priority was raised, more answers were ordered: still not."""
    queue.enqueue([new_item("attack", author="ann")])
    assert leased(queue, "bob") == ["attack"]
    world.travel(400)
    queue.reprioritise("attack", 0.99)
    queue.order("attack", 3, 1.0)
    assert leased(queue, "ann") == []
    assert leased(queue, "cid") == ["attack"]


def test_who_brings_a_known_text_is_not_served_it(queue, new_item):
    """The text stays one item, and neither of the two who wrote it judges it."""
    assert queue.enqueue([new_item("attack", author="ann")]) == ["added"]
    assert queue.enqueue([new_item("attack", author="bob")]) == ["known"]
    assert leased(queue, "ann") == leased(queue, "bob") == []
    assert leased(queue, "cid") == ["attack"]
    assert queue.item("attack").new.author == "ann"


def test_an_author_who_answers_is_no_rater_until_then(queue, new_item):
    """Writing a text does not count among those who held one."""
    queue.enqueue([new_item("attack", author="ann")])
    assert queue.counts().raters == 0


def test_no_answer_of_the_author_is_recorded(queue, new_item):
    """Not by way of answers given elsewhere either."""
    queue.enqueue([new_item("attack", author="ann")])
    with pytest.raises(AnswerConflictError):
        queue.record("attack", "ann", NewAnswer(answer="yes"), answer_id="elsewhere")


def test_an_author_without_a_printable_name_is_refused(queue, new_item):
    """The name becomes part of a key."""
    with pytest.raises(InputError) as caught:
        queue.enqueue([new_item("attack", author="a\nb")])
    assert caught.value.field == "author"
