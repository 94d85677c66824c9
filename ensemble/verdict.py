"""What the panel says of one text."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Decision = Literal["flag", "pass"]
Vote = Literal["yes", "no"]


class MemberScore(BaseModel):
    """One member's view of one text.

    Attributes:
        probability: calibrated P(yes), in (0, 1).
        vote: "yes" where probability >= the member's threshold.
        version: version of the member that said so.
    """

    model_config = ConfigDict(frozen=True)

    probability: float
    vote: Vote
    version: str


class Verdict(BaseModel):
    """All that the panel says of one text.

    Attributes:
        id: the caller's id, or the text's identity.
        probability: the panel's posterior P(yes) from the members that answered, in (0, 1).
        decision: "flag" or "pass"; a degraded verdict is always "flag".
        disagreement: Jensen-Shannon divergence of the members' answers over ln 2: 0 = one voice, 1 = split between
            certainties; continuous, so that real members hardly ever tie. 0 when fewer than two answered.
        miss_score: how likely the deployed member is wrong in passing the text: the posterior where it passes, else 0.
        members: by name; members that did not answer are absent.
        degraded: names of the members that did not answer.
        review: whether a person should look: degraded, or votes differ.
        skipped: names of the members that were not asked because the cascade found that they would change nothing that
            matters; absent from `members` and not degraded.
        asked_probability: probability with which the text was given to every member: 1 unless a cascade found it could
            do without some. Numbers that need all members weight its texts by the inverse.
        kinds: in which ways the votes differ, by the names of `ensemble.kinds`; "judge-against-activations" is the
            judge's no against the yes of its own activations. Empty where all vote alike, and in older records.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    probability: float
    decision: Decision
    disagreement: float
    miss_score: float = Field(ge=0.0, le=1.0)
    members: dict[str, MemberScore]
    degraded: list[str]
    review: bool
    skipped: list[str] = Field(default_factory=list)
    asked_probability: float = Field(default=1.0, gt=0.0, le=1.0)
    kinds: tuple[str, ...] = ()
