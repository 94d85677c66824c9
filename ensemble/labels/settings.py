"""What is assumed of raters and texts before anybody has answered, and what a wrong label costs."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

Share = Annotated[float, Field(gt=0.0, lt=1.0)]

Ordering = Literal["split", "worth", "never"]
"""When one more answer is ordered: where answers differ and it is worth its cost, wherever it is worth it, or never."""

NO, YES, UNSURE = 0, 1, 2
"""Answers; the first two are also the classes of texts on which people agree."""

AMBIGUOUS = 2
"""The third class."""


class LabelSettings(BaseModel):
    """How answers become labels.

    Attributes:
        sensitivity: P(a rater says yes | yes), before anything is known of the rater.
        specificity: P(no | no), likewise.
        unsure: P(unsure) about a text that is yes or no, likewise.
        strength: how many answers about each class these assumptions are worth.
        ambiguous: share of texts that are ambiguous, before any answer.
        ambiguous_unsure: P(unsure | ambiguous); the rest is yes and no alike.
        class_strength: how many texts the assumption of as many yes as no is worth.
        miss_cost: what a yes that is labelled no costs, where a no labelled yes costs 1; a tie is therefore yes.
        vote_cost: what one more answer costs, in the same currency.
        max_votes: answers to one text, at most.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    sensitivity: Share = 0.93
    specificity: Share = 0.93
    unsure: Share = 0.03
    strength: float = Field(default=20.0, gt=0.0, le=1e6)
    ambiguous: Share = 0.03
    ambiguous_unsure: Share = 0.2
    class_strength: float = Field(default=4.0, gt=0.0, le=1e6)
    miss_cost: float = Field(default=10.0, ge=1.0, le=1e6)
    vote_cost: float = Field(default=0.02, ge=0.0, le=1e6)
    max_votes: int = Field(default=5, ge=1, le=100)

    @model_validator(mode="after")
    def _leaves_room(self) -> LabelSettings:
        for name, share in (("sensitivity", self.sensitivity), ("specificity", self.specificity)):
            if share + self.unsure >= 1:
                raise ValueError(f"{name} {share:g} and unsure {self.unsure:g} leave nothing for the wrong answer")
        return self

    @property
    def threshold(self) -> float:
        """P(yes) from which the label is yes: where both errors cost the same."""
        return 1 / (1 + self.miss_cost)

    def rater_prior(self) -> NDArray[np.float64]:
        """Answers that a rater is taken to have given, shape (class no or yes, answer no, yes, unsure)."""
        shares = [
            [self.specificity, 1 - self.specificity - self.unsure, self.unsure],
            [1 - self.sensitivity - self.unsure, self.sensitivity, self.unsure],
        ]
        return self.strength * np.array(shares)

    def class_prior(self) -> NDArray[np.float64]:
        """Texts of each class that are taken to have been seen, shape (3,)."""
        clear = (1 - self.ambiguous) / 2
        return self.class_strength * np.array([clear, clear, self.ambiguous])

    def ambiguous_answers(self) -> NDArray[np.float64]:
        """P(answer | ambiguous), the same for all raters, shape (3,)."""
        said = (1 - self.ambiguous_unsure) / 2
        return np.array([said, said, self.ambiguous_unsure])
