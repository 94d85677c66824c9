"""What the answers to one text say together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ensemble.labels.settings import LabelSettings

Label = Literal["yes", "no", "unsure"]


@dataclass(frozen=True)
class Belief:
    """Posterior over the kinds of text.

    Attributes:
        no, yes, ambiguous: probabilities; sum to 1.
        votes: answers behind it.
        said: those of them that are yes or no.
    """

    no: float
    yes: float
    ambiguous: float
    votes: int
    said: int

    @property
    def p_yes(self) -> float:
        """P(yes), given that it is yes or no, in [0, 1]."""
        clear = self.no + self.yes
        return self.yes / clear if clear > 0 else 0.5

    @property
    def uncertainty(self) -> float:
        """Entropy of `p_yes` in bits, in [0, 1].

        More answers would lower it; what they would not lower is `ambiguous`.
        """
        p = np.clip(np.array([self.p_yes, 1 - self.p_yes]), 1e-300, 1.0)
        return float(-(p * np.log2(p)).sum())

    @property
    def is_ambiguous(self) -> bool:
        """Whether careful people likelier answer this differently than not."""
        return self.ambiguous > max(self.yes, self.no)

    def label(self, settings: LabelSettings) -> Label | None:
        """Yes or no, whichever costs less if it is wrong; unsure where nobody said either; None without an answer."""
        if not self.said:
            return "unsure" if self.votes else None
        return "yes" if self.p_yes >= settings.threshold else "no"
