"""Which texts need the expensive members: the rule alone, on numbers."""

import itertools

import numpy as np
import pytest

from ensemble.calibration import logit, sigmoid
from ensemble.cascade import Cascade, drawn
from ensemble.errors import ArtifactError, InputError
from ensemble.panel import MAX_SAMPLE, Asked, Joint, fit_joint
from ensemble.scorer import Member

NAMES = ("a", "b", "judge", "probe")
EXPENSIVE = ("judge", "probe")
MEMBERS = [Member(name, "fixed", "v1") for name in NAMES]


def table(rows, seed, *, noise=1.0):
    """Probabilities of four members that are each somewhat right, and the labels; a third are yes."""
    rng = np.random.default_rng(seed)
    labels = (rng.random(rows) < 1 / 3).astype(float)
    signal = (labels * 2 - 1)[:, None] * np.array([2.0, 1.5, 0.7, 1.0])
    return sigmoid(1.2 * (signal + noise * rng.normal(size=(rows, 4))) - 0.5), labels


@pytest.fixture(scope="module")
def joint():
    return fit_joint(*table(600, 1), members=NAMES, deployed="a")


@pytest.fixture(scope="module")
def texts():
    """Probabilities of texts that nothing was fitted on."""
    return table(4000, 2)[0]


def test_tolerance_zero_asks_everything(joint, texts):
    """Where no change is tolerated, every text is given to every member."""
    assert Cascade(joint, EXPENSIVE, tolerance=0.0).needed(texts).all()


def test_a_greater_tolerance_asks_less(joint, texts):
    """What a tolerance asks, every smaller tolerance asks too; at 1 nothing is asked."""
    asked = [Cascade(joint, EXPENSIVE, tolerance=t).needed(texts) for t in (0.01, 0.05, 0.2, 1.0)]
    for more, less in itertools.pairwise(asked):
        assert not (less & ~more).any()
    assert asked[0].mean() > asked[2].mean()
    assert not asked[-1].any()


def test_no_text_is_skipped_whose_expected_change_is_above_the_tolerance(joint, texts):
    """Needed is exactly what may change: decision, posterior or priority, by more than the tolerance."""
    cascade = Cascade(joint, EXPENSIVE, tolerance=0.05)
    changes, needed = cascade.changes(texts), cascade.needed(texts)
    for change in (changes.decision, changes.posterior, changes.priority):
        assert (change[~needed] <= 0.05).all()
        assert (change[needed] > 0.05).any()


@pytest.mark.parametrize("tolerance", [0.02, 0.05, 0.1])
def test_what_is_skipped_changes_no_more_than_it_says(joint, texts, tolerance):
    """On texts of the same kind, the change that skipping really makes stays under the tolerance, for all three."""
    cascade = Cascade(joint, EXPENSIVE, tolerance=tolerance)
    real = cascade.realised(texts[~cascade.needed(texts)])
    assert len(real.decision) > 200
    assert max(real.decision.mean(), real.posterior.mean(), real.priority.mean()) <= tolerance


def test_a_decision_at_the_edge_is_needed_and_a_sure_one_is_not(joint):
    """A text at the threshold needs the judge; one that all cheap members pass, or flag, for sure does not."""
    edge, passed, flagged = [0.5, 0.5], [1e-6, 1e-6], [1 - 1e-6, 1 - 1e-6]
    rows = np.array([[*pair, np.nan, np.nan] for pair in (edge, passed, flagged)])
    assert Cascade(joint, EXPENSIVE).needed(rows).tolist() == [True, False, False]


def test_a_flagged_text_has_no_priority(joint, texts):
    """A text that the deployed member flags cannot be missed, so priority never asks for the judge."""
    changes = Cascade(joint, EXPENSIVE).changes(texts)
    flagged = texts[:, 0] >= joint.threshold
    assert (changes.priority[flagged] == 0).all()
    assert (changes.priority[~flagged] > 0).all()


def test_expensive_columns_are_not_read(joint, texts):
    """The rule is the same whatever the expensive members would say, or whether they were asked at all."""
    cascade = Cascade(joint, EXPENSIVE)
    np.testing.assert_array_equal(cascade.needed(texts), cascade.needed(cascade.without(texts)))


def test_a_text_that_lacks_a_cheap_member_is_needed(joint):
    """Without a cheap member nothing can be foretold, so everybody is asked."""
    rows = np.array([[1e-6, np.nan, np.nan, np.nan], [1e-6, 1e-6, np.nan, np.nan]])
    assert Cascade(joint, EXPENSIVE).needed(rows).tolist() == [True, False]


