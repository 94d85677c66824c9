"""Answers put together by text."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from miners.acquisition.strategy import Answered, FloatArray, IntArray


@dataclass(frozen=True)
class Tally:
    """What people have said of each answered text.

    Attributes:
        indices: places in the pool, increasing, shape (m,).
        yes: answers yes, shape (m,).
        no: answers no, shape (m,).
        unsure: answers that could not say, shape (m,).
        severity: mean severity where any was given, else nan, shape (m,).
    """

    indices: IntArray
    yes: FloatArray
    no: FloatArray
    unsure: FloatArray
    severity: FloatArray

    @classmethod
    def of(cls, answered: Answered) -> Tally:
        """Counts the answers."""
        indices, place = np.unique(answered.indices, return_inverse=True)

        def count(of: NDArray[np.bool_], weights: FloatArray | None = None) -> FloatArray:
            given = of.astype(np.float64) if weights is None else np.where(of, weights, 0.0)
            return np.bincount(place, weights=given, minlength=len(indices)).astype(np.float64)

        rated = ~np.isnan(answered.severity)
        times = count(rated)
        severity = np.where(times > 0, count(rated, answered.severity) / np.maximum(times, 1), np.nan)
        labels = answered.labels
        return cls(indices.astype(np.intp), count(labels == 1), count(labels == 0), count(np.isnan(labels)), severity)

    @property
    def votes(self) -> FloatArray:
        """Answers of any kind, shape (m,)."""
        return self.yes + self.no + self.unsure

    @property
    def share(self) -> FloatArray:
        """Share of yes among yes and no, shape (m,); nan where nobody could say."""
        said = self.yes + self.no
        return np.where(said > 0, self.yes / np.maximum(said, 1), np.nan)

    @property
    def is_decided(self) -> NDArray[np.bool_]:
        """Whether anybody said yes or no, shape (m,)."""
        return self.yes + self.no > 0

    @property
    def decided(self) -> Tally:
        """The texts of which somebody said yes or no."""
        keep = self.is_decided
        return Tally(self.indices[keep], self.yes[keep], self.no[keep], self.unsure[keep], self.severity[keep])
