"""The ridge regression that keyword member, judge and probe share."""

import numpy as np
from sklearn.linear_model import LogisticRegression

from ensemble.members.linear import LinearModel
from ensemble.text import LabelledText
from ensemble.training.linear import cross_validated, fit_linear


def _rows(labels, families=None):
    return [
        LabelledText(str(i), label=int(y), meta={"family": int(families[i])} if families is not None else {})
        for i, y in enumerate(labels)
    ]


def test_weights_are_those_of_scikit_learn():
    """Raw scores equal the decision function of the same regression on standardised features."""
    rng = np.random.default_rng(0)
    features, labels = rng.normal(size=(60, 5)) * 7 + 3, rng.integers(0, 2, 60)
    scaled = (features - features.mean(axis=0)) / features.std(axis=0)
    expected = LogisticRegression(C=0.1, max_iter=2000).fit(scaled, labels).decision_function(scaled)
    np.testing.assert_allclose(fit_linear(features, np.arange(60), _rows(labels), 0.1)(features), expected, atol=1e-8)


def test_a_constant_feature_is_harmless():
    """A feature that never varies divides nothing by zero."""
    features = np.column_stack([np.ones(20), np.arange(20.0)])
    raw = fit_linear(features, np.arange(20), _rows(np.arange(20) > 9), 1.0)(features)
    assert np.isfinite(raw).all()


def test_a_text_counts_once_however_many_windows_it_has():
    """A text of three equal windows weighs as much as the same text in one."""
    rng = np.random.default_rng(3)
    features, labels = rng.normal(size=(30, 4)), rng.integers(0, 2, 30)
    tripled = np.concatenate([[0, 0], np.arange(30)])
    once = LogisticRegression(C=0.1).fit(features, labels)
    many = fit_linear(features[tripled], tripled, _rows(labels), 0.1)
    assert len(once.coef_[0]) == len(many.weight)
    total = np.bincount(tripled)[tripled]
    scaled = (features[tripled] - many.mean) / many.scale
    expected = LogisticRegression(C=0.1, max_iter=2000).fit(scaled, labels[tripled], sample_weight=1 / total)
    np.testing.assert_allclose(many.weight, expected.coef_[0], atol=1e-8)


def test_folding_keeps_the_scores():
    """Without standardisation the same numbers come out."""
    rng = np.random.default_rng(4)
    model = LinearModel(rng.normal(size=5), rng.uniform(0.5, 2, 5), rng.normal(size=5), np.array([0.3]))
    features = rng.normal(size=(7, 5))
    weight, bias = model.folded()
    np.testing.assert_allclose(features @ weight + bias, model(features), atol=1e-12)


def test_every_strength_is_measured_between_families():
    """A feature that names the family is worth nothing for families not seen, at any strength."""
    rng = np.random.default_rng(5)
    families = np.repeat(np.arange(20), 4)
    labels = np.repeat(rng.permutation(np.repeat([0, 1], 10)), 4)
    found = cross_validated(np.eye(20)[families] * 5, np.arange(80), _rows(labels, families), (0.01, 1.0))
    assert [strength for strength, _ in found] == [0.01, 1.0]
    assert all(auc < 0.7 for _, auc in found)


def test_too_few_families_are_cut_between_texts():
    """Where a fold would have to be fitted on one label, or there is one family only, texts are cut instead."""
    rng = np.random.default_rng(6)
    labels = np.repeat([0, 1], 20)
    features = rng.normal(size=(40, 3)) + labels[:, None] * 4
    for families in (np.zeros(40), labels):
        ((_, auc),) = cross_validated(features, np.arange(40), _rows(labels, families), (1.0,))
        assert auc > 0.9
