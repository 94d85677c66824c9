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
from miners.campaign_spec import Tally
from miners.candidate import Candidate, Scored
from miners.errors import CampaignError, CampaignInterruptedError, StoreUnavailableError

T = TypeVar("T")

Score = Callable[[Sequence[Text]], list[Verdict]]
"""Verdicts in input order; raises `MemberUnavailableError` while no verdict can be had."""

AWAY = (MemberUnavailableError, StoreUnavailableError, ConnectionError, TimeoutError)
"""What a retry may cure."""

MOST_MEMBERS = 8
"""What a text is taken to cost before the first verdict has shown it."""


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
    candidates: Sequence[Candidate], score: Score, patience: Patience, tally: Tally, budget: int
) -> list[Scored]:
    """Verdicts for a batch; `tally` takes up what they cost and how the members differ.

    Verdicts that lack a member are asked for once more if the budget still allows it, and else kept as they are.

    Raises:
        CampaignInterruptedError: no verdict can be had for too long.
        CampaignError: the scorer does not give one verdict a text.
    """
    texts = [candidate.text for candidate in candidates]
    verdicts = _score(texts, score, patience, tally)
    lacking = [i for i, verdict in enumerate(verdicts) if verdict.degraded]
    if lacking and tally.member_calls + len(lacking) * tally.members <= budget:
        for i, again in zip(lacking, _score([texts[i] for i in lacking], score, patience, tally), strict=True):
            verdicts[i] = min(verdicts[i], again, key=lambda verdict: len(verdict.degraded))
    scored = [Scored(candidate, verdict) for candidate, verdict in zip(candidates, verdicts, strict=True)]
    _count(scored, tally)
    return scored


def _score(texts: list[Text], score: Score, patience: Patience, tally: Tally) -> list[Verdict]:
    verdicts = patience(lambda: score(texts))
    if len(verdicts) != len(texts):
        raise CampaignError(f"the scorer gave {len(verdicts)} verdicts for {len(texts)} texts")
    tally.member_calls += sum(len(verdict.members) for verdict in verdicts)
    tally.spared += sum(len(verdict.skipped) for verdict in verdicts)
    tally.members = max([tally.members, *(len(v.members) + len(v.degraded) + len(v.skipped) for v in verdicts)])
    return verdicts


def _count(scored: Sequence[Scored], tally: Tally) -> None:
    tally.scored += len(scored)
    tally.degraded += sum(bool(item.verdict.degraded) for item in scored)
    tally.kinds = counted_kinds(tally.kinds, scored)
    for item in scored:
        pairs = tally.disagreements.setdefault(item.candidate.provenance.source, {})
        for (a, first), (b, second) in combinations(sorted(item.verdict.members.items()), 2):
            pairs[f"{a}|{b}"] = pairs.get(f"{a}|{b}", 0) + (first.vote != second.vote)


def counted_kinds(before: Mapping[str, int], scored: Sequence[Scored]) -> dict[str, int]:
    """Counts by kind of disagreement with these texts added."""
    return dict(Counter(before) + Counter(kind for item in scored for kind in item.verdict.kinds))
