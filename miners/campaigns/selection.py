"""Which texts of a round are queued, by the name that a campaign's `strategy` gives.

Nothing enters the queue without the probability with which it was selected, so rules that leave nothing to chance are
refused here: from what they pick no rate could ever be told. They can be compared with the others on labelled data.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from miners.campaigns.adaptive import Selection, by_answers
from miners.campaigns.labels import Answered
from miners.campaigns.meaning import RememberedMeaning
from miners.campaigns.spec import CampaignSpec
from miners.candidate import Scored
from miners.doubt import rank_together
from miners.errors import CampaignError
from miners.selection import select

Select = Callable[[Sequence[Scored], Sequence[Answered], int, CampaignSpec, np.random.Generator], Selection]
"""At most so many of the scored texts of a round and further answers to old ones, given what was answered before."""

ADAPTIVE, RANKED = "adaptive", "ranked"


def by_rank(
    scored: Sequence[Scored],
    _answered: Sequence[Answered],
    places: int,
    spec: CampaignSpec,
    rng: np.random.Generator,
) -> Selection:
    """By the posterior that the deployed member is wrong, or by the others alone; see `miners.doubt`, `.selection`."""
    ranked = rank_together([item.verdict for item in scored], spec.deployed, spec.weights)
    return Selection(select(scored, ranked, places, spec.design, rng))


STRATEGIES: Mapping[str, Select] = {ADAPTIVE: by_answers, RANKED: by_rank}
"""What a campaign may select by."""


def selection(name: str, meaning: RememberedMeaning | None = None) -> Select:
    """The rule of that name.

    Args:
        name: see `STRATEGIES`.
        meaning: embeds texts, for a rule that learns what they have in common; None leaves it their words.

    Raises:
        CampaignError: there is none, or it leaves nothing to chance.
    """
    if name not in STRATEGIES:
        raise CampaignError(
            f"strategy {name!r} cannot fill a queue; a campaign selects by {' or '.join(sorted(STRATEGIES))}, which "
            "give every text a known chance (others can be compared on labelled data)"
        )
    return partial(by_answers, meaning=meaning) if name == ADAPTIVE else STRATEGIES[name]
