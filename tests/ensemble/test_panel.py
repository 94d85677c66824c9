"""The panel's rule: posterior, disagreement, decision, and what happens when members are missing."""

import numpy as np
import pytest

from ensemble.calibration import fit_platt, logit, sigmoid
from ensemble.disagreement import jensen_shannon
from ensemble.errors import ArtifactError, InputError, MemberUnavailableError
from ensemble.panel import Joint, Panel, fit_joint
from ensemble.scorer import Member
from ensemble.text import Text

NAMES = ("a", "b", "c")


@pytest.fixture(scope="module")
def sample():
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 2, 600).astype(float)
    signal = (labels * 2 - 1)[:, None] * np.array([1.5, 1.0, 0.3])
    return sigmoid(signal + rng.normal(size=(600, 3))), labels


@pytest.fixture(scope="module")
def joint(sample):
    return fit_joint(*sample, members=NAMES, deployed="a")


class _Fixed:
    def __init__(self, names, values, down=False):
        self.members = tuple(Member(name, "fixed", "v1") for name in names)
        self._values, self._down = values, down

    def score(self, texts):
        if self._down:
            raise MemberUnavailableError("down")
        return np.tile(self._values, (len(texts), 1))

    def close(self):
        self._down = True


def test_posterior_is_better_than_every_member(sample, joint):
    """The fitted posterior has a lower log loss than each of the calibrated members."""
    probabilities, labels = sample

    def loss(p):
        return -np.mean(labels * np.log(p) + (1 - labels) * np.log(1 - p))

    assert loss(joint.posterior(probabilities)) < min(loss(probabilities[:, i]) for i in range(3))


def test_every_member_votes_at_its_own_threshold(sample):
    """The panel decides at its threshold; a member that has none of its own votes at that one."""
    joint = fit_joint(*sample, members=NAMES, deployed="a", threshold=0.5).model_copy(update={"votes": {"a": 0.1}})
    panel = Panel([_Fixed(NAMES, [0.2, 0.2, 0.2])], joint)
    (verdict,) = panel.verdicts([Text("x")])
    assert {name: score.vote for name, score in verdict.members.items()} == {"a": "yes", "b": "no", "c": "no"}
    assert verdict.review
    assert verdict.decision == "pass"
    assert joint.vote_thresholds.tolist() == [0.1, 0.5, 0.5]


def test_a_threshold_of_a_stranger_is_refused(joint):
    """A rule read from a file names its own members only."""
    with pytest.raises(ValueError, match="thresholds of d, who are no members"):
        Joint.model_validate(joint.model_dump() | {"votes": {"d": 0.5}})


def test_posterior_without_a_member_uses_weights_fitted_without_it(sample, joint):
    """A missing column is answered by the rule of the others, not by an imputed number."""
    probabilities, labels = sample
    without = probabilities.copy()
    without[:, 0] = np.nan
    expected = fit_joint(probabilities[:, 1:], labels, members=NAMES[1:], deployed="b").posterior(probabilities[:, 1:])
    np.testing.assert_allclose(joint.posterior(without), expected)


def test_degraded_verdict_errs_to_flag(joint):
    """With a member down a text that would pass is flagged, named degraded, and sent for review."""
    members = [Member(name, "fixed", "v1") for name in NAMES]
    whole = joint.join(["x"], np.array([[0.02, 0.02, 0.02]]), members)[0]
    broken = joint.join(["x"], np.array([[0.02, np.nan, 0.02]]), members)[0]
    assert (whole.decision, whole.degraded, whole.review) == ("pass", [], False)
    assert (broken.decision, broken.degraded, broken.review) == ("flag", ["b"], True)
    assert set(broken.members) == {"a", "c"}


def test_nobody_answered_flags_at_even_odds(joint):
    """Without any answer nothing is known: posterior one half, flagged."""
    verdict = joint.join(["x"], np.full((1, 3), np.nan), [Member(name, "fixed", "v") for name in NAMES])[0]
    assert (verdict.probability, verdict.decision, verdict.disagreement) == (0.5, "flag", 0.0)


