"""What a campaign says of itself: while it runs, and in the end."""

from __future__ import annotations

from collections.abc import Sequence

from miners.campaigns.budget import spent
from miners.campaigns.records import Checkpoint
from miners.campaigns.spec import CampaignSpec, Ending, Findings, Progress, Summary


def progress_of(name: str, spec: CampaignSpec, at: Checkpoint, findings: Findings) -> Progress:
    """Where it stands."""
    return Progress(
        campaign=name,
        round=at.round,
        tally=at.tally.model_copy(deep=True),
        spent=spent(at.tally),
        findings=findings,
        budget=spec.budget,
        queue_size=spec.queue_size,
        seconds=at.seconds,
        benched=dict(at.intake.benched),
    )


def summary_of(
    name: str, spec: CampaignSpec, at: Checkpoint, findings: Findings, ending: Ending, bad_examples: Sequence[str] = ()
) -> Summary:
    """What it did."""
    return Summary(
        **at.tally.model_dump(),
        campaign=name,
        rounds=at.round - 1,
        spent=spent(at.tally),
        budget=spec.budget,
        findings=findings,
        benched=dict(at.intake.benched),
        bad_examples=list(bad_examples),
        notes=dict(at.intake.notes),
        ended=ending,
        seconds=at.seconds,
    )
