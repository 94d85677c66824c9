"""How alike two texts are for the purpose of guessing one's label from the other's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from ensemble.calibration import logit
from miners.acquisition.strategy import FloatArray, IntArray, Pool


class Scales(BaseModel):
    """Prior variances, in squared logits, of what answers may teach about the panel's posterior.

    Attributes:
        level: that it is too high or too low everywhere.
        slope: that it is too sure or not sure enough, and that some member deserves more or less trust.
        members: that it errs where the members say such and such together (who disagrees with whom).
        text: that it errs on texts like this one.
        origin: that it errs on what comes from one source or operator.
        reach: distance at which two texts have little to do with each other: 1 - cosine of their features.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    level: float = Field(default=1.0, ge=0.0)
    slope: float = Field(default=0.3, ge=0.0)
    members: float = Field(default=0.1, ge=0.0)
    text: float = Field(default=4.0, ge=0.0)
    origin: float = Field(default=0.5, ge=0.0)
    reach: float = Field(default=0.3, gt=0.0)


@dataclass(frozen=True)
class Points:
    """n texts as the kernel sees them.

    Attributes:
        members: the members' logits and the posterior's, each with mean 0 and deviation 1 over the pool, shape
            (n, members + 1); 0 where a member did not answer.
        text: features of length 1, shape (n, d), float32; rows of zeros where nothing is known.
        origin: number of the origin, shape (n,).
    """

    members: FloatArray
    text: NDArray[np.float32]
    origin: IntArray

    @classmethod
    def of(cls, pool: Pool) -> Points:
        """The texts of a pool."""
        text = np.asarray(pool.features, dtype=np.float32)
        length = np.linalg.norm(text, axis=1, keepdims=True)
        origins = pool.origins or [""] * len(text)
        return cls(
            members=_standard(logit(np.column_stack([pool.probabilities, pool.posterior]))),
            text=np.asarray(text / np.where(length > 0, length, 1.0), dtype=np.float32),
            origin=np.unique(np.asarray(origins, dtype=object).astype(str), return_inverse=True)[1].astype(np.intp),
        )

    def at(self, indices: IntArray) -> Points:
        """Some of the texts."""
        return Points(self.members[indices], self.text[indices], self.origin[indices])


@dataclass(frozen=True)
class Likeness:
    """How alike n texts are to m others, in parts from which the covariance under any scales is put together.

    Attributes:
        linear: product of the members' standardised logits over their number, shape (n, m).
        apart: squared distance of these over twice their number, shape (n, m).
        cosine: of the features, shape (n, m); None where nothing is known of the texts.
        same: 1 where both come from one origin, shape (n, m).
    """

    linear: FloatArray
    apart: FloatArray
    cosine: NDArray[np.float32] | None
    same: NDArray[np.bool_]

    @classmethod
    def of(cls, left: Points, right: Points) -> Likeness:
        """Of the texts on the left to those on the right."""
        width = left.members.shape[1]
        linear = left.members @ right.members.T / width
        squares = _squares(left.members)[:, None] + _squares(right.members)[None, :]
        return cls(
            linear=linear,
            apart=np.maximum(squares - 2 * width * linear, 0) / (2 * width),
            cosine=left.text @ right.text.T if left.text.shape[1] else None,
            same=np.asarray(left.origin[:, None] == right.origin[None, :]),
        )

    def covariances(self, candidates: Sequence[Scales]) -> list[FloatArray]:
        """Prior covariance of the latent corrections under each scales, in squared logits, each of shape (n, m)."""
        near, text = np.exp(-self.apart), dict[float, FloatArray]()
        found = []
        for scales in candidates:
            result = scales.level + scales.slope * self.linear + scales.members * near + scales.origin * self.same
            if self.cosine is not None:
                if scales.reach not in text:
                    text[scales.reach] = np.exp((self.cosine.astype(np.float64) - 1.0) / scales.reach)
                result += scales.text * text[scales.reach]
            found.append(np.asarray(result, dtype=np.float64))
        return found


def covariance(left: Points, right: Points, scales: Scales) -> FloatArray:
    """Prior covariance of the latent corrections, in squared logits, shape (len(left), len(right))."""
    return Likeness.of(left, right).covariances([scales])[0]


def variance(points: Points, scales: Scales) -> FloatArray:
    """The diagonal of `covariance` with itself, shape (n,)."""
    known = _squares(points.text) > 0
    linear = _squares(points.members) / points.members.shape[1]
    text = scales.text * np.where(known, 1.0, np.exp(-1.0 / scales.reach)) if points.text.shape[1] else 0.0
    return np.asarray(scales.level + scales.slope * linear + scales.members + text + scales.origin, dtype=np.float64)


def _squares(values: FloatArray | NDArray[np.float32]) -> FloatArray:
    return np.asarray((values * values).sum(axis=1), dtype=np.float64)


def _standard(values: FloatArray) -> FloatArray:
    """Columns with mean 0 and deviation 1 over what is known; 0 for what is not."""
    known = ~np.isnan(values)
    count = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, values, 0.0).sum(axis=0) / count
    centred = np.where(known, values - mean, 0.0)
    deviation = np.sqrt((centred * centred).sum(axis=0) / count)
    return np.asarray(centred / np.where(deviation > 0, deviation, 1.0), dtype=np.float64)
