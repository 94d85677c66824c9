"""What admins are told of raters."""

from datetime import UTC, datetime

import numpy as np
import pytest

from miners.queue.memory import MemoryQueue
from miners.queue.types import Answer, NewAnswer
from miners.raters import rater_report, reported

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def answer(item, rater, said, seconds=None):
    body = NewAnswer(answer=said, seconds=seconds)
    return Answer(answer_id=f"{item}-{rater}", item_id=item, rater=rater, body=body, at=NOW)


def crowd(errors, texts=200, seconds=None):
    """Everybody answers every text, each wrong about an own share."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, texts)
    answers = [
        answer(str(text), rater, ("no", "yes")[truth[text] ^ int(rng.random() < error)], (seconds or {}).get(rater))
        for text in range(texts)
        for rater, error in errors.items()
    ]
    return answers, {str(text): int(label) for text, label in enumerate(truth)}


def test_careless_raters_stand_out():
    """Without any known text, who is often wrong has a low sensitivity and specificity, outside others' intervals."""
    answers, _ = crowd({"ann": 0.02, "bob": 0.03, "cy": 0.35})
    report = reported(answers, {})
    by = {row.rater: row for row in report.raters}
    assert by["cy"].sensitivity_interval[1] < by["ann"].sensitivity_interval[0]
    assert by["cy"].specificity < 0.75
    assert by["bob"].specificity > 0.9
    assert (report.answers, report.compared, report.known_texts) == (600, 200, 0)
    assert 0 < report.alpha < 0.8
    assert report.alpha_interval[0] < report.alpha < report.alpha_interval[1]
    assert all(row.flags == [] for row in report.raters)


def test_failing_known_texts_raises_a_flag():
    """Half wrong about texts of known label is named; a wrong answer or two are not."""
    answers, truth = crowd({"ann": 0.02, "cy": 0.5}, texts=40)
    report = reported(answers, truth)
    by = {row.rater: row for row in report.raters}
    assert by["cy"].known == by["ann"].known == report.known_texts == 40
    assert "of 40 answers to texts of known label are wrong" in by["cy"].flags[0]
    assert by["ann"].flags == []


def test_haste_raises_a_flag():
    """Who answers in a fraction of everybody's time is named; without measured times nobody is."""
    answers, _ = crowd({"ann": 0.02, "bob": 0.02, "cy": 0.02}, seconds={"ann": 9.0, "bob": 11.0, "cy": 0.8})
    by = {row.rater: row for row in reported(answers, {}).raters}
    assert by["cy"].flags == ["answers within 0.8 s, everybody within 9.0 s (medians)"]
    assert by["ann"].flags == by["bob"].flags == []
    assert all(row.seconds is None for row in reported(crowd({"ann": 0.1})[0], {}).raters)


def test_planted_texts_are_known(new_item_of):
    """The label that a drill planted counts as the truth of its text."""
    queue = MemoryQueue("injury")
    items = [
        new_item_of(f"text {n}", plant="drill", origin={"expected_label": 1}) if n % 2 else new_item_of(f"text {n}")
        for n in range(30)
    ]
    queue.enqueue(items)
    for lease in queue.lease("cy", count=30, request_id="1"):
        queue.answer(lease.lease_id, "cy", NewAnswer(answer="no"))
    (row,) = rater_report(queue).raters
    assert (row.answers, row.known, row.wrong) == (30, 15, 15)
    assert row.flags == ["15 of 15 answers to texts of known label are wrong"]


def test_nobody_has_answered():
    """An empty report, without agreement."""
    report = rater_report(MemoryQueue("injury"))
    assert (report.raters, report.answers, report.alpha) == ([], 0, None)


@pytest.mark.parametrize("count", [1, 9])
def test_few_answers_raise_no_flag(count):
    """Below ten answers chance explains too much."""
    report = reported([answer(str(n), "ann", "no") for n in range(count)], {str(n): 1 for n in range(count)})
    assert report.raters[0].wrong == count
    assert report.raters[0].flags == []
