"""Spreading budget and queue over the rounds of a campaign."""

from __future__ import annotations

import math

from miners.campaigns.budget import expected
from miners.campaigns.intake import Intake
from miners.campaigns.spec import CampaignSpec, Tally


def ahead(spec: CampaignSpec, tally: Tally, intake: Intake) -> int:
    """Texts still to be scored, as far as budget and sources tell: what the sources still give, less duplicates."""
    most = expected(spec, tally)
    kept = tally.scored / tally.proposed if tally.proposed else 1.0
    return min(most, round(kept * intake.expected(math.ceil(most / kept)))) if kept else 0


def round_target(spec: CampaignSpec, tally: Tally, intake: Intake) -> int:
    """Texts to score before the next selection: so many that the round's part of the queue is a few places.

    What is still to come is cut into rounds of equal size, so that no remnant is left with a place or two.
    """
    left, coming = max(1, spec.queue_size - tally.taken), ahead(spec, tally, intake)
    least = max(spec.round_size, math.ceil(min(spec.places, left) * coming / left))
    return max(least, math.ceil(coming / max(1, coming // least)))


def places(spec: CampaignSpec, tally: Tally, intake: Intake, scored: int) -> int:
    """Places for a round of `scored` texts: the queue's free ones, in proportion to the texts still to come.

    At least one, so that every text has a chance, and never more than are free; the last round takes all that are left.
    """
    left = spec.queue_size - tally.taken
    return min(left, scored, max(1, round(left * scored / (scored + ahead(spec, tally, intake)))))
