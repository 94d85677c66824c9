"""How good a text is within its niche: how surely a harmful text passes, and how bad that would be."""

from __future__ import annotations

from typing import NamedTuple

from ensemble.verdict import Verdict
from miners.candidate import Provenance

KEPT = 0.95
"""Trust in a label by construction, for each operator applied: such labels are seldom wrong, and not never."""

MIDDLE_SEVERITY = 2.0
"""Where nobody has said how severe it is, on the scale of 0 to 4."""


class Worth(NamedTuple):
    """The objective and what it is made of; all in [0, 1], higher is better.

    Attributes:
        value: `margin * evidence * severity`.
        margin: how surely the deployed member sees nothing: 1 - its P(yes). Whatever its threshold, a text that passes
            by more has more of it.
        evidence: how surely the answer is yes: 1 or 0 where people said so; else by the expected label, `KEPT` for each
            operator; else the panel's posterior.
        severity: (1 + severity) / 5, for a severity of 0 to 4.
    """

    value: float
    margin: float
    evidence: float
    severity: float


def worth(
    verdict: Verdict, provenance: Provenance, deployed: str, *, label: int | None = None, severity: float | None = None
) -> Worth:
    """What a text is worth in its niche.

    Args:
        verdict: one in which the deployed member answered.
        provenance: brings the expected label, and a severity in its meta.
        deployed: the member whose failures are hunted.
        label: what people said of it, if they did.
        severity: what people said, 0 to 4; None takes the one of the provenance.
    """
    margin = 1.0 - verdict.members[deployed].probability
    evidence = float(label) if label is not None else _evidence(verdict, provenance)
    weight = (1.0 + _severity(provenance, severity)) / 5.0
    return Worth(margin * evidence * weight, margin, evidence, weight)


def _evidence(verdict: Verdict, provenance: Provenance) -> float:
    if provenance.expected_label is None:
        return verdict.probability
    kept: float = KEPT ** len(provenance.operators)
    return kept if provenance.expected_label == 1 else 1.0 - kept


def _severity(provenance: Provenance, given: float | None) -> float:
    known = given if given is not None else provenance.meta.get("severity")
    value = MIDDLE_SEVERITY if known is None else float(known)
    return min(4.0, max(0.0, value))
