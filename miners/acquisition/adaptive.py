"""Ours: learns from every answer which passed texts are failures, and spends the next labels there.

Belief starts at the panel's posterior and is corrected by answers (`belief`). A text is worth the probability that the
deployed member is wrong about it, weighed by how severe that is expected to be, with a premium for not knowing. The
batch is drawn with exactly known probabilities (`design`); some places may go to second votes (`second_votes`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from miners.acquisition.belief import Belief, averaged, believe
from miners.acquisition.design import draw, probabilities
from miners.acquisition.kernel import Scales
from miners.acquisition.ranked import passed, unanswered
from miners.acquisition.second_votes import second_vote_values
from miners.acquisition.settings import AdaptiveSettings
from miners.acquisition.severity import expected_severity
from miners.acquisition.strategy import Answered, Choice, FloatArray, IntArray, Pool
from miners.acquisition.tally import Tally

SCALES = (Scales(text=4.0), Scales(text=1.0), Scales(text=16.0))
"""Settings of the kernel, averaged by evidence: how much answers may teach about texts of like words or meaning."""


@dataclass(frozen=True)
class _Second:
    indices: IntArray
    values: FloatArray


class Adaptive:
    """Label-aware acquisition with known inclusion probabilities."""

    name = "adaptive"
    learns = True

    def __init__(self, settings: AdaptiveSettings | None = None, scales: Sequence[Scales] = SCALES) -> None:
        """Settings, by default those that the figures of this project were measured with.

        Args:
            settings: how labels are shared out.
            scales: how far answers may carry; belief is averaged over these by evidence.
        """
        self._settings, self._scales = settings or AdaptiveSettings(), tuple(scales)

    def choose(self, pool: Pool, answered: Answered, count: int, rng: np.random.Generator) -> Choice:
        """See `Strategy`."""
        tally, left = Tally.of(answered), unanswered(pool, answered)
        belief = believe(pool, tally, self._scales)
        worth = self._worth(pool, tally)
        values = self.values(pool, belief) * worth
        second = self._second_votes(pool, tally, answered.waiting, belief, worth, values[left], max(0, count))
        places = min(len(left), max(0, count) - len(second.indices))
        if places < 1:
            return _joined(second, np.empty(0, np.intp), np.empty(0), values)
        chances = probabilities(values[left], _agreed(pool)[left], places, self._settings)
        drawn = draw(chances, pool, left, rng)
        return _joined(second, left[drawn], chances[drawn], values)

    def values(self, pool: Pool, belief: Belief) -> FloatArray:
        """Believed probability that the deployed member is wrong, in [0, 1], shape (n,), a little hopeful."""
        hopeful = averaged(belief.mean + self._settings.exploration * belief.deviation, 0.0)
        wary = averaged(belief.mean - self._settings.exploration * belief.deviation, 0.0)
        return np.where(passed(pool), hopeful, self._settings.false_alarm * (1 - wary))

    def _worth(self, pool: Pool, tally: Tally) -> FloatArray:
        share = self._settings.severity
        expected = expected_severity(pool, tally)
        return 1 - share + share * expected if expected is not None else np.ones(len(pool.posterior))

    def _second_votes(
        self,
        pool: Pool,
        tally: Tally,
        waiting: IntArray,
        belief: Belief,
        worth: FloatArray,
        new: FloatArray,
        count: int,
    ) -> _Second:
        """Answered texts worth more than the new ones that they would push out, best first."""
        side = np.where(passed(pool)[tally.indices], 1.0, self._settings.false_alarm)
        values = second_vote_values(tally, belief.others, side * worth[tally.indices], self._settings)
        values[np.isin(tally.indices, waiting)] = 0.0
        places = int(self._settings.second_vote_share * count) if len(new) else count
        order = np.argsort(-values, kind="stable")[:places]
        pushed_out = np.sort(new)[::-1][count - 1] if len(new) >= count > 0 else 0.0
        keep = order[values[order] > pushed_out]
        return _Second(tally.indices[keep], values[keep])


def _joined(second: _Second, drawn: IntArray, chances: FloatArray, values: FloatArray) -> Choice:
    """Second votes and new texts together, most wanted first."""
    indices = np.concatenate([second.indices, drawn])
    worth = np.concatenate([second.values, values[drawn]])
    order = np.argsort(-worth, kind="stable")
    return Choice(indices[order], np.concatenate([np.ones(len(second.indices)), chances])[order], worth[order])


def _agreed(pool: Pool) -> NDArray[np.bool_]:
    """Every member answered and votes no, shape (n,)."""
    return np.asarray((pool.probabilities < pool.thresholds).all(axis=1), dtype=np.bool_)
