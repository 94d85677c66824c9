"""Deciding by its words alone, a hundred times as fast, whether the cheap members read a text at all.

The gate is fitted to the corpus itself: the members score a pilot of it (and labelled rows of the task, for words that
are rare), and a logistic regression on hashed words learns which are among the tenth of highest priority. A text with
number u (see `miners.bulk_topk.uniform`) is read if u < g, where g in (0, 1] grows with the probability of that and
never falls below a floor. So g is the exact probability that a text is read (Poisson sampling), nothing is invisible,
and because the same u decides what is kept, a kept text counts as drawn with probability min(g, w t): it has to pass
both.

What the gate costs is measured and not guessed: texts read with probability g stand for 1/g of their kind, so that
every run estimates how many texts of each niche it passed over.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from ensemble.scorer import FloatArray
from miners.errors import CampaignError

BoolArray: TypeAlias = NDArray[np.bool_]

FILE = "gate.npz"

_BITS = 17
_FLOOR = 0.25
"""Part of the share to be read that is spread evenly over all texts."""

_TOP = 0.9
"""Quantile of the pilot's priorities from which a text is worth finding."""

_FOLDS, _STRENGTH = 5, 10.0


class WordGate:
    """Probability with which a text is read, from its words.

    Attributes:
        look: share of the pilot that is read, in (0, 1].
    """

    def __init__(self, coefficients: FloatArray, intercept: float, factor: float, look: float) -> None:
        """Takes a fit.

        Args:
            coefficients: by hashed word, shape (2 ** 17,).
            intercept: of the logistic regression.
            factor: probability of being read over that of being worth it, where neither floor nor 1 cuts it off.
            look: see the class.
        """
        self._coefficients, self._intercept, self._factor, self.look = coefficients, intercept, factor, look

    def __call__(self, texts: Sequence[str]) -> FloatArray:
        """Shape (len(texts),), in (0, 1]."""
        expected = _expected(hashed(texts) @ self._coefficients + self._intercept)
        return read_probability(expected, self._factor, self.look)

    def save(self, path: Path) -> None:
        """Writes it down."""
        np.savez(path, coefficients=self._coefficients, intercept=self._intercept, factor=self._factor, look=self.look)

    @classmethod
    def load(cls, path: Path) -> WordGate:
        """Reads what `save` wrote.

        Raises:
            CampaignError: it is not there, or no gate.
        """
        try:
            with np.load(path) as kept:
                numbers = [float(kept[name]) for name in ("intercept", "factor", "look")]
                return cls(kept["coefficients"], *numbers)
        except (OSError, ValueError, KeyError) as error:
            raise CampaignError(f"the gate of the run, {path}, cannot be read ({error}); choose another name") from None


def fit_gate(
    pilot: Sequence[str],
    priorities: FloatArray,
    look: float,
    *,
    more: Sequence[str] = (),
    more_priorities: FloatArray | None = None,
) -> WordGate:
    """Fits the gate so that about `look` of texts like the pilot are read.

    Args:
        pilot: texts of the corpus, of no choice but chance or place.
        priorities: what the members give them, shape (len(pilot),), in [0, 1].
        look: share to be read, in (0, 1].
        more: other texts to learn words from; they do not count for the share.
        more_priorities: theirs.
    """
    texts = [*pilot, *more]
    given = np.concatenate([priorities, np.zeros(0) if more_priorities is None else more_priorities])
    known = given >= np.quantile(priorities, _TOP)
    words = hashed(texts)
    folds = np.arange(len(texts)) % _FOLDS
    unseen = np.empty(
        len(texts)
    )  # what a fit without the text expects of it: within its own fit the share is too small
    for fold in range(_FOLDS):
        coefficients, intercept = _regressed(words[folds != fold], known[folds != fold])
        unseen[folds == fold] = _expected(words[folds == fold] @ coefficients + intercept)
    coefficients, intercept = _regressed(words, known)
    return WordGate(coefficients, intercept, _factor(unseen[: len(pilot)], look), look)


def read_probability(expected: FloatArray, factor: float, look: float) -> FloatArray:
    """Probability of being read, shape (n,): that of being worth it times a factor, between a floor and 1."""
    return np.asarray(np.clip(factor * expected, _FLOOR * look, 1.0), dtype=np.float64)


def hashed(texts: Sequence[str]) -> csr_matrix:
    """Which words a text holds, as rows of length 1: shape (len(texts), 2 ** 17)."""
    from sklearn.feature_extraction.text import HashingVectorizer

    vectorizer = HashingVectorizer(n_features=1 << _BITS, binary=True, alternate_sign=False, norm="l2")
    return csr_matrix(vectorizer.transform(list(texts)))


def _expected(score: FloatArray) -> FloatArray:
    return np.asarray(1 / (1 + np.exp(-np.clip(score, -40, 40))), dtype=np.float64)


def _regressed(words: csr_matrix, worth: BoolArray) -> tuple[FloatArray, float]:
    """Coefficients by word, and intercept; where all texts are alike, no word tells anything."""
    from sklearn.linear_model import LogisticRegression

    if worth.all() or not worth.any():
        return np.zeros(words.shape[1]), 0.0
    model = LogisticRegression(C=_STRENGTH, max_iter=200).fit(words, worth)
    return np.asarray(model.coef_[0], dtype=np.float64), float(model.intercept_[0])


def _factor(expected: FloatArray, look: float) -> float:
    """The factor with which the mean probability over these texts is `look`, by bisection."""
    low, high = 0.0, 1 / max(float(expected.min()), 1e-9)
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if read_probability(expected, middle, look).mean() > look else (middle, high)
    return high
