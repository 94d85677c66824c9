"""Which texts the expensive members must see, told from what the cheap ones said.

The panel's posterior is sigmoid(L) with L linear in the members' logits. L is regressed on the cheap members' logits
over the rows that the panel's rule was fitted on; the residuals, each taken from a fit without its row, are what the
expensive members said there that the cheap ones could not tell. For a new text L is the prediction plus such a
residual, so whatever depends on L has an expectation: (1 + its sum over the residuals) / (1 + residuals). The added
one stands for the text's own, unknown residual, counted as the worst (as in conformal prediction: Vovk, Gammerman &
Shafer 2005), so that few rows make the cascade ask more and not less.

A text is worth the expensive members where one of three things is expected to change by more than the tolerance: the
decision, the posterior, or whether the text is among those of highest priority. A text that the deployed member flags
cannot be missed, so for it the third is nothing. What is left is asked all the same with a small, known probability,
drawn from the text's identity: the same text is always treated alike, and nothing becomes invisible.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ensemble.calibration import logit, sigmoid
from ensemble.errors import ArtifactError, InputError
from ensemble.panel import Joint
from ensemble.scorer import FloatArray

BoolArray: TypeAlias = NDArray[np.bool_]

_MAX_RESIDUALS = 200
"""More residuals than this are thinned to as many of their quantiles."""

_LEAST_LEFT = 1e-3
"""1 - leverage is kept from 0: a row that alone determines a coefficient has a large residual, not an infinite one."""


@dataclass(frozen=True)
class Changes:
    """What is expected to change if the expensive members are asked; arrays of shape (n,), in [0, 1].

    Attributes:
        decision: probability that the decision is another than without them.
        posterior: mean distance between the posteriors with and without them.
        priority: probability that the text is among those of highest priority; 0 where the deployed member flags.
    """

    decision: FloatArray
    posterior: FloatArray
    priority: FloatArray

    @property
    def largest(self) -> FloatArray:
        """The largest of the three, shape (n,)."""
        return np.maximum(np.maximum(self.decision, self.posterior), self.priority)


class Cascade:
    """Fitted to one panel and one choice of expensive members; pure, and the same for every text.

    Attributes:
        expensive: members that are asked only where needed, in the panel's order.
        cut: priority (posterior where the deployed member passes) from which a text is among the highest.
    """

    def __init__(self, joint: Joint, expensive: Sequence[str], *, tolerance: float = 0.1, top: float = 0.1) -> None:
        """Fits the prediction on the rows that the joint rule keeps.

        Args:
            joint: the panel's rule.
            expensive: names of members; the others are cheap.
            tolerance: expected change from which a text is asked, see `Changes`, in [0, 1]; at 0 every text is.
            top: share of all texts that counts as those of highest priority, in (0, 1].

        Raises:
            ArtifactError: the rule keeps no rows.
            InputError: the deployed member is expensive, or no member is cheap, or none is expensive.
        """
        self._joint, self._tolerance = joint, tolerance
        self.expensive = tuple(name for name in joint.members if name in expensive)
        _check(joint, self.expensive)
        self._costly = np.array([name in self.expensive for name in joint.members])
        self._deployed = joint.members.index(joint.deployed)
        self._vote = joint.vote_threshold(joint.deployed)
        rows = np.array(joint.sample, dtype=np.float64)
        full = joint.posterior(rows)
        self._coefficients, self._residuals = _regressed(self._features(rows), logit(full))
        self.cut = _cut(np.where(self._passed(rows), full, 0.0), top)

    def needed(self, probabilities: FloatArray) -> BoolArray:
        """Whether each text needs the expensive members, shape (n,).

        Args:
            probabilities: P(yes), shape (n, members); only cheap columns are read. A text that lacks one is needed.
        """
        known = ~np.isnan(probabilities[:, ~self._costly]).any(axis=1)
        needed = np.ones(len(probabilities), dtype=np.bool_)
        needed[known] = self.changes(probabilities[known]).largest > self._tolerance
        return needed

    def changes(self, probabilities: FloatArray) -> Changes:
        """What the expensive members are expected to change.

        Args:
            probabilities: P(yes), shape (n, members); only cheap columns are read, and none of these is nan.
        """
        without = self._joint.posterior(self.without(probabilities))[:, None]
        predicted = self._features(probabilities) @ self._coefficients
        full = sigmoid(predicted[:, None] + self._residuals)
        threshold = self._joint.threshold
        return Changes(
            decision=_expected((full >= threshold) != (without >= threshold)),
            posterior=_expected(np.abs(full - without)),
            priority=np.where(self._passed(probabilities), _expected(full >= self.cut), 0.0),
        )

    def realised(self, probabilities: FloatArray) -> Changes:
        """What skipping the expensive members would have changed on texts on which they were asked after all.

        Args:
            probabilities: P(yes), shape (n, members), without nan.

        Returns:
            Decision: 1 where it is another without them, else 0. Posterior: the distance. Priority: 1 where the text is
            among those of highest priority, and would not be without them, else 0.
        """
        full, without = self._joint.posterior(probabilities), self._joint.posterior(self.without(probabilities))
        threshold, passed = self._joint.threshold, self._passed(probabilities)
        return Changes(
            decision=((full >= threshold) != (without >= threshold)).astype(np.float64),
            posterior=np.abs(full - without),
            priority=(passed & (full >= self.cut) & (without < self.cut)).astype(np.float64),
        )

    def without(self, probabilities: FloatArray) -> FloatArray:
        """The same probabilities with nan in the expensive members' columns, shape (n, members)."""
        return np.where(self._costly, np.nan, probabilities)

    def _features(self, probabilities: FloatArray) -> FloatArray:
        """Logits of the cheap members and a column of ones, shape (n, cheap members + 1)."""
        return np.column_stack([logit(probabilities[:, ~self._costly]), np.ones(len(probabilities))])

    def _passed(self, probabilities: FloatArray) -> BoolArray:
        return np.asarray(probabilities[:, self._deployed] < self._vote, dtype=np.bool_)


