"""Ridge logistic regressions on standardised features, their strength chosen by cross-validation between families.

A text may have several rows of features, one a window; it counts once, and its score is the highest of its windows.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ensemble.members.linear import LinearModel
from ensemble.members.windows import highest
from ensemble.scorer import FloatArray
from ensemble.text import LabelledText

_FOLDS, _FOLDS_OF_MANY = 5, 3
_MANY = 2000
"""Rows from which fewer folds tell strengths apart as well."""


def fit_linear(
    features: FloatArray, of: NDArray[np.int64], rows: Sequence[LabelledText], strength: float
) -> LinearModel:
    """Fits one strength on all rows.

    Args:
        features: shape (m, features), one row a window.
        of: shape (m,), ascending: the text in `rows` that each window belongs to.
        rows: n labelled texts.
        strength: inverse penalty.
    """
    labels = np.array([row.label for row in rows])
    return _fitted(features, labels[of], _weights(of), strength)


def cross_validated(
    features: FloatArray, of: NDArray[np.int64], rows: Sequence[LabelledText], strengths: Sequence[float]
) -> list[tuple[float, float]]:
    """(strength, AUC) of each strength; folds are cut between families, and a text's windows stay together.

    Where there are too few families for every fold to be fitted on both labels, folds are cut between texts.
    """
    from sklearn.metrics import roc_auc_score

    labels, weights = np.array([row.label for row in rows]), _weights(of)
    groups = np.array(families(rows))[of]
    folds = _FOLDS if len(rows) < _MANY else _FOLDS_OF_MANY
    scores = np.empty((len(strengths), len(features)))
    for fit, held in _cuts(groups, of, labels[of], folds):
        for place, strength in enumerate(strengths):
            model = _fitted(features[fit], labels[of[fit]], weights[fit], strength)
            scores[place, held] = model(features[held])
    return [(s, float(roc_auc_score(labels, highest(score, of)))) for s, score in zip(strengths, scores, strict=True)]


def _cuts(
    groups: NDArray[np.str_], of: NDArray[np.int64], labels: NDArray[np.int64], folds: int
) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """(rows to fit on, rows held out) of every fold; all arrays have one entry a window."""
    from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

    count = len(set(groups.tolist()))
    if count > 1:
        cuts = list(GroupKFold(min(folds, count)).split(groups, groups=groups))
        if all(len(np.unique(labels[fit])) == 2 for fit, _ in cuts):
            return cuts
    return list(StratifiedGroupKFold(folds).split(of, labels, groups=of))


def families(rows: Sequence[LabelledText]) -> list[str]:
    """What folds keep whole: the row's group, else its family, else the row itself."""
    return [str(row.meta.get("group") or row.meta.get("family") or row.id) for row in rows]


def _weights(of: NDArray[np.int64]) -> FloatArray:
    """One over the number of a text's windows, so that every text counts once."""
    return np.asarray(1.0 / np.bincount(of)[of])


def _fitted(features: FloatArray, labels: NDArray[np.int64], weights: FloatArray, strength: float) -> LinearModel:
    from sklearn.linear_model import LogisticRegression

    mean, scale = features.mean(axis=0), features.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    model = LogisticRegression(C=strength, max_iter=2000).fit((features - mean) / scale, labels, sample_weight=weights)
    return LinearModel(mean, scale, np.asarray(model.coef_[0], dtype=np.float64), np.asarray(model.intercept_))
