"""A linear model with its standardisation, as keyword member, judge and probe all end in one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ensemble.scorer import FloatArray


@dataclass(frozen=True)
class LinearModel:
    """score = weight . (x - mean) / scale + bias, all in float64.

    Attributes:
        mean, scale, weight: shape (features,).
        bias: shape (1,).
    """

    mean: FloatArray
    scale: FloatArray
    weight: FloatArray
    bias: FloatArray

    def __call__(self, features: FloatArray) -> FloatArray:
        """Raw scores, (n, features) -> (n,)."""
        return np.asarray(((features - self.mean) / self.scale) @ self.weight + self.bias[0], dtype=np.float64)

    def folded(self) -> tuple[FloatArray, float]:
        """The same without standardisation: weights of shape (features,) and bias for the features as they are."""
        weight = self.weight / self.scale
        return weight, float(self.bias[0] - weight @ self.mean)

    def save(self, path: Path) -> None:
        """Writes a safetensors file."""
        from safetensors.numpy import save_file

        save_file({"mean": self.mean, "scale": self.scale, "weight": self.weight, "bias": self.bias}, path)

    @classmethod
    def load(cls, path: Path) -> LinearModel:
        """Reads a safetensors file."""
        from safetensors.numpy import load_file

        return cls(**load_file(path))
