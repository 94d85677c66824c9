"""No row is scored by a model that saw it."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from ensemble.errors import InputError
from ensemble.panel import fit_joint
from ensemble.tasks.task import GivenRows, load_task
from ensemble.text import LabelledText
from ensemble.training.held_out import HeldOut, crossed, folds, held_out_rows, posterior_of


@pytest.fixture
def noise():
    """More features than rows, and labels that have nothing to do with them."""
    rng = np.random.default_rng(0)
    rows = [
        LabelledText(f"text {i}", label=int(label), meta={"fold": i % 4, "split": "train"})
        for i, label in enumerate(rng.random(160) < 0.5)
    ]
    return rows, rng.normal(size=(160, 400))


def _labels(rows):
    return np.array([row.label for row in rows])


def test_folds_hold_every_row_out_once(noise):
    """What is fitted on and what is held out never meet."""
    rows, _ = noise
    held = [out for fit, out in folds(rows) if not set(fit) & set(out)]
    assert sorted(np.concatenate(held)) == list(range(len(rows)))


def test_noise_stays_noise(noise):
    """A model that fits its own rows perfectly scores rows of other folds like a coin."""
    rows, features = noise
    of = np.arange(len(rows))
    auc = roc_auc_score(_labels(rows), crossed(features, of, rows, 1.0))
    print(f"AUC of noise, held out in turn: {auc:.3f}")
    assert 0.35 < auc < 0.65


def test_a_label_does_not_reach_the_scores_of_its_own_fold(noise):
    """Turned round, it changes the scores of the other folds alone."""
    rows, features = noise
    of = np.arange(len(rows))
    before = crossed(features, of, rows, 1.0)
    after = crossed(features, of, [replace(rows[0], label=1 - rows[0].label), *rows[1:]], 1.0)
    same = np.array([row.meta["fold"] == rows[0].meta["fold"] for row in rows])
    np.testing.assert_array_equal(before[same], after[same])
    assert (before[~same] != after[~same]).all()


def test_windows_go_with_their_text(noise):
    """Several windows of one text are held out together."""
    rows, features = noise
    of = np.sort(np.arange(len(rows)) // 2)
    before = crossed(features, of, rows[: of.max() + 1], 1.0)
    turned = [replace(rows[0], label=1 - rows[0].label), *rows[1 : of.max() + 1]]
    after = crossed(features, of, turned, 1.0)
    same = np.array([turned[text].meta["fold"] == turned[0].meta["fold"] for text in of])
    np.testing.assert_array_equal(before[same], after[same])


def test_the_panel_too_is_held_out(noise):
    """With folds the posterior of a row comes from a rule fitted without its fold; else from the rule itself."""
    rows, features = noise
    scores = 1 / (1 + np.exp(-features[:, :3]))
    held = HeldOut(tuple(rows), ("a", "b", "c"), scores)
    joint = fit_joint(held.scores, held.labels, members=held.members, deployed="a")
    assert not np.allclose(posterior_of(held, joint), joint.posterior(scores))
    bare = HeldOut(tuple(replace(row, meta={}) for row in rows), ("a", "b", "c"), scores)
    np.testing.assert_array_equal(posterior_of(bare, joint), joint.posterior(scores))


def test_rows_that_a_member_was_not_asked_about_are_left_out(noise):
    """A prompt shows some rows as examples; they calibrate nothing."""
    rows, features = noise
    scores = 1 / (1 + np.exp(-features[:, :2]))
    scores[3, 1] = np.nan
    held = HeldOut(tuple(rows), ("a", "b"), scores).complete
    assert held.rows == (*rows[:3], *rows[4:])
    assert not np.isnan(held.scores).any()


def test_rows_that_cannot_calibrate_are_refused(noise):
    """Neither a calibration split nor folds."""
    injury = load_task()
    bare = [replace(row, meta={"split": "train"}) for row in noise[0]]
    with pytest.raises(InputError, match="neither calibration rows nor folds"):
        held_out_rows(GivenRows(injury.path, injury.header, given=tuple(bare)))
