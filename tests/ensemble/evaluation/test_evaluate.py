"""The report as a whole, from rows to JSON and back."""

import numpy as np
import pytest

from ensemble.errors import InputError, MemberUnavailableError
from ensemble.evaluation.evaluate import Report, evaluate, measure
from ensemble.evaluation.metrics import quality
from ensemble.panel import Panel, fit_joint
from ensemble.scorer import Member
from ensemble.text import LabelledText


class Lengths:
    """Two members that judge a text by its length; one is surer than the other."""

    members = (Member("short", "length", "1" * 12), Member("long", "length", "2" * 12))

    def __init__(self):
        self.scored, self.down = 0, False

    def score(self, texts):
        if self.down:
            raise MemberUnavailableError("down")
        self.scored += len(texts)
        lengths = np.array([len(text.text) for text in texts])
        return np.column_stack([1 / (1 + np.exp(-(lengths - 20) / scale)) for scale in (4, 9)])

    def close(self):
        """Holds nothing."""


@pytest.fixture
def scorer():
    return Lengths()


@pytest.fixture
def panel(scorer):
    rng = np.random.default_rng(12)
    labels = rng.integers(0, 2, 200).astype(float)
    columns = 1 / (1 + np.exp(-rng.normal(labels * 2 - 1, size=(2, 200)).T))
    return Panel([scorer], fit_joint(columns, labels, members=("short", "long"), deployed="short"))


@pytest.fixture
def rows():
    """A hundred texts, the longer ones labelled yes but for every tenth."""
    return [
        LabelledText(
            "x" * (1 + i % 40), label=int((i % 40 > 20) != (i % 10 == 0)), meta={"tens": i // 25, "odd": i % 2}
        )
        for i in range(100)
    ]


def test_a_report_survives_json(panel, rows):
    """Everything in it, slices and curves too, is plain JSON and comes back as it was."""
    report = evaluate(panel, rows, slices=["tens", "odd"], curves=True)
    assert Report.model_validate_json(report.model_dump_json()) == report
    assert [each.field for each in report.slices] == ["tens", "odd"]
    assert report.versions == {"short": "1" * 12, "long": "2" * 12}
    assert set(report.curves.members) == {"short", "long"}
    assert "NaN" not in report.model_dump_json()


def test_without_being_asked_a_report_is_small(panel, rows):
    """As it is kept with every artifact: no curves, no slices."""
    report = evaluate(panel, rows)
    assert (report.curves, report.slices) == (None, ())
    assert len(report.model_dump_json()) < 15_000


def test_slices_of_a_field_add_up_to_the_whole(panel, rows):
    """Misses, rows and yes rows of the four slices are those of the deployed member."""
    report = evaluate(panel, rows, slices=["tens"])
    slices = report.slices[0].slices
    assert sum(each.rows for each in slices) == report.rows
    assert sum(each.yes for each in slices) == report.positives
    assert sum(each.deployed.misses for each in slices) == report.members["short"].misses
    assert sum(each.panel.false_alarms for each in slices) == report.panel.false_alarms


def test_progress_ends_with_all_rows(panel, rows):
    """It is told after every chunk."""
    told = []
    evaluate(panel, rows, progress=told.append)
    assert told == [64, 100]


@pytest.mark.parametrize("wrong", [{"slices": ["nothing"]}, {"fprs": [1.0]}, {"fprs": [float("nan")]}])
def test_wrong_wishes_are_refused_before_anything_is_scored(panel, scorer, rows, wrong):
    """A field that no row has, and shares that are none."""
    with pytest.raises(InputError):
        evaluate(panel, rows, **wrong)
    assert scorer.scored == 0


def test_no_rows_and_silent_members_are_refused(panel, scorer, rows):
    """Numbers of other rows than the rest would be no comparison."""
    with pytest.raises(InputError, match="no labelled rows"):
        evaluate(panel, [])
    scorer.down = True
    with pytest.raises(InputError, match="short, long did not answer"):
        evaluate(panel, rows)


@pytest.mark.parametrize(
    ("probabilities", "labels", "message"),
    [
        ([0.1, float("nan")], [0.0, 1.0], "did not answer"),
        ([0.1, 1.1], [0.0, 1.0], r"in \[0, 1\]"),
        ([0.1, 0.2], [0.0, 2.0], "0 or 1"),
        ([0.1, 0.2], [0.0, float("nan")], "0 or 1"),
        ([0.1], [0.0, 1.0], "1 probabilities for 2 labels"),
        ([], [], "no labelled rows"),
    ],
)
def test_what_is_no_probability_or_no_label_is_refused(panel, probabilities, labels, message):
    """Nothing is measured on it, neither a column nor a panel."""
    with pytest.raises(InputError, match=message):
        quality(np.array(probabilities), np.array(labels), 0.5)
    with pytest.raises(InputError, match=message):
        measure(panel, np.column_stack([probabilities, probabilities]), np.array(labels))
