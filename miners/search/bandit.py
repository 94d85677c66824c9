"""The bandit: which operator to try next, by the misses that people confirmed per unit of cost.

Labels are few and late, verdicts many and at once. So what an arm is worth is taken apart: how much it promises per
unit of cost, which verdicts tell, times the share of its operator's promises that people confirm, which labels tell.
Both are drawn from their posteriors (Thompson 1933): a Gamma for the rate per cost, conjugate to Poisson counts, and a
Beta for the share. Promises fade, since an operator that filled its niches has nothing new to give (discounted Thompson
sampling, Raj and Kalyani 2017); what people said does not fade.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

_PROMISED, _COST = 1.0, 8.0
"""An arm that was never tried promises what two texts of four members would with one new niche between them: more than
most arms keep, so that each is tried."""

_CONFIRMED, _REFUTED = 2.0, 1.0
"""Before any label, two of three promises are thought to hold; three labels weigh as much as this."""


class Arm(BaseModel):
    """What an arm gave, faded.

    Attributes:
        promised: sum of what its texts promised, each in [0, 1].
        cost: what they cost, in member calls.
    """

    model_config = ConfigDict(extra="forbid")

    promised: float = 0.0
    cost: float = 0.0


class Answers(BaseModel):
    """What people said of texts that promised a miss, by operator."""

    model_config = ConfigDict(extra="forbid")

    confirmed: int = 0
    refuted: int = 0


class Bandit:
    """Chooses arms; deterministic by its state and the generator given."""

    def __init__(self, *, memory: float = 4_000.0) -> None:
        """Knows nothing yet.

        Args:
            memory: cost after which a promise counts for 1/e of what it did, in member calls.
        """
        self._memory = memory
        self._arms: dict[str, Arm] = {}
        self._answers: dict[str, Answers] = {}

    def choose(self, arms: Sequence[tuple[str, str]], rng: np.random.Generator) -> int:
        """The index of the arm with the highest draw.

        Args:
            arms: pairs (arm, operator), at least one; several arms may share an operator and its labels.
            rng: two numbers are drawn from it for each arm.
        """
        return int(np.argmax([self._drawn(arm, operator, rng) for arm, operator in arms]))

    def credit(self, arm: str, *, promised: float, cost: float) -> None:
        """An arm was tried: what it promised, in [0, 1], and what that cost, at least 0; all arms fade by the cost."""
        fading = math.exp(-cost / self._memory)
        for other in self._arms.values():
            other.promised *= fading
            other.cost *= fading
        tried = self._arms.setdefault(arm, Arm())
        tried.promised += promised
        tried.cost += cost

    def answer(self, operator: str, *, confirmed: bool) -> None:
        """People confirmed, or refuted, a promise of this operator."""
        answers = self._answers.setdefault(operator, Answers())
        answers.confirmed += confirmed
        answers.refuted += not confirmed

    def rate(self, arm: str, operator: str) -> float:
        """Confirmed misses expected per unit of cost: the product of the posterior means."""
        tried, said = self._arms.get(arm, Arm()), self._answers.get(operator, Answers())
        share = (_CONFIRMED + said.confirmed) / (_CONFIRMED + _REFUTED + said.confirmed + said.refuted)
        return (_PROMISED + tried.promised) / (_COST + tried.cost) * share

    def state(self) -> dict[str, Any]:
        """All counts."""
        return {
            "arms": {name: arm.model_dump() for name, arm in self._arms.items()},
            "answers": {name: said.model_dump() for name, said in self._answers.items()},
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on with these counts."""
        self._arms = {name: Arm.model_validate(arm) for name, arm in state["arms"].items()}
        self._answers = {name: Answers.model_validate(said) for name, said in state["answers"].items()}

    def _drawn(self, arm: str, operator: str, rng: np.random.Generator) -> float:
        tried, said = self._arms.get(arm, Arm()), self._answers.get(operator, Answers())
        rate = rng.gamma(_PROMISED + tried.promised) / (_COST + tried.cost)
        return float(rate * rng.beta(_CONFIRMED + said.confirmed, _REFUTED + said.refuted))
