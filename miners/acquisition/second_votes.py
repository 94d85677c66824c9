"""Whether an old text is worth another answer, in the same currency as a new one: the chance to change what is known.

A new text that is believed to be a failure with probability p changes the record with probability p. A text answered
once, against what everything else says, may have been answered wrongly; one of which nobody could say may be decided by
the next person. Where votes are spent and people still cannot agree, or cannot say, the text is dropped.
"""

from __future__ import annotations

import numpy as np

from miners.acquisition.settings import AdaptiveSettings
from miners.acquisition.strategy import FloatArray
from miners.acquisition.tally import Tally

_DECIDES = 0.5
"""Chance that the next person can say where one could not; of two that could not, nobody is asked again."""

_UNSURE = 2


def second_vote_values(tally: Tally, others: FloatArray, worth: FloatArray, settings: AdaptiveSettings) -> FloatArray:
    """Chance that one more answer changes what is known of an answered text, by what it is worth, shape (m,), >= 0.

    Args:
        tally: the m answered texts.
        others: P(yes) of each as told by everything but its own answers, shape (m,), in (0, 1).
        worth: of a failure there, shape (m,), in [0, 1].
        settings: rater error and the limit of votes.

    Returns:
        0 where the votes are spent, and everywhere if raters never err and could always say.
    """
    error = settings.rater_error
    margin = tally.yes - tally.no
    odds = np.log(others / (1 - others)) + margin * (np.log1p(-error) - np.log(max(error, 1e-12)))
    yes = 1 / (1 + np.exp(-np.clip(odds, -40, 40)))
    changes = np.where(margin > 0, 1 - yes, yes)  # at a tie the next answer makes it a failure, as for a new text
    value = np.where(tally.is_decided, changes, _DECIDES * yes)
    open_still = (tally.votes < settings.max_votes) & (tally.unsure < _UNSURE)
    # A single further answer only turns a label that stands by one vote; further ahead it cannot.
    return np.where(open_still & (np.abs(margin) <= 1), value * worth, 0.0)
