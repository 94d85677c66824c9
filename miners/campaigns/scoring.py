"""Scoring a batch: retried with back-off while the service is away, once more for verdicts that lack a member."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from typing import TypeVar

from ensemble.errors import MemberUnavailableError
from ensemble.text import Text
from ensemble.verdict import Verdict
from miners.campaigns.budget import affordable, charge_verdicts, efforts
from miners.campaigns.spec import CampaignSpec, Tally
from miners.candidate import Candidate, Scored, Selected
from miners.errors import CampaignError, CampaignInterruptedError, StoreUnavailableError

T = TypeVar("T")

Score = Callable[[Sequence[Text]], list[Verdict]]
"""Verdicts in input order; raises `MemberUnavailableError` while no verdict can be had."""

AWAY = (MemberUnavailableError, StoreUnavailableError, ConnectionError, TimeoutError)
"""What a retry may cure."""


class Patience:
    """Repeats a call while what it needs is away, with doubling pauses: by default for about two minutes in all."""

    def __init__(
        self, *, tries: int = 9, first: float = 0.5, longest: float = 30.0, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._pauses = [min(longest, first * 2**i) for i in range(tries - 1)]
        self._sleep = sleep

    def __call__(self, call: Callable[[], T]) -> T:
        """What the call returns.

        Raises:
            CampaignInterruptedError: what it needs is still away after the last try.
        """
        for pause in self._pauses:
            try:
                return call()
            except AWAY:
                self._sleep(pause)
        try:
            return call()
        except AWAY as error:
            tries = len(self._pauses) + 1
            raise CampaignInterruptedError(
                f"{error} (gave up after {tries} tries; run the campaign again to go on)"
            ) from error


def score_batch(
    candidates: Sequence[Candidate], score: Score, patience: Patience, tally: Tally, spec: CampaignSpec
) -> list[Scored]:
    """Verdicts for a batch; `tally` takes up what they cost and how the members differ.

    Verdicts that lack a member are asked for once more if the budget still allows it, and else kept as they are.

    Raises:
        CampaignInterruptedError: no verdict can be had for too long.
        CampaignError: the scorer does not give one verdict a text.
    """
    verdicts = _score(candidates, score, patience, tally)
    lacking = [i for i, verdict in enumerate(verdicts) if verdict.degraded]
    if lacking and len(lacking) <= affordable(spec, tally):
        for i, again in zip(lacking, _score([candidates[i] for i in lacking], score, patience, tally), strict=True):
            verdicts[i] = min(verdicts[i], again, key=lambda verdict: len(verdict.degraded))
    scored = [Scored(candidate, verdict) for candidate, verdict in zip(candidates, verdicts, strict=True)]
    _count(scored, tally)
    return scored


def _score(candidates: Sequence[Candidate], score: Score, patience: Patience, tally: Tally) -> list[Verdict]:
    texts = [candidate.text for candidate in candidates]
    verdicts = patience(lambda: score(texts))
    if len(verdicts) != len(texts):
        raise CampaignError(f"the scorer gave {len(verdicts)} verdicts for {len(texts)} texts")
    charge_verdicts(tally, candidates, verdicts)
    return verdicts


def _count(scored: Sequence[Scored], tally: Tally) -> None:
    tally.scored += len(scored)
    tally.degraded += sum(bool(item.verdict.degraded) for item in scored)
    tally.kinds = counted_kinds(tally.kinds, scored)
    for item in scored:
        for effort in efforts(tally, item.candidate.provenance):
            effort.scored += 1
        pairs = tally.disagreements.setdefault(item.candidate.provenance.source, {})
        for (a, first), (b, second) in combinations(sorted(item.verdict.members.items()), 2):
            pairs[f"{a}|{b}"] = pairs.get(f"{a}|{b}", 0) + (first.vote != second.vote)


def count_queued(selected: Sequence[Selected], tally: Tally) -> None:
    """Takes down what of a selection is in the queue."""
    tally.queued += len(selected)
    by_source = Counter(item.scored.candidate.provenance.source for item in selected)
    tally.queued_by_source = dict(Counter(tally.queued_by_source) + by_source)
    tally.queued_kinds = counted_kinds(tally.queued_kinds, [item.scored for item in selected])
    for item in selected:
        for effort in efforts(tally, item.scored.candidate.provenance):
            effort.queued += 1


def counted_kinds(before: Mapping[str, int], scored: Sequence[Scored]) -> dict[str, int]:
    """Counts by kind of disagreement with these texts added."""
    return dict(Counter(before) + Counter(kind for item in scored for kind in item.verdict.kinds))
