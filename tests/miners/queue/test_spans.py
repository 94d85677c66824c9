"""The words that a rater marked: kept with the answer, within the text, and no trouble to answers that have none."""

import json

import pytest
from pydantic import ValidationError

from ensemble.errors import InputError
from miners.errors import AnswerConflictError
from miners.queue.redis_queue import RedisQueue
from miners.queue.types import NewAnswer, Span

TEXT = "\U0001f469\u200d\U0001f52c fell \U0001f622"
"""Ten code points; thirteen code units of UTF-16."""


def yes(*spans):
    return NewAnswer(answer="yes", spans=[{"start": start, "end": end} for start, end in spans])


def take(queue, rater="ann"):
    (lease,) = queue.lease(rater, request_id=f"take-{rater}")
    return lease.lease_id


def test_spans_are_kept_with_the_answer_and_its_history(queue, new_item):
    """What was marked is stored with the answer; a correction replaces it and the history keeps it."""
    queue.enqueue([new_item("a", text=TEXT)])
    lease = take(queue)
    queue.answer(lease, "ann", yes((4, 8)))
    queue.amend(lease, "ann", yes((0, 3), (8, 9)))
    (answer,) = queue.item("a").answers
    assert answer.body.spans == (Span(start=0, end=3), Span(start=8, end=9))
    assert answer.history[0]["spans"] == [{"start": 4, "end": 8}]


@pytest.mark.parametrize("verb", ["answer", "amend", "record"])
def test_spans_end_within_the_text(queue, new_item, verb):
    """A span may reach the last code point and not beyond; the message says how long the text is."""
    assert len(TEXT) == 10
    queue.enqueue([new_item("a", text=TEXT, needed=5)])
    lease = take(queue)
    if verb == "amend":
        queue.answer(lease, "ann", yes())
    say = {
        "answer": lambda body: queue.answer(lease, "ann", body),
        "amend": lambda body: queue.amend(lease, "ann", body),
        "record": lambda body: queue.record("a", "ben", body, answer_id="r"),
    }[verb]
    with pytest.raises(InputError, match="has 10 characters") as refused:
        say(yes((0, 11)))
    assert refused.value.field == "spans"
    assert say(yes((9, 10))).item_id == "a"


def test_spans_are_part_of_what_is_said(queue, new_item):
    """The same answer with other words marked is another answer; with the same words it is the same one."""
    queue.enqueue([new_item("a", text=TEXT)])
    lease = take(queue)
    receipt = queue.answer(lease, "ann", yes((4, 8)))
    assert queue.answer(lease, "ann", yes((4, 6), (5, 8))) == receipt
    with pytest.raises(AnswerConflictError):
        queue.answer(lease, "ann", yes((4, 7)))
    with pytest.raises(AnswerConflictError):
        queue.answer(lease, "ann", yes())


def test_answers_from_before_there_were_spans(client, new_item):
    """An answer stored without the field is read, and repeated or corrected as ever."""
    queue = RedisQueue(client, "injury")
    queue.enqueue([new_item("a", text=TEXT)])
    lease = take(queue)
    receipt = queue.answer(lease, "ann", yes())
    key = f"{{hungjury:injury}}:a:{lease}"
    body = json.loads(client.hget(key, "body"))
    assert "spans" not in json.loads(client.hget(key, "said"))
    del body["spans"]
    client.hset(key, "body", json.dumps(body))
    assert queue.answer(lease, "ann", yes()) == receipt
    assert queue.item("a").answers[0].body == yes()
    queue.amend(lease, "ann", yes((0, 1)))
    assert queue.item("a").answers[0].history[0]["answer"] == "yes"


@pytest.mark.parametrize("span", [(3, 3), (4, 2), (-1, 2), (0.0, 1), ("0", 1), (0, 10**9)])
def test_what_is_no_span(span):
    """Empty, reversed, negative and vast spans are refused, and so are numbers that are none."""
    with pytest.raises(ValidationError):
        yes(span)


def test_at_most_a_hundred_spans():
    """More marks than anybody makes are refused."""
    assert len(yes(*[(2 * at, 2 * at + 1) for at in range(100)]).spans) == 100
    with pytest.raises(ValidationError):
        yes(*[(2 * at, 2 * at + 1) for at in range(101)])