def test_few_rows_make_it_ask_more(texts):
    """A rule fitted on ten rows cannot promise 5 %: one row more, the worst, already breaks it."""
    few = fit_joint(*table(10, 4), members=NAMES, deployed="a")
    assert Cascade(few, EXPENSIVE, tolerance=0.05).needed(texts).all()


def test_a_judge_that_says_little_is_needed_less(texts):
    """Less is expected of a judge that guesses than of one that knows, so fewer texts are given to it."""
    probabilities, labels = table(600, 5)
    rng = np.random.default_rng(7)
    asked = {}
    for name, knows in (("guesses", 0.0), ("knows", 4.0)):
        columns = sigmoid(knows * (labels[:, None] - 0.5) + rng.normal(size=(600, 2)))
        rule = fit_joint(np.hstack([probabilities[:, :2], columns]), labels, members=NAMES, deployed="a")
        asked[name] = Cascade(rule, EXPENSIVE, tolerance=0.1).needed(texts).mean()
    assert asked["guesses"] < 0.7 * asked["knows"]


def test_the_cut_is_the_lowest_of_the_highest_priorities(joint):
    """It is a quantile of the priorities of the rows that the rule keeps."""
    rows = np.array(joint.sample)
    priorities = np.where(rows[:, 0] < joint.threshold, joint.posterior(rows), 0.0)
    cut = Cascade(joint, EXPENSIVE, top=0.1).cut
    assert (priorities >= cut).mean() == pytest.approx(0.1, abs=0.01)


def test_the_draw_is_fixed_by_text_and_seed():
    """The same text is always treated alike, another seed draws others, and the share is kept."""
    names = [f"{i:032x}" for i in range(20_000)]
    first = drawn(names, 0.05, 0)
    np.testing.assert_array_equal(first, drawn(names, 0.05, 0))
    assert (first != drawn(names, 0.05, 1)).any()
    assert first.mean() == pytest.approx(0.05, abs=0.006)
    assert not (first & ~drawn(names, 0.2, 0)).any()
    assert drawn(names, 1.0, 0).all()


def test_a_skipped_member_is_not_degraded(joint):
    """A verdict names who was left out by choice apart from who failed; only the latter flags."""
    rows = np.array([[0.01, 0.01, np.nan, np.nan], [0.01, 0.01, np.nan, 0.01], [0.01, 0.01, 0.01, 0.01]])
    skipped = np.zeros((3, 4), dtype=bool)
    skipped[0, 2:] = True
    left, failed, whole = joint.join(["x", "y", "z"], rows, MEMBERS, Asked(skipped, np.array([0.02, 1.0, 0.02])))
    assert (left.skipped, left.degraded, left.decision, left.review) == (["judge", "probe"], [], "pass", False)
    assert (left.asked_probability, set(left.members)) == (0.02, {"a", "b"})
    assert left.probability == pytest.approx(float(joint.posterior(rows[:1])[0]))
    assert (failed.skipped, failed.degraded, failed.decision) == ([], ["judge"], "flag")
    assert (whole.skipped, whole.degraded, whole.asked_probability) == ([], [], 0.02)


def test_a_rule_from_before_the_cascade_is_refused(joint):
    """An older rule still loads, but a cascade over it is refused with what to do."""
    older = Joint.model_validate({k: v for k, v in joint.model_dump().items() if k != "sample"})
    with pytest.raises(ArtifactError, match="hungjury prepare --force"):
        Cascade(older, EXPENSIVE)


@pytest.mark.parametrize(
    ("expensive", "message"),
    [(("a", "judge"), "deployed member 'a'"), ((), "some must be expensive"), (("nobody",), "some must be expensive")],
)
def test_members_that_cannot_be_expensive_are_refused(joint, expensive, message):
    """The deployed member is asked of every text, and there are both cheap and expensive members."""
    with pytest.raises(InputError, match=message) as caught:
        Cascade(joint, expensive)
    assert caught.value.field == "cascade.expensive"


def test_the_rule_keeps_rows_in_proportion():
    """However many rows the rule is fitted on, it keeps so many, evenly."""
    probabilities, labels = table(3 * MAX_SAMPLE, 6)
    kept = np.array(fit_joint(probabilities, labels, members=NAMES, deployed="a").sample)
    assert kept.shape == (MAX_SAMPLE, 4)
    assert logit(kept).mean() == pytest.approx(logit(probabilities).mean(), abs=0.1)
