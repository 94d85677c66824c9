"""What became of a campaign: which source, operator and pair of members each finding came from, and what it cost.

People answer long after a campaign has ended, so this is read off the queue when somebody asks. A text counts under its
source, under each operator applied to it, and under each member whose vote differs from the deployed member's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, computed_field

from ensemble.verdict import Verdict
from miners.campaigns.budget import spent
from miners.campaigns.records import Batch, Checkpoint, State
from miners.campaigns.spec import CampaignSpec, Effort, Findings, Summary, Tally
from miners.queue.campaign_protocol import CampaignStore
from miners.queue.types import Item

NOBODY = "nobody"
"""Stands for the members where none voted otherwise than the deployed one."""

DEPLOYED_ABSENT = "deployed did not answer"


class Yield(BaseModel):
    """What came of texts of one kind.

    Attributes:
        scored, calls: texts scored and what they cost in calls; None where a text counts under several kinds.
        queued: of these, in the queue.
        labelled: of these, with a label.
        fn, fp: of these, findings: passed with label yes, flagged with label no.
    """

    model_config = ConfigDict(extra="forbid")

    scored: int | None = None
    calls: float | None = None
    queued: int = 0
    labelled: int = 0
    fn: int = 0
    fp: int = 0

    @computed_field  # type: ignore[prop-decorator] # mypy does not know that pydantic takes properties
    @property
    def calls_per_queued(self) -> float | None:
        """Calls for each text queued; None without one."""
        return self.calls / self.queued if self.calls is not None and self.queued else None

    @computed_field  # type: ignore[prop-decorator] # as above
    @property
    def calls_per_finding(self) -> float | None:
        """Calls for each finding so far; None without one. It falls while queued texts still get their labels."""
        findings = self.fn + self.fp
        return self.calls / findings if self.calls is not None and findings else None

    def count(self, item: Item) -> None:
        """Takes up a queued text."""
        self.queued += 1
        self.labelled += item.label is not None
        self.fn += item.finding == "FN"
        self.fp += item.finding == "FP"


class Standing(BaseModel):
    """Where a campaign stands, as the store has it.

    Attributes:
        round: the round in progress, or of the end.
        summary: what it said when it ended, else None.
    """

    model_config = ConfigDict(frozen=True)

    spec: CampaignSpec
    tally: Tally
    round: int
    seconds: float
    benched: dict[str, str]
    summary: Summary | None = None


class CampaignReport(BaseModel):
    """A campaign and its findings.

    Attributes:
        total: over all of its texts.
        by_source, by_operator: by where the texts come from; texts without operator are missing in the latter.
        by_pair: by member whose vote differs from the deployed member's, as "deployed|other", or "nobody".
        by_kind: by kind of disagreement, see `ensemble.kinds`.
    """

    name: str
    state: Literal["running", "stopped", "finished"]
    deployed: str
    findings: Findings
    total: Yield
    by_source: dict[str, Yield]
    by_operator: dict[str, Yield]
    by_pair: dict[str, Yield]
    by_kind: dict[str, Yield]


def standing(store: CampaignStore, name: str) -> Standing:
    """Where a campaign stands.

    Raises:
        CampaignError: there is none of that name.
        StoreUnavailableError: the store does not answer.
    """
    spec = CampaignSpec.model_validate(store.spec(name))
    stored = store.load_state(name)
    state = State.model_validate(stored) if stored else State()
    if state.summary is not None:
        told = state.summary
        return Standing(
            spec=spec,
            tally=told,
            round=told.rounds,
            seconds=told.seconds,
            benched=told.benched,
            summary=told,
        )
    at = state.checkpoint or Checkpoint()
    if batches := store.batches(name, at.round):
        at = Batch.model_validate_json(batches[-1]).after
    return Standing(spec=spec, tally=at.tally, round=at.round, seconds=at.seconds, benched=at.intake.benched)


def campaign_report(store: CampaignStore, items: Iterable[Item], name: str) -> CampaignReport:
    """What became of a campaign.

    Args:
        store: has the campaign.
        items: the queue, of which the campaign's own texts are counted.
        name: of the campaign.

    Raises:
        CampaignError: there is none of that name.
        StoreUnavailableError: the store does not answer.
    """
    at, status = standing(store, name), store.status(name)
    tally, total = at.tally, Yield(scored=at.tally.scored, calls=_calls(at.tally))
    report = CampaignReport(
        name=name,
        state="stopped" if status.halted else status.state,
        deployed=at.spec.deployed,
        findings=Findings(),
        total=total,
        by_source=_begun(tally.by_source),
        by_operator=_begun(tally.by_operator),
        by_pair={},
        by_kind={},
    )
    for item in items:
        if item.new.provenance.campaign == name and not item.new.plant:
            _count(report, item)
    found = Findings(labelled=total.labelled, fn=total.fn, fp=total.fp)
    return report.model_copy(update={"findings": found})


def _count(report: CampaignReport, item: Item) -> None:
    provenance, verdict = item.new.provenance, item.new.verdict
    report.total.count(item)
    report.by_source.setdefault(provenance.source, Yield()).count(item)
    for operator in dict.fromkeys(provenance.operators):
        report.by_operator.setdefault(operator, Yield()).count(item)
    for pair in pairs(verdict, item.new.deployed):
        report.by_pair.setdefault(pair, Yield()).count(item)
    for kind in verdict.kinds:
        report.by_kind.setdefault(kind, Yield()).count(item)


def pairs(verdict: Verdict, deployed: str) -> list[str]:
    """Members whose vote differs from the deployed member's, each as "deployed|other"; never empty."""
    own = verdict.members.get(deployed)
    if own is None:
        return [DEPLOYED_ABSENT]
    return [f"{deployed}|{name}" for name, score in verdict.members.items() if score.vote != own.vote] or [NOBODY]


def _begun(efforts: Mapping[str, Effort]) -> dict[str, Yield]:
    return {name: Yield(scored=effort.scored, calls=effort.calls) for name, effort in efforts.items()}


def _calls(tally: Tally) -> float:
    return float(spent(tally))
