"""A cheap stand-in for the deployed member, learned from the calls that were made anyway, that ranks many rewrites.

Bayesian linear regression of how far a rewrite moved the member's logit, on how far it moved the sentence embedding
and on what the operator foretold. Exploration by Thompson sampling (Agrawal and Goyal 2013): candidates are ranked by
weights drawn from the posterior, so what is little known gets its turn.
"""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensemble.errors import InputError
from ensemble.scorer import FloatArray

_RIDGE = 1.0
_NOISE = 1.0
"""Standard deviation of a logit around what the features say; near what the regression leaves in practice."""


class Surrogate:
    """Foretells changes of a logit from features of fixed width.

    Args:
        width: features.
        ridge: precision of the prior, which stands at 0, in units of 1 / noise variance.
    """

    def __init__(self, width: int, *, ridge: float = _RIDGE) -> None:
        self._precision = ridge * np.eye(width)
        self._moment = np.zeros(width)
        self.observed = 0

    def learn(self, features: FloatArray, changes: FloatArray) -> None:
        """Adds observations: features (n, width) and the logit's changes (n,).

        What is kept is rounded as `state` writes it, so that a copy restored from there goes on with the same numbers.
        """
        self._precision = _rounded(self._precision + features.T @ features)
        self._moment = _rounded(self._moment + features.T @ changes)
        self.observed += len(changes)

    def drawn(self, features: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Changes by weights drawn once from the posterior, (n, width) -> (n,)."""
        factor = np.linalg.cholesky(self._precision)
        chance = np.linalg.solve(factor.T, rng.standard_normal(len(self._moment)))
        return np.asarray(features @ (self._mean() + _NOISE * chance))

    def expected(self, features: FloatArray) -> FloatArray:
        """Changes by the posterior's mean, (n, width) -> (n,)."""
        return np.asarray(features @ self._mean())

    def state(self) -> dict[str, Any]:
        """What was learned, as JSON: float32 in Base64, about 2.7 width^2 bytes."""
        upper = self._precision[np.triu_indices(len(self._moment))]
        return {"precision": _packed(upper), "moment": _packed(self._moment), "observed": self.observed}

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on from `state`.

        Raises:
            InputError: it is of another width.
        """
        upper, moment = _unpacked(state["precision"]), _unpacked(state["moment"])
        if moment.shape != self._moment.shape:
            raise InputError(f"what was learned has {len(moment)} features, here there are {len(self._moment)}")
        full = np.zeros_like(self._precision)
        full[np.triu_indices(len(moment))] = upper
        self._precision = full + np.triu(full, 1).T
        self._moment, self.observed = moment, int(state["observed"])

    def _mean(self) -> NDArray[np.float64]:
        return np.asarray(np.linalg.solve(self._precision, self._moment), dtype=np.float64)


def _rounded(values: FloatArray) -> FloatArray:
    return values.astype(np.float32).astype(np.float64)


def _packed(values: FloatArray) -> str:
    return base64.b64encode(values.astype("<f4").tobytes()).decode()


def _unpacked(text: str) -> NDArray[np.float64]:
    return np.frombuffer(base64.b64decode(text), dtype="<f4").astype(np.float64)
