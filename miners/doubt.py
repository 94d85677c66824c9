"""Ranking the texts of a round side by side, with doubt in what the deployed member itself says.

The panel's posterior weighs the deployed member by how right it was on labelled rows. Where it has a blind spot, its
calm number is what is wrong, and it pulls the posterior down with it. So passed texts are ranked twice: by their value,
and by what the other members say alone (the mean of their logits); each takes the better of its two places. Ranks, not
numbers, are compared: the others' word lifts few texts by much, and the order within each ranking stays.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ensemble.calibration import logit, sigmoid
from ensemble.verdict import Verdict
from miners.ranking import Ranked, Weights, rank

_SAYS_YES = 0.5
"""P(yes) of the others from which a person is told that a text stands where it does for their sake: below it the text
only moved within a crowd on which nearly all agree."""


def rank_together(verdicts: Sequence[Verdict], deployed: str, weights: Weights | None = None) -> list[Ranked]:
    """What the texts are worth beside each other, in order.

    A passed text that stands in place r by the others alone is worth at least what the text in place r / doubt is worth
    by itself, where `doubt` is that of the weights; with doubt 1 the first 100 places hold, ties aside, what stands in
    the first 50 or more of either ranking.

    Args:
        verdicts: of the texts.
        deployed: the member whose failures are hunted.
        weights: what counts how much.
    """
    chosen = weights or Weights()
    ranked = [rank(verdict, deployed, chosen) for verdict in verdicts]
    others = [_others(verdict, deployed) for verdict in verdicts]
    passed = [i for i, one in enumerate(ranked) if one.deployed_passed and not math.isnan(others[i])]
    if chosen.doubt == 0 or not passed:
        return ranked
    by_value = sorted((ranked[i].value for i in passed), reverse=True)
    by_others = sorted(passed, key=lambda i: (-others[i], -ranked[i].value))
    for place, i in enumerate(by_others, start=1):
        taken = math.ceil(place / chosen.doubt)
        lifted = by_value[taken - 1] if taken <= len(by_value) else 0.0
        ranked[i] = _lifted(ranked[i], lifted, float(sigmoid(others[i])))
    return ranked


def _lifted(ranked: Ranked, value: float, others: float) -> Ranked:
    parts = {**ranked.parts, "others": others, "by_panel": ranked.value}
    if value <= ranked.value:
        return replace(ranked, parts=parts)
    why = f"{ranked.why}, ranked by the others alone" if others >= _SAYS_YES else ranked.why
    return replace(ranked, value=value, parts=parts, why=why)


def _others(verdict: Verdict, deployed: str) -> float:
    """Mean logit of the members besides the deployed one; nan where none of them answered."""
    said = [score.probability for name, score in verdict.members.items() if name != deployed]
    return float(np.mean(logit(said))) if said else math.nan
