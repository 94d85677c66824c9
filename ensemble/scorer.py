"""The one signature that the system turns on: texts in, calibrated probabilities out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ensemble.text import Text

FloatArray: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Member:
    """Who is speaking: one column of a scorer's answer.

    Attributes:
        name: unique within a panel, e.g. "encoder".
        kind: how it is made, e.g. "encoder", "judge", "keyword", "probe".
        version: 12 hex digits over everything its numbers depend on: weights, prompt, lexicon, calibration.
    """

    name: str
    kind: str
    version: str


class Scorer(Protocol):
    """Scores texts for one or more members out of one forward pass.

    The judge and the probe read the same pass over the same language model, hence columns.
    """

    @property
    def members(self) -> tuple[Member, ...]:
        """The columns of `score`, in order."""

    def score(self, texts: Sequence[Text]) -> FloatArray:
        """Calibrated P(yes), shape (len(texts), len(members)), each strictly inside (0, 1).

        Does not depend on what else is in the batch beyond float rounding.

        Raises:
            MemberUnavailableError: it cannot score now.
        """

    def close(self) -> None:
        """Gives memory, threads and connections back; harmless when repeated."""
