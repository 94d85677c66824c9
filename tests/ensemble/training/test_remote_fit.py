"""Preparing a judge behind an endpoint: the best form that it answers in, few questions, none paid for twice."""

import numpy as np
import pytest
from endpoint import running_endpoint

from ensemble.errors import ArtifactError, MemberUnavailableError
from ensemble.home import home
from ensemble.members.remote_judge import RemoteJudge, read_file
from ensemble.members.specs import JudgeSpec
from ensemble.tasks.task import GivenRows, load_task
from ensemble.text import LabelledText
from ensemble.training.remote_fit import fit_remote, measurable, sample

ROWS = 60


@pytest.fixture
def endpoint():
    with running_endpoint() as server:
        yield server


@pytest.fixture
def task():
    """Rows of which the endpoint's model gets nine in ten right."""
    rows = []
    for number in range(ROWS):
        label = number % 2
        says = label if number % 10 else 1 - label
        text = f"He broke bone {number}." if says else f"She sang song {number}."
        rows.append(LabelledText(text, label=label, meta={"split": "calibration", "family": str(number)}))
    loaded = load_task("injury")
    return GivenRows(loaded.path, loaded.header, given=rows, examples=[])


def spec(endpoint, **more):
    return JudgeSpec(**{"endpoint": endpoint.url, "endpoint_model": "tiny", "retries": 0} | more)


@pytest.mark.parametrize(
    ("offers", "likely", "api", "form", "tries"),
    [
        ({"logprobs", "structured"}, 20, "chat", "logprobs", 0),
        ({"logprobs"}, 5, "chat", "few-logprobs", 1),
        ({"logprobs"}, 5, "completions", "few-logprobs", 1),
        ({"structured"}, 20, "chat", "structured", 2),
        (set(), 20, "chat", "words", 3),
        (set(), 20, "completions", "words", 2),
    ],
)
@pytest.mark.parametrize("ignores", [False, True])
def test_the_best_form_is_found_once_and_kept(task, endpoint, tmp_path, offers, likely, api, form, tries, ignores):
    """Whether the endpoint refuses a form or passes it over: the best that works is found on one row and kept."""
    endpoint.offers, endpoint.most_likely, endpoint.ignores = offers, likely, ignores
    fit_remote(tmp_path, task, spec(endpoint, api=api), lambda _step, _share: None)
    kept = read_file(tmp_path)
    asked = len(endpoint.seen)
    if not (ignores and likely < 20):  # a server that gives fewer words than it was asked for is as good
        assert kept.form == form
        assert asked == ROWS + tries
    judge = RemoteJudge.load(tmp_path)
    found = judge.score(task.rows("calibration")[:10])
    judge.close()
    assert len(endpoint.seen) == asked + 10
    assert found[1, 0] > 0.7
    assert found[2, 0] < 0.3


def test_an_endpoint_that_is_no_such_thing_says_so(task, endpoint, tmp_path):
    """A web page, or a key that is refused, ends the preparation at the first row."""
    endpoint.raw = b"<html>"
    with pytest.raises(MemberUnavailableError, match="not JSON"):
        fit_remote(tmp_path, task, spec(endpoint), lambda _step, _share: None)
    endpoint.raw, endpoint.refusals = None, [401]
    with pytest.raises(MemberUnavailableError, match="401"):
        fit_remote(tmp_path, task, spec(endpoint), lambda _step, _share: None)
    assert len(endpoint.seen) == 2


def test_a_judge_that_knows_nothing_is_refused(task, endpoint, tmp_path):
    """Answers that run against the labels cannot be calibrated, and the message says so."""
    turned = [LabelledText(row.text, label=1 - row.label, meta=row.meta) for row in task.rows("calibration")]
    other = GivenRows(task.path, task.header, given=turned, examples=[])
    with pytest.raises(ArtifactError, match="cannot be calibrated"):
        fit_remote(tmp_path, other, spec(endpoint), lambda _step, _share: None)


def test_only_a_sample_is_asked_and_the_rest_is_unknown(task, endpoint, tmp_path):
    """At most so many rows as allowed are asked, both labels in their share; the others are nan."""
    found = fit_remote(tmp_path, task, spec(endpoint, calibration_rows=20), lambda _step, _share: None)
    assert len(endpoint.seen) == 20
    asked = ~np.isnan(found[:, 0])
    labels = np.array([row.label for row in task.rows("calibration")])
    assert found.shape == (ROWS, 1)
    assert (asked.sum(), labels[asked].sum()) == (20, 10)


def test_a_killed_preparation_does_not_pay_twice(task, endpoint, tmp_path):
    """After a failure in the middle only what is missing is asked; the result is as if nothing had happened."""
    whole = fit_remote(tmp_path / "whole", task, spec(endpoint, endpoint_model="whole"), lambda _step, _share: None)
    endpoint.seen.clear()

    def stop(_step, share):
        if share > 0.4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit_remote(tmp_path / "again", task, spec(endpoint), stop)
    paid = len(endpoint.seen)
    assert 0 < paid < ROWS
    kept = max((home() / "answers").iterdir(), key=lambda path: path.stat().st_mtime_ns)
    with kept.open("a") as file:
        file.write('\n{"key": "cut sho')
    found = fit_remote(tmp_path / "again", task, spec(endpoint), lambda _step, _share: None)
    assert len(endpoint.seen) == ROWS
    np.testing.assert_allclose(found, whole)


def test_measuring_asks_a_sample_and_then_forgets(task, endpoint, tmp_path):
    """A measurement asks no more rows than allowed; when it is done nothing is kept to be taken for new answers."""
    found = fit_remote(tmp_path, task, spec(endpoint, calibration_rows=20), lambda _step, _share: None)
    judge, rows = RemoteJudge.load(tmp_path), task.rows("calibration")
    before = len(endpoint.seen)
    assert np.isnan(found[:, 0]).sum() == ROWS - 20
    with measurable([judge], rows) as measured:
        assert len(measured) == 20
        judge.score(measured)
    assert len(endpoint.seen) == before
    judge.score(rows[:1])
    assert len(endpoint.seen) == before + 1
    assert list((home() / "answers").iterdir()) == []
    judge.close()


def test_the_price_is_told_before_and_held_against_the_budget(task, endpoint, tmp_path):
    """The step's name tells questions, tokens and money; where the budget is too small nothing is asked."""
    prices = {"price_per_million_input": 1.0, "price_per_million_output": 1.0}
    with pytest.raises(ArtifactError, match=r"budget 1e-06 .* would be needed.*calibration_rows"):
        fit_remote(tmp_path, task, spec(endpoint, **prices, budget=1e-6), lambda _step, _share: None)
    assert endpoint.seen == []
    told = []
    fit_remote(tmp_path, task, spec(endpoint, **prices, budget=1.0), lambda step, _share: told.append(step))
    assert told[0].startswith(f"asking the remote judge {ROWS} questions, about ")
    assert "in money" in told[0]


@pytest.mark.parametrize(("yes", "no", "most"), [(5, 995, 100), (500, 500, 100), (999, 1, 50), (30, 30, 100)])
def test_samples_keep_the_shares_of_the_labels(yes, no, most):
    """Both labels are in a sample, in their share as far as whole rows go, and no row twice."""
    labels = [1] * yes + [0] * no
    found = sample(labels, most)
    assert len(found) == len(set(found)) == min(most, yes + no)
    chosen = sum(labels[i] for i in found)
    assert 0 < chosen < len(found)
    assert abs(chosen / len(found) - yes / (yes + no)) <= 1 / len(found)
