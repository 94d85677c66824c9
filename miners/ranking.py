"""How much an answer to a text is worth: one number, the parts it came from, and one line for a person.

The false-negative side counts most: a text that the deployed member passes is worth the posterior probability that this
is wrong, and a little of how much the members' numbers differ. A text that it flags is worth the probability that the
flag is a false alarm, at a lower weight. The label expected of a label-keeping rewrite is left out on purpose: where
the answer is nearly known, asking for it teaches least.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

from ensemble.kinds import ACTIVATIONS_AGAINST_JUDGE, JUDGE_AGAINST_ACTIVATIONS
from ensemble.verdict import Verdict

_WITHIN = {
    JUDGE_AGAINST_ACTIVATIONS: "the judge says no and its own activations yes",
    ACTIVATIONS_AGAINST_JUDGE: "the judge says yes and its own activations no",
}
"""Kinds of disagreement that the members' names alone do not tell."""


class Weights(BaseModel):
    """What counts how much. With each in [0, 1] and `miss + disagreement` at most 1, priorities are in [0, 1].

    Attributes:
        miss: weight of being wrong about the text (posterior that the pass, or the flag, is wrong).
        disagreement: weight of the members' Jensen-Shannon divergence.
        false_alarm: factor on all of it for texts that the deployed member flags.
        doubt: how much the others' own ranking counts beside it, see `miners.doubt`; 0 = not at all, 1 = as much.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    miss: float = Field(default=0.8, ge=0.0, le=1.0)
    disagreement: float = Field(default=0.2, ge=0.0, le=1.0)
    false_alarm: float = Field(default=0.25, ge=0.0, le=1.0)
    doubt: float = Field(default=1.0, ge=0.0, le=1.0)


@dataclass(frozen=True)
class Ranked:
    """What a text is worth.

    Attributes:
        value: in [0, 1]; higher is worth more.
        parts: the numbers behind it, by name.
        why: one line for a person.
        deployed_passed: whether the deployed member answered and passed the text.
        unanimous_pass: every member that was asked answered, and each one passed it; members that a cascade left out
            were not expected to say otherwise.
    """

    value: float
    parts: dict[str, float]
    why: str
    deployed_passed: bool
    unanimous_pass: bool


def rank(verdict: Verdict, deployed: str, weights: Weights | None = None) -> Ranked:
    """What a text with this verdict is worth, where `deployed` names the member whose failures are hunted."""
    chosen = weights or Weights()
    own = verdict.members.get(deployed)
    passed = own is not None and own.vote == "no"
    wrong = verdict.miss_score if passed else 1.0 - verdict.probability
    side = 1.0 if passed else chosen.false_alarm
    return Ranked(
        value=side * (chosen.miss * wrong + chosen.disagreement * verdict.disagreement),
        parts={
            "miss_score": verdict.miss_score,
            "false_alarm": 0.0 if passed else wrong,
            "disagreement": verdict.disagreement,
            "posterior": verdict.probability,
            "missing_members": float(len(verdict.degraded)),
            "asked_probability": verdict.asked_probability,
        },
        why=explain(verdict, deployed),
        deployed_passed=passed,
        unanimous_pass=not verdict.degraded and all(score.vote == "no" for score in verdict.members.values()),
    )


def explain(verdict: Verdict, deployed: str) -> str:
    """Why the text is worth a look, for a person, e.g. "encoder passes at 0.12, judge 0.91 and probe 0.88 say yes"."""
    own = verdict.members.get(deployed)
    others = sorted(
        ((name, score) for name, score in verdict.members.items() if name != deployed),
        key=lambda pair: -pair[1].probability,
    )
    if own is None:
        parts = [f"{deployed} did not answer", _listed([f"{name} {s.probability:.2f}" for name, s in others])]
    else:
        against = [(name, s) for name, s in others if s.vote != own.vote]
        parts = [f"{deployed} {'passes' if own.vote == 'no' else 'flags'} at {own.probability:.2f}"]
        if against:
            shown = _listed([f"{name} {s.probability:.2f}" for name, s in against])
            verb = "say" if len(against) > 1 else "says"
            parts.append(f"{shown} {verb} {'yes' if own.vote == 'no' else 'no'}")
        elif others:
            agree = "the others agree" if len(others) > 1 else f"{others[0][0]} agrees"
            highest = f" (highest {others[0][0]} {others[0][1].probability:.2f})" if own.vote == "no" else ""
            parts.append(f"{agree}{highest}, panel {verdict.probability:.2f}")
    missing = [name for name in verdict.degraded if name != deployed]
    if missing:
        parts.append(f"{_listed(missing)} did not answer")
    if verdict.skipped:
        parts.append(f"{_listed(verdict.skipped)} not asked")
    parts += [_WITHIN[kind] for kind in verdict.kinds if kind in _WITHIN]
    return ", ".join(part for part in parts if part)


def _listed(names: Sequence[str]) -> str:
    """Names as prose: `a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))
