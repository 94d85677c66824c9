"""A ridge logistic regression whose strength is chosen by grouped cross-validation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ensemble.scorer import FloatArray
from ensemble.text import LabelledText

STRENGTHS = (0.003, 0.01, 0.03, 0.1, 0.3)
"""Inverse penalties tried."""

FOLDS = 5


def fit_linear(features: FloatArray, rows: Sequence[LabelledText]) -> tuple[FloatArray, float]:
    """Weights of shape (features,) and bias; the strength with the best AUC over folds that keep families whole.

    Args:
        features: shape (len(rows), features).
        rows: labels, and `meta["family"]` where there is one.
    """
    from sklearn.linear_model import LogisticRegression

    labels = np.array([row.label for row in rows])
    groups = families(rows)
    best = max(STRENGTHS, key=lambda strength: _cross_validated_auc(features, labels, groups, strength))
    model = LogisticRegression(C=best, max_iter=5000).fit(features, labels)
    return np.asarray(model.coef_[0], dtype=np.float64), float(model.intercept_[0])


def families(rows: Sequence[LabelledText]) -> list[str]:
    """The family of every row, or the row itself where it has none."""
    return [str(row.meta.get("family") or row.id) for row in rows]


def _cross_validated_auc(features: FloatArray, labels: FloatArray, groups: Sequence[str], strength: float) -> float:
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import GroupKFold, cross_val_predict

    model = LogisticRegression(C=strength, max_iter=5000)
    scores = cross_val_predict(model, features, labels, groups=groups, cv=GroupKFold(FOLDS), method="decision_function")
    return float(roc_auc_score(labels, scores))
