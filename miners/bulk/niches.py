"""Which niche a text falls into by what the cheap members say, and how much weight it has there.

Niches are named `AGAINST/BAND`: the cheap members that say yes where the deployed one passes, joined by "+" ("nobody"
where all pass), and the band of priority, numbered from 0. Texts that the deployed member flags form a single niche.
The niche `nobody/0` is the *agreed* one: no cheap member sees anything, and not even the numbers speak for it.

Priority is that of a campaign (`miners.ranking`), with the posterior of the cheap members alone. Within the agreed
niche all texts weigh alike, because what is wrong there is by definition not to be seen from here; elsewhere weight
grows with priority over a floor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ensemble.calibration import logit, sigmoid
from ensemble.disagreement import jensen_shannon
from ensemble.errors import InputError
from ensemble.panel import Joint
from ensemble.scorer import FloatArray
from miners.ranking import Weights

BANDS = (0.05, 0.2, 0.5)
"""Priorities at which a band ends and the next begins."""

AGREED, FLAGGED, NOBODY = "nobody/0", "flagged", "nobody"

_FLOOR, _POWER = 0.1, 3.0
"""As in a campaign's default design: a tenth of the weight is spread evenly, the rest follows priority cubed."""

_DECIMALS = 3
"""Logits are rounded to as many, so that a text falls alike wherever it stands: beside other texts in its batch the
last digits of its score are others."""


def niche_count(members: int) -> int:
    """Niches that there can be with so many cheap members, the deployed one among them."""
    return (1 << members - 1) * (len(BANDS) + 1) + 1


@dataclass(frozen=True)
class Placed:
    """Where n texts fall.

    Attributes:
        niches: names, n of them.
        weights: within the niche, shape (n,), in (0, 1].
        priorities: shape (n,), in [0, 1].
        probabilities: the cheap members' P(yes) as they were used, shape (n, cheap members).
    """

    niches: list[str]
    weights: FloatArray
    priorities: FloatArray
    probabilities: FloatArray


class Niches:
    """Sorts texts by the scores of the cheap members.

    Attributes:
        members: names of the cheap members, the columns of what it is given.
    """

    def __init__(self, joint: Joint, members: Sequence[str], weights: Weights) -> None:
        """Binds the panel's rule.

        Raises:
            InputError: the deployed member is not among the cheap ones.
        """
        if joint.deployed not in members:
            raise InputError(
                f"the deployed member {joint.deployed!r} is not among the members that read every text "
                f"({', '.join(members)}); whether it passes a text has to be known"
            )
        self.members, self._joint, self._weights = tuple(members), joint, weights
        self._columns = [joint.members.index(name) for name in members]
        self._deployed = self.members.index(joint.deployed)
        self._votes = joint.vote_thresholds[self._columns]
        others = [i for i in range(len(members)) if i != self._deployed]
        self._against = [_joined([members[i] for i in others if code >> i & 1]) for code in range(1 << len(members))]

    def place(self, probabilities: FloatArray) -> Placed:
        """Niches and weights of texts.

        Args:
            probabilities: P(yes) of the cheap members, shape (n, members).
        """
        known = sigmoid(np.round(logit(probabilities), _DECIMALS))
        passed = known[:, self._deployed] < self._votes[self._deployed]
        priorities = self._priorities(known, passed)
        bands = np.searchsorted(BANDS, priorities, side="right")
        yes = (known >= self._votes) @ (1 << np.arange(len(self.members)))
        niches = [
            f"{self._against[code]}/{band}" if passes else FLAGGED
            for code, band, passes in zip(yes.tolist(), bands.tolist(), passed.tolist(), strict=True)
        ]
        ends = np.append(BANDS, 1.0)[np.where(passed, bands, len(BANDS))]
        grown = _FLOOR + (1 - _FLOOR) * np.minimum(1.0, priorities / ends) ** _POWER
        agreed = np.array([niche == AGREED for niche in niches], dtype=np.bool_)
        return Placed(niches, np.where(agreed, 1.0, grown), priorities, known)

    def _priorities(self, known: FloatArray, passed: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> FloatArray:
        """The same as `miners.ranking.rank` gives for verdicts of the cheap members, shape (n,)."""
        everyone = np.full((len(known), len(self._joint.members)), np.nan)
        everyone[:, self._columns] = known
        posterior, chosen = self._joint.posterior(everyone), self._weights
        wrong = np.where(passed, posterior, 1.0 - posterior)
        worth = chosen.miss * wrong + chosen.disagreement * jensen_shannon(everyone)
        return np.asarray(np.where(passed, 1.0, chosen.false_alarm) * worth, dtype=np.float64)


def _joined(names: Sequence[str]) -> str:
    return "+".join(names) or NOBODY
