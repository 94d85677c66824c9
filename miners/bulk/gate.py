"""Deciding by its words alone, a hundred times as fast, whether the cheap members read a text at all.

The gate is fitted to the corpus itself: the members score a pilot of it (and labelled rows of the task, for words that
are rare), and a ridge regression on hashed words foretells the logit of the priority that they give. A text with number
u (see `miners.bulk.topk.uniform`) is read if u < g, where g in (0, 1] grows with the probability that the text is among
the tenth of highest priority (by the foretold value and the spread of the errors), and never falls below a floor. So g
is the exact probability that a text is read (Poisson sampling), nothing is invisible, and because the same u decides
what is kept, a kept text counts as drawn with probability min(g, w t): it has to pass both.

What the gate costs is measured and not guessed: texts read with probability g stand for 1/g of their kind, so that
every run estimates how many texts of each niche it passed over.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix
from scipy.special import ndtr

from ensemble.calibration import logit
from ensemble.scorer import FloatArray
from miners.errors import CampaignError

FILE = "gate.npz"

_BITS = 17
_FLOOR = 0.25
"""Part of the share to be read that is spread evenly over all texts."""

_TOP = 0.9
"""Quantile of the pilot's priorities from which a text is worth finding."""

_FOLDS, _RIDGE = 5, 1.0

_DOUBT = 0.01
"""No text is foretold to be worth less: how far below it another lies is guesswork."""

_LEAST_SPREAD = 1e-3
"""Of the errors, in logits: a corpus on which all texts are alike has none."""


class WordGate:
    """Probability with which a text is read, from its words."""

    def __init__(self, coefficients: FloatArray, intercept: float, factor: float, look: float) -> None:
        """Takes a fit.

        Args:
            coefficients: by hashed word, shape (2 ** 17,), in standard deviations of the error.
            intercept: distance from the priority that is worth finding, as above.
            factor: probability of being read over that of being worth it, where neither floor nor 1 cuts it off.
            look: share of the texts to be read, in (0, 1].
        """
        self._coefficients, self._intercept, self._factor, self._look = coefficients, intercept, factor, look

    def __call__(self, texts: Sequence[str]) -> FloatArray:
        """Shape (len(texts),), in (0, 1]."""
        worth = ndtr(hashed(texts) @ self._coefficients + self._intercept)
        return read_probability(worth, self._factor, self._look)

    def save(self, path: Path) -> None:
        """Writes it down."""
        np.savez(path, coefficients=self._coefficients, intercept=self._intercept, factor=self._factor, look=self._look)

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
        pilot: texts of the corpus, of no choice but chance or place; at least one.
        priorities: what the members give them, shape (len(pilot),), in [0, 1].
        look: share to be read, in (0, 1].
        more: other texts to learn words from; they do not count for the share.
        more_priorities: theirs.
    """
    known = logit(np.concatenate([priorities, np.zeros(0) if more_priorities is None else more_priorities]))
    words, here = hashed([*pilot, *more]), slice(len(pilot))
    unseen = _unseen(words, known)
    spread = max(_LEAST_SPREAD, float(np.std((known - unseen)[here])))
    cut = float(np.quantile(known[here], _TOP))
    coefficients, intercept = _regressed(words, known)
    factor = _factor(ndtr((unseen[here] - cut) / spread), look)
    return WordGate(coefficients / spread, (intercept - cut) / spread, factor, look)


def read_probability(worth: FloatArray, factor: float, look: float) -> FloatArray:
    """Probability of being read, shape (n,): that of being worth it times a factor, between a floor and 1."""
    return np.asarray(np.clip(factor * (worth + _DOUBT), _FLOOR * look, 1.0), dtype=np.float64)


def hashed(texts: Sequence[str]) -> csr_matrix:
    """Which words a text holds, as rows of length 1: shape (len(texts), 2 ** 17)."""
    from sklearn.feature_extraction.text import HashingVectorizer

    vectorizer = HashingVectorizer(n_features=1 << _BITS, binary=True, alternate_sign=False, norm="l2")
    return csr_matrix(vectorizer.transform(list(texts)))


def _unseen(words: csr_matrix, known: FloatArray) -> FloatArray:
    """What fits without a text foretell of it, shape (n,): within its own fit the errors look too small."""
    folds, result = np.arange(len(known)) % _FOLDS, np.full(len(known), known.mean())
    for fold in np.unique(folds):
        inside = folds == fold
        if not inside.all():
            coefficients, intercept = _regressed(words[~inside], known[~inside])
            result[inside] = words[inside] @ coefficients + intercept
    return result


def _regressed(words: csr_matrix, known: FloatArray) -> tuple[FloatArray, float]:
    """Coefficients by word, and intercept."""
    from sklearn.linear_model import Ridge
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):  # sums over several threads end in other digits, and q must be the same everywhere
        model = Ridge(alpha=_RIDGE, solver="sparse_cg").fit(words, known)
    return np.asarray(model.coef_, dtype=np.float64), float(model.intercept_)


def _factor(worth: FloatArray, look: float) -> float:
    """The factor with which the mean probability over these texts is `look`, by bisection."""
    low, high = 0.0, 1 / _DOUBT
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if read_probability(worth, middle, look).mean() > look else (middle, high)
    return high
