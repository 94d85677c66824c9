"""Independence on labelled items, followed on every kind of queue as labels come in."""

import numpy as np
import pytest

from ensemble.evaluation.independence import independence
from ensemble.evaluation.kinds import kind_rates
from ensemble.scorer import Member
from ensemble.verdict import MemberScore, Verdict
from miners.adjudicated import Adjudicated
from miners.queue.types import NewAnswer

MEMBERS = tuple(Member(name, name, "1" * 12) for name in ("encoder", "judge", "probe"))
DEPLOYED = "encoder"


def scored(numbers, versions=("1" * 12,) * 3, asked=1.0):
    """A verdict of the three members; None = did not answer."""
    scores = {
        member.name: MemberScore(probability=p, vote="yes" if p >= 0.5 else "no", version=version)
        for member, p, version in zip(MEMBERS, numbers, versions, strict=True)
        if p is not None
    }
    return Verdict(
        id="v",
        probability=0.5,
        decision="flag",
        disagreement=0.1,
        miss_score=0.1,
        members=scores,
        degraded=[],
        review=True,
        asked_probability=asked,
    )


@pytest.fixture
def label(queue, new_item):
    """Queues a text with these numbers and has it answered; gives the answer's id."""

    def put(name, numbers, answer, q=0.5, **more):
        queue.enqueue([new_item(name, verdict=scored(numbers, **more), selection_probability=q)])
        (lease,) = queue.lease(f"rater {name}", request_id=f"take {name}")
        return queue.answer(lease.lease_id, f"rater {name}", NewAnswer(answer=answer)).answer_id

    return put


def table(**options):
    return Adjudicated(MEMBERS, deployed=DEPLOYED, thresholds={m.name: 0.5 for m in MEMBERS}, **options)


def test_nothing_labelled_is_said(queue, new_item):
    """An empty queue, and one with only unlabelled items, have a report without figures and with a reason."""
    queue.enqueue([new_item("a")])
    found = table()
    assert found.follow(queue) is False
    report = found.report(waiting=1)
    assert (report.items, report.unweighted, report.weighted, report.effective_items) == (0, None, None, 0)
    assert report.warnings == ("No labelled text was scored by all members at their present versions.",)


def test_figures_are_those_of_the_same_rows_offline(queue, label):
    """Both kinds of figures equal the offline measure on the stored numbers, labels and 1/q."""
    rng = np.random.default_rng(3)
    numbers, labels, q = rng.random((12, 3)), rng.integers(0, 2, 12), rng.uniform(0.05, 1, 12)
    for i in range(12):
        label(f"t{i}", numbers[i].tolist(), "yes" if labels[i] else "no", float(q[i]))
    found = table()
    assert found.follow(queue) is True
    report = found.report(waiting=0)
    options = {"members": [m.name for m in MEMBERS], "deployed": DEPLOYED, "threshold": 0.5}
    assert report.unweighted == independence(numbers, labels.astype(float), **options)
    assert report.weighted == independence(numbers, labels.astype(float), weights=1 / q, **options)
    assert (report.items, report.positives) == (12, labels.sum())
    rates = kind_rates(numbers, labels.astype(float), members=MEMBERS, deployed=DEPLOYED, threshold=0.5)
    assert report.kinds == rates
    assert report.effective_items == pytest.approx((1 / q).sum() ** 2 / np.square(1 / q).sum())
    assert "Only 12 labelled texts" in report.warnings[0]


def test_a_text_that_a_cascade_would_have_spared_stands_for_the_spared_ones(queue, label):
    """Where all members were asked with a probability, the weight is one by that and by the probability of queueing."""
    label("spared", [0.1, 0.9, 0.9], "yes", q=0.5, asked=0.02)
    label("other", [0.9, 0.9, 0.9], "yes", q=0.5)
    found = table()
    found.follow(queue)
    report = found.report(0)
    assert report.weighted.disagreeing_share == pytest.approx(100 / 102)
    assert report.unweighted.disagreeing_share == pytest.approx(1 / 2)


def test_only_new_labels_are_read_and_corrections_count(queue, label):
    """Each call goes on where the last one stopped; a corrected answer replaces what was known of its text."""
    answer = label("a", [0.1, 0.9, 0.1], "no")
    found = table()
    assert found.follow(queue)
    assert (found.report(0).positives, found.report(0).unweighted.misses) == (0, 0)
    assert found.follow(queue) is False
    queue.amend(answer, "rater a", NewAnswer(answer="yes"))
    label("b", [0.9, 0.9, 0.9], "yes")
    assert found.follow(queue)
    report = found.report(0)
    assert (report.items, report.positives, report.unweighted.misses) == (2, 2, 1)
    assert report.unweighted.unique_catches == {"judge": 1, "probe": 0}
    queue.amend(answer, "rater a", NewAnswer(answer="unsure"))
    found.follow(queue)
    assert (found.report(0).items, found.report(0).unsure) == (1, 1)


def test_what_does_not_count_is_counted(queue, label):
    """Unsure labels, other versions and missing members are left out, each under its name."""
    label("good", [0.9, 0.2, 0.9], "yes")
    label("unsure", [0.9, 0.2, 0.9], "unsure")
    label("old", [0.9, 0.2, 0.9], "yes", versions=("1" * 12, "0" * 12, "1" * 12))
    label("half", [0.9, None, 0.9], "yes")
    found = table()
    found.follow(queue)
    report = found.report(waiting=7)
    assert (report.items, report.unsure, report.other_versions, report.incomplete) == (1, 1, 1, 1)
    told = " ".join(report.warnings)
    for part in ("Every label is yes", "7 queued texts wait", "scored by other versions", "not scored by every member"):
        assert part in told


def test_what_cannot_be_said_is_none(queue, label):
    """One class and no error: no correlation, no capture, and nothing that JSON has no name for."""
    label("a", [0.1, 0.2, 0.3], "no", 1.0)
    label("b", [0.1, 0.2, 0.3], "no", 0.01)
    found = table()
    found.follow(queue)
    report = found.report(0)
    assert (report.weighted.n_eff, report.weighted.capture, report.weighted.misses) == (None, None, 0)
    assert "NaN" not in report.model_dump_json()


def test_the_table_is_bounded(queue, label):
    """Beyond the bound the first labelled is forgotten."""
    label("a", [0.9, 0.9, 0.9], "no")
    label("b", [0.9, 0.9, 0.9], "yes")
    label("c", [0.9, 0.9, 0.9], "yes")
    found = table(most=2)
    found.follow(queue)
    assert (found.report(0).items, found.report(0).positives) == (2, 2)


def test_uneven_weights_are_told(queue, label):
    """One text that stands for thousands makes the weighted figures worth little more than one text."""
    for number in range(6):
        label(f"t{number}", [0.1, 0.9, 0.4], "yes" if number % 2 else "no", 0.0001 if number == 0 else 0.5)
    found = table()
    found.follow(queue)
    report = found.report(0)
    assert report.effective_items == pytest.approx(1.0, abs=0.01)
    assert any("worth 1 texts" in warning for warning in report.warnings)