def drawn(identities: Sequence[str], share: float, seed: int) -> BoolArray:
    """Whether each text is asked although it need not be, shape (n,): with probability `share`, fixed by text and seed.

    Args:
        identities: of the texts, see `ensemble.text.identity`.
        share: in [0, 1].
        seed: another seed draws other texts.
    """
    points = [hashlib.blake2b(f"{seed}:{name}".encode(), digest_size=8).digest() for name in identities]
    return np.array([int.from_bytes(point, "big") < share * 2.0**64 for point in points], dtype=np.bool_)


def _check(joint: Joint, expensive: Sequence[str]) -> None:
    field = "cascade.expensive"
    if not joint.sample:
        raise ArtifactError(
            "the panel in use was fitted before there was a cascade: run `hungjury prepare --force`, or "
            "`hungjury train` with --force; or set cascade.enabled to false"
        )
    if joint.deployed in expensive:
        raise InputError(f"{field}: every text has to be given to the deployed member {joint.deployed!r}", field=field)
    if not 0 < len(expensive) < len(joint.members):
        raise InputError(f"{field}: of {', '.join(joint.members)} some must be expensive and some not", field=field)


def _regressed(features: FloatArray, target: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Least squares: coefficients, and residuals of fits that leave out their row, ascending, thinned."""
    inverse = np.linalg.pinv(features)
    coefficients = inverse @ target
    leverage = np.einsum("ij,ji->i", features, inverse)
    residuals = np.sort((target - features @ coefficients) / np.maximum(1 - leverage, _LEAST_LEFT))
    kept = np.linspace(0, len(residuals) - 1, min(len(residuals), _MAX_RESIDUALS)).round().astype(np.intp)
    return coefficients, residuals[kept]


def _expected(values: NDArray[np.bool_] | FloatArray) -> FloatArray:
    """Means over the residuals of values in [0, 1], shape (n, residuals), with the worst once more; shape (n,)."""
    return np.asarray((1 + values.sum(axis=1)) / (1 + values.shape[1]), dtype=np.float64)


def _cut(priorities: FloatArray, top: float) -> float:
    """The lowest priority among the `top` share of the rows; the lowest above 0 where fewer have any, 1 where none."""
    positive = priorities[priorities > 0]
    if len(positive) == 0:
        return 1.0
    return float(max(np.quantile(priorities, 1 - top), positive.min()))
