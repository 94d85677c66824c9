"""What a campaign writes down so that it can be killed at any moment: its checkpoint, and batches of scored texts.

A batch carries the checkpoint that holds after it, so that one write commits both; at no moment are the texts stored
and the proposers' positions not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from ensemble.text import Text
from ensemble.verdict import Verdict
from miners.campaigns.spec import Summary, Tally
from miners.candidate import Candidate, Provenance, Scored, Selected
from miners.queue.types import AnswerValue


class IntakeState(BaseModel):
    """Where the proposers stand.

    Attributes:
        positions: each proposer's own state, by name.
        given: candidates that each gave, by name.
        stale: candidates since the last new one, by name.
        dry: those with nothing more to give.
        benched: those taken out, and why; of a proposer whose parts were, as "proposer: part".
        notes: what proposers have to say in the summary, by name.
    """

    model_config = ConfigDict(extra="forbid")

    positions: dict[str, dict[str, Any]] = Field(default_factory=dict)
    given: dict[str, int] = Field(default_factory=dict)
    stale: dict[str, int] = Field(default_factory=dict)
    dry: list[str] = Field(default_factory=list)
    benched: dict[str, str] = Field(default_factory=dict)
    notes: dict[str, dict[str, Any]] = Field(default_factory=dict)


class Checkpoint(BaseModel):
    """All that a campaign must know to go on.

    Attributes:
        round: the round in progress, from 1.
        batch: the batch in progress within it, from 0.
        target: texts to score in this round.
        tally: counts so far.
        intake: where the proposers stand.
        seconds: wall time spent so far.
        arrived: items that had arrived in the queue when the round was opened.
    """

    model_config = ConfigDict(extra="forbid")

    round: int = 1
    batch: int = 0
    target: int = 0
    tally: Tally = Field(default_factory=Tally)
    intake: IntakeState = Field(default_factory=IntakeState)
    seconds: float = 0.0
    arrived: int = 0


class Attempt(BaseModel):
    """How often a batch was begun and not finished; what ends the process is found by it.

    Attributes:
        proposing: times that proposing for the batch was begun; back to 0 once it succeeds.
        proposer: who was asked.
        scoring: times that scoring the batch was begun.
    """

    model_config = ConfigDict(extra="forbid")

    round: int = 1
    batch: int = 0
    proposing: int = 0
    proposer: str = ""
    scoring: int = 0


class State(BaseModel):
    """What `save_state` keeps: the checkpoint that opened the round, the attempt in progress, at last the summary."""

    model_config = ConfigDict(extra="forbid")

    checkpoint: Checkpoint | None = None
    attempt: Attempt = Field(default_factory=Attempt)
    summary: Summary | None = None


class _StoredScored(BaseModel):
    model_config = ConfigDict(extra="forbid")

    text: str
    context: str
    provenance: Provenance
    verdict: Verdict


class Batch(BaseModel):
    """A finished batch.

    Attributes:
        scored: its texts with their verdicts.
        left_out: texts, as (text, context), that were given up; only remembered as seen.
        after: the checkpoint that holds once this batch is stored.
    """

    model_config = ConfigDict(extra="forbid")

    scored: list[_StoredScored]
    left_out: list[tuple[str, str]] = Field(default_factory=list)
    after: Checkpoint

    @classmethod
    def of(cls, scored: list[Scored], left_out: list[Text], after: Checkpoint) -> Batch:
        """The batch as it is stored."""
        return cls(
            scored=[
                _StoredScored(
                    text=item.candidate.text.text,
                    context=item.candidate.text.context,
                    provenance=item.candidate.provenance,
                    verdict=item.verdict,
                )
                for item in scored
            ],
            left_out=[(text.text, text.context) for text in left_out],
            after=after,
        )

    def candidates(self) -> list[Scored]:
        """The scored texts."""
        return [Scored(Candidate(Text(s.text, s.context), s.provenance), s.verdict) for s in self.scored]

    def texts(self) -> list[Text]:
        """All texts that count as seen."""
        return [Text(s.text, s.context) for s in self.scored] + [Text(*pair) for pair in self.left_out]


class Said(BaseModel):
    """What was said of a queued text when it was read.

    Attributes:
        severity: mean of those given, 0 to 4; None without one.
        missed: whether the deployed member passed the text and the label is yes.
        yes, no, unsure: answers behind the label; all 0 in what earlier versions wrote down.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    label: AnswerValue
    severity: float | None = None
    missed: bool = False
    yes: int = 0
    no: int = 0
    unsure: int = 0

    @property
    def votes(self) -> int:
        """Answers behind the label, as far as they were counted."""
        return self.yes + self.no + self.unsure


class Order(BaseModel):
    """Further answers that are wanted for a text of the queue; see `Queue.order`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    needed: int
    priority: float
    why: str
    parts: dict[str, float] = Field(default_factory=dict)


class Pick(BaseModel):
    """A text of a round that is selected for the queue; see `miners.candidate.Selected`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    priority: float
    probability: float
    why: str
    parts: dict[str, float] = Field(default_factory=dict)

    @classmethod
    def of(cls, selected: Selected) -> Pick:
        """As it is stored; text and verdict stand in the round's batches."""
        return cls(
            id=selected.scored.candidate.text.id,
            priority=selected.priority,
            probability=selected.probability,
            why=selected.why,
            parts=selected.parts,
        )

    def selected(self, scored: Mapping[str, Scored]) -> Selected:
        """As it was, given the round's texts by identity."""
        return Selected(scored[self.id], self.priority, self.probability, self.why, dict(self.parts))


class Closing(BaseModel):
    """What the closing of a round goes by and comes to, written down before anything is queued, to be repeated exactly.

    Attributes:
        round: which one; 0 stands for the beginning, and has the labels from before the campaign.
        arrived: items of the queue that the round's texts were compared with.
        withdrawn: texts of the round that others had queued meanwhile, the same or nearly.
        read: labels read from the ledger, in all.
        labels: those that were new at this closing, oldest first.
        pool: texts that were selected from.
        picks: the selection, by decreasing priority.
        orders: texts of the queue for which one more answer is worth more than a text that was not selected.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    round: int
    arrived: int = 0
    withdrawn: list[str] = Field(default_factory=list)
    read: int = 0
    labels: list[Said] = Field(default_factory=list)
    pool: int = 0
    picks: list[Pick] = Field(default_factory=list)
    orders: list[Order] = Field(default_factory=list)


class SeenRound(BaseModel):
    """The texts of a closed round, as (text, context): all that is kept of those not queued."""

    model_config = ConfigDict(extra="forbid")

    texts: list[tuple[str, str]]