def test_miss_score_is_the_posterior_where_the_deployed_member_passes(joint):
    """It is 0 where the deployed member flags, since there is nothing it could miss."""
    members = [Member(name, "fixed", "v") for name in NAMES]
    passed, flagged = joint.join(["x", "y"], np.array([[0.3, 0.95, 0.9], [0.7, 0.95, 0.9]]), members)
    assert passed.miss_score == passed.probability > 0
    assert flagged.miss_score == 0


def test_panel_orders_columns_by_the_joint_and_survives_a_dead_scorer(joint):
    """Scorers may bring their members in any order; one that is down leaves a degraded verdict."""
    panel = Panel([_Fixed(["c", "a"], [0.3, 0.1]), _Fixed(["b"], [0.2])], joint)
    np.testing.assert_allclose(panel.probabilities([Text("t")]), [[0.1, 0.2, 0.3]])
    panel.scorers[1].close()
    assert panel.verdicts([Text("t")])[0].degraded == ["b"]


def test_panel_refuses_members_it_was_not_fitted_for(joint):
    """A panel fitted for other members would silently be another classifier."""
    with pytest.raises(ArtifactError, match="fitted for"):
        Panel([_Fixed(["a", "b"], [0.1, 0.2])], joint)


def test_fitting_needs_both_labels(sample):
    """One class teaches nothing about the other."""
    with pytest.raises(InputError, match="both labels"):
        fit_joint(sample[0], np.ones(600), members=NAMES, deployed="a")


def test_jensen_shannon_extremes():
    """0 when all agree, 1 when the certain are split in half, unaffected by a missing answer."""
    values = jensen_shannon([[0.2, 0.2, 0.2], [0.0, 1.0, np.nan], [0.4, np.nan, np.nan]])
    np.testing.assert_allclose(values, [0.0, 1.0, 0.0], atol=1e-9)


def test_jensen_shannon_grows_with_the_spread():
    """The further apart two members are, the larger the disagreement, without steps."""
    spread = np.linspace(0.0, 0.49, 50)
    values = jensen_shannon(np.column_stack([0.5 - spread, 0.5 + spread]))
    assert (np.diff(values) > 0).all()


def test_platt_recovers_a_known_rule():
    """Scores drawn from a logistic rule give its slope and intercept back within sampling error."""
    rng = np.random.default_rng(0)
    raw = rng.normal(size=20_000) * 3 + 5
    labels = (rng.random(20_000) < sigmoid(0.8 * raw - 4)).astype(float)
    platt = fit_platt(raw, labels)
    assert platt.slope == pytest.approx(0.8, rel=0.05)
    assert platt.intercept == pytest.approx(-4, rel=0.05)


def test_platt_stays_finite_on_separable_scores():
    """Smoothed targets keep twelve perfectly ordered rows from claiming certainty."""
    probability = fit_platt([-3, -2, -1, 1, 2, 3], [0, 0, 0, 1, 1, 1])([-3, 3])
    assert 0.02 < probability[0] < 0.3
    assert 0.7 < probability[1] < 0.98


@pytest.mark.parametrize(("labels", "message"), [([1, 1, 1, 1], "both labels"), ([1, 1, 0, 0], "against the labels")])
def test_platt_refuses_what_it_cannot_calibrate(labels, message):
    """One class, or scores that point the wrong way, are errors and not a silent inversion."""
    with pytest.raises(InputError, match=message):
        fit_platt([0.0, 1.0, 2.0, 3.0], labels)


def test_logit_and_sigmoid_undo_each_other():
    """Also at the clipped ends, where they stay finite."""
    p = np.array([1e-9, 0.01, 0.5, 0.99, 1.0])
    assert np.isfinite(logit(p)).all()
    np.testing.assert_allclose(sigmoid(logit(p))[1:4], p[1:4])
