"""How often a guided proposer applies each operator: by how many of its rewrites passed the limits and fooled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ensemble.scorer import FloatArray
from miners.rewrites.operator import Operator

_FOOLED, _TRIED = 1.0, 4.0
"""What an operator that was never tried counts as: one success in four."""

_DROPPED = 0.25
"""A rewrite that was chosen and then broke a limit counts for so much of one that was scored in vain."""


class Yields:
    """Successes and failures by operator."""

    def __init__(self) -> None:
        self._fooled: dict[str, int] = {}
        self._tried: dict[str, float] = {}

    def shares(self, operators: Sequence[Operator]) -> FloatArray:
        """How often each should be applied, shape (operators,), sum 1; none is ever left out."""
        rates = np.array(
            [(_FOOLED + self._fooled.get(one.name, 0)) / (_TRIED + self._tried.get(one.name, 0)) for one in operators]
        )
        return np.asarray(rates / rates.sum(), dtype=np.float64)

    def scored(self, operator: str, *, fooled: bool) -> None:
        """A rewrite has its verdict."""
        self._fooled[operator] = self._fooled.get(operator, 0) + fooled
        self._tried[operator] = self._tried.get(operator, 0) + 1

    def dropped(self, operator: str) -> None:
        """A rewrite broke a limit."""
        self._tried[operator] = self._tried.get(operator, 0) + _DROPPED

    def counts(self) -> dict[str, list[float]]:
        """By operator, rewrites that fooled the member and rewrites tried."""
        return {name: [self._fooled.get(name, 0), tried] for name, tried in self._tried.items()}

    def state(self) -> dict[str, Any]:
        """Counts; JSON."""
        return {"fooled": dict(self._fooled), "tried": dict(self._tried)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Goes on with these counts."""
        self._fooled, self._tried = dict(state["fooled"]), dict(state["tried"])
