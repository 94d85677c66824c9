"""How the adaptive strategy believes, explores and shares out its labels."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, model_validator


class AdaptiveSettings(BaseModel):
    """What counts how much.

    What hunts and what estimates share the labels: audit, floor and spread together are what a rate is told from. On
    three development pools, sharpness 60 with less than half of these shares (0.03, 0.02, 0.03) found 7 % more within
    300 labels, and the standard deviation of the estimated rate was 1.7 to 1.8 times as large; sharpness 40 alone found
    no more than chance explains. So both stay.

    Attributes:
        audit_share: share of the labels for texts on which all members agree that nothing is wrong, drawn evenly.
        floor_share: share of the labels drawn evenly over all texts left, so that none has probability 0.
        spread_share: share of the labels drawn in proportion to the square root of a text's value, which is the design
            under which an estimate of the number of failures varies least; these labels narrow the interval of the
            rate and still find something. 0 for a campaign that only hunts.
        sharpness: how steeply the probability falls below the text at the last place, per unit of relative value;
            higher comes nearer to taking the top.
        exploration: standard deviations of belief that are added to its mean, in logits; 0 takes belief as it is.
        false_alarm: worth of a false alarm, as a share of a miss.
        severity: how much of a miss's worth hangs on its expected severity, where raters have given any.
        rater_error: chance that one answer is wrong; 0 = answers are final and no second vote is asked for.
        max_votes: answers to one text, at most; one on which raters still cannot agree or say is dropped.
        second_vote_share: share of the labels for second votes, at most.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    audit_share: float = Field(default=0.05, ge=0.0, le=1.0)
    floor_share: float = Field(default=0.03, gt=0.0, le=1.0)
    spread_share: float = Field(default=0.1, ge=0.0, le=1.0)
    sharpness: float = Field(default=12.0, ge=0.0, le=100.0)
    exploration: float = Field(default=0.3, ge=0.0, le=3.0)
    false_alarm: float = Field(default=0.25, ge=0.0, le=1.0)
    severity: float = Field(default=0.5, ge=0.0, le=1.0)
    rater_error: float = Field(default=0.03, ge=0.0, lt=0.5)
    max_votes: int = Field(default=3, ge=1, le=20)
    second_vote_share: float = Field(default=0.2, ge=0.0, le=1.0)

    @model_validator(mode="after")
    def _at_most_all(self) -> AdaptiveSettings:
        total = self.audit_share + self.floor_share + self.spread_share
        if total > 1:
            raise ValueError(
                f"audit_share, floor_share and spread_share come to {total:g}; together they have at most 1"
            )
        return self
