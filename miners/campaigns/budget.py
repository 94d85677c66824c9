"""The one place where a campaign's budget is counted and spent.

The budget is in member calls: a verdict costs one for each member that answered, a gradient pass of a proposer two. CPU
seconds of proposers are counted beside it and have a limit of their own (`CampaignSpec.cpu_seconds`), because they
differ between machines and the same campaign must queue the same texts on all of them.

How far it can be exceeded: by scoring never, since a text is taken to cost every member until it has a verdict and a
batch is never larger than what is left pays for; by proposing at most by the gradient passes of one batch, which are
known only when it is proposed. A killed process may repeat one batch whose cost nobody could write down.
"""

from __future__ import annotations

from collections.abc import Sequence

from ensemble.verdict import Verdict
from miners.campaigns.spec import CampaignSpec, Effort, Proposing, Tally
from miners.candidate import Candidate, Provenance
from miners.proposer import Cost

GRADIENT_CALLS = 2
"""Calls that a gradient pass counts as: forward and backward."""

MOST_MEMBERS = 8
"""What a text is taken to cost before the first verdict has shown it."""


def spent(tally: Tally) -> int:
    """Calls spent so far."""
    return tally.member_calls + GRADIENT_CALLS * tally.gradient_passes


def left(spec: CampaignSpec, tally: Tally) -> int:
    """Calls that may still be spent."""
    return max(0, spec.budget - spent(tally))


def affordable(spec: CampaignSpec, tally: Tally) -> int:
    """Texts that the rest of the budget surely pays for, once they are proposed."""
    return left(spec, tally) // (tally.members or MOST_MEMBERS)


def affordable_from(spec: CampaignSpec, tally: Tally, name: str) -> int:
    """Texts of one proposer that the rest pays for if proposing goes on to cost what it did; at least 1 of any."""
    proposed = tally.proposed_by_source.get(name, 0)
    passes = tally.proposing[name].gradient_passes if name in tally.proposing else 0
    price = (tally.members or MOST_MEMBERS) + GRADIENT_CALLS * (passes / proposed if proposed else 0.0)
    return min(affordable(spec, tally), max(1, int(left(spec, tally) // price)))


def expected(spec: CampaignSpec, tally: Tally) -> int:
    """Texts that the rest of the budget pays for if they cost what those so far did; 0 once it may not pay for one.

    Behind a cascade not every member is asked of every text, so these are more than `affordable`.
    """
    surely = affordable(spec, tally)
    if not (surely and tally.member_calls):
        return surely
    return max(surely, left(spec, tally) * tally.scored // spent(tally))


def may_cost_cpu(spec: CampaignSpec, tally: Tally) -> bool:
    """Whether proposers whose proposals cost something may still be asked."""
    return spec.cpu_seconds is None or tally.cpu_seconds < spec.cpu_seconds


def charge_verdicts(tally: Tally, candidates: Sequence[Candidate], verdicts: Sequence[Verdict]) -> None:
    """Takes down what verdicts cost, and whose texts they were for."""
    tally.spared += sum(len(verdict.skipped) for verdict in verdicts)
    tally.members = max([tally.members, *(len(v.members) + len(v.degraded) + len(v.skipped) for v in verdicts)])
    for candidate, verdict in zip(candidates, verdicts, strict=True):
        tally.member_calls += len(verdict.members)
        for effort in efforts(tally, candidate.provenance):
            effort.calls += len(verdict.members)


def charge_proposing(tally: Tally, name: str, cost: Cost, candidates: Sequence[Candidate]) -> None:
    """Takes down what proposing cost; its calls are shared evenly among the texts that came of it."""
    by_name = tally.proposing.setdefault(name, Proposing())
    by_name.gradient_passes += cost.gradient_passes
    by_name.cpu_seconds += cost.cpu_seconds
    tally.gradient_passes += cost.gradient_passes
    tally.cpu_seconds += cost.cpu_seconds
    by_name.model_texts += cost.model_texts
    tally.model_texts += cost.model_texts
    for candidate in candidates if cost.gradient_passes else ():
        for effort in efforts(tally, candidate.provenance):
            effort.calls += GRADIENT_CALLS * cost.gradient_passes / len(candidates)


def efforts(tally: Tally, provenance: Provenance) -> list[Effort]:
    """Where a text is booked: under its source, and under each operator applied to it."""
    return [
        tally.by_source.setdefault(provenance.source, Effort()),
        *(tally.by_operator.setdefault(operator, Effort()) for operator in dict.fromkeys(provenance.operators)),
    ]
