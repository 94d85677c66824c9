"""What a campaign is told, what it reports while it runs, and what it says in the end."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ensemble.near_duplicates import DEFAULT_THRESHOLD
from miners.queue.types import Tag
from miners.ranking import Weights
from miners.rewrite_counts import RewriteCounts
from miners.search.settings import SearchSettings
from miners.selection import Design

Share = Annotated[float, Field(ge=0.0, le=1_000.0, allow_inf_nan=False)]
Ending = Literal["queue full", "budget spent", "nothing left to propose", "stopped"]


class CampaignSpec(BaseModel):
    """One campaign, complete: with the same verdicts it queues the same texts.

    Attributes:
        task: name of the question.
        deployed: name of the member whose failures are hunted.
        inputs: files, folders, data sets or patterns of texts, as given.
        shortlist: file of texts that a bulk run kept, see `miners.bulk.shortlist`; None = none.
        budget: calls that may be spent, see `miners.campaigns.budget`: a text scored by four members costs four, a
            gradient pass of a proposer two.
        cpu_seconds: CPU seconds of proposers from which those whose proposals cost something are asked no more; None =
            they are counted only. Others are asked on.
        queue_size: texts to queue, at most.
        round_size: texts scored before the next selection, at least.
        batch_size: texts proposed and scored at once; a crash repeats at most one batch.
        seed: of everything random.
        answers: answers wanted for each queued text.
        tags: what a rater must have to be served these texts, see `NewItem`.
        shares: how much of the proposals each source gives, relative to the others; keys are names of proposers or of
            their kind ("corpus", "bulk", "live", "completions", "steered", "rewrite", "rewrite:dilution"); absent
            = 1, 0 = off. Rewriting operators that are not named share what "rewrite" gives, 2 if absent.
        limits: most proposals of a source, by name; absent = as many as it has.
        shuffle: whether inputs are shuffled within blocks, so that sorted files do not give one-sided rounds.
        rewrite_splits: splits of the seed rows that may be rewritten; held-out ones stay out.
        design: how the places of a round are shared out.
        weights: what makes a text worth an answer.
        near_duplicate: word-triple Jaccard similarity from which a text counts as already there; 1.0 = only exactly.
        places: places a round has at least, as long as the queue has them; rounds grow to reach it, because a text
            without a chance of selection could never speak for others.
        max_attempts: times that a batch may end the process before it is left out.
        search: how the source "search" goes about it.
        strategy: by which rule texts of a round are queued: "adaptive" or "ranked", see `miners.campaigns.selection`.
        second_votes: share of the places that "adaptive" may spend on one more answer for texts that have a label; 0 =
            none. A text gets one more than `answers`, and at least three in all, where people do not agree.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: str
    deployed: str
    inputs: tuple[str, ...] = ()
    shortlist: str | None = None
    budget: int = Field(default=20_000, ge=8, le=1_000_000_000)
    cpu_seconds: float | None = Field(default=None, gt=0.0, allow_inf_nan=False)
    queue_size: int = Field(default=200, ge=1, le=1_000_000)
    round_size: int = Field(default=256, ge=1, le=100_000)
    batch_size: int = Field(default=64, ge=1, le=10_000)
    seed: int = Field(default=0, ge=0)
    answers: int = Field(default=1, ge=1, le=100)
    tags: tuple[Tag, ...] = Field(default=(), max_length=8)
    shares: dict[str, Share] = Field(default_factory=dict)
    limits: dict[str, Annotated[int, Field(ge=0)]] = Field(default_factory=dict)
    shuffle: bool = True
    rewrite_splits: tuple[str, ...] = ("train",)
    design: Design = Design()
    weights: Weights = Weights()
    near_duplicate: float = Field(default=DEFAULT_THRESHOLD, gt=0.0, le=1.0)
    places: int = Field(default=8, ge=1, le=1_000)
    max_attempts: int = Field(default=3, ge=1, le=100)
    search: SearchSettings = SearchSettings()
    strategy: str = "ranked"
    second_votes: float = Field(default=0.2, ge=0.0, le=1.0)

    def share(self, proposer: str) -> float:
        """Relative share of a proposer: by its full name, else by what stands before a colon, else 1."""
        return self.shares.get(proposer, self.shares.get(proposer.split(":", 1)[0], 1.0))


class Effort(BaseModel):
    """What went into texts of one kind, and how many of them came out.

    Attributes:
        scored: texts with a verdict.
        calls: what their verdicts and the gradient passes behind them cost, in calls.
        queued: texts queued.
    """

    model_config = ConfigDict(extra="forbid")

    scored: int = 0
    calls: float = 0.0
    queued: int = 0


class Proposing(BaseModel):
    """What a proposer used to make its proposals."""

    model_config = ConfigDict(extra="forbid")

    gradient_passes: int = 0
    cpu_seconds: float = 0.0
    model_texts: int = 0


class Findings(BaseModel):
    """What people have said of a campaign's texts so far.

    Attributes:
        labelled: texts with a label.
        fn: labelled yes that the deployed member passed.
        fp: labelled no that it flagged.
    """

    model_config = ConfigDict(frozen=True)

    labelled: int = 0
    fn: int = 0
    fp: int = 0


class Tally(BaseModel):
    """What a campaign has done so far, in counts.

    Attributes:
        proposed: candidates that sources gave, before any filter.
        exact_duplicates, near_duplicates: left out because the text, or nearly the same, was there already.
        refused: candidates that no member can read (too long, NUL, lone surrogates).
        scored: texts with a verdict.
        member_calls: answers of members that this took, repeats included.
        spared: answers of members that a cascade did without; not among the member calls.
        degraded: texts whose verdict still lacks a member after a second try.
        gradient_passes: of all proposers.
        cpu_seconds: of all proposers; differs between machines and runs.
        model_texts: texts that the language model read or wrote for rewrites, beside scoring; not part of the budget.
        left_out: texts of batches that ended the process too often.
        unpaid: texts that were proposed and that the budget then no longer paid for.
        withdrawn: scored texts that another campaign queued meanwhile, the same or nearly; these are not queued.
        queued: texts queued.
        ordered: further answers ordered for texts that have a label; each takes a place.
        bad_rows: rows of corpora that could not be read.
        repeated_rows: rows of corpora passed over because their text stands nearby already.
        members: most members that a verdict names, spared ones too; what a text is taken to cost. 0 = none scored yet.
        proposed_by_source, queued_by_source: by name of the proposer, and by source as kept with each text.
        by_source, by_operator: what went in and came out by source, and by each operator applied.
        proposing: what each proposer used, by its name.
        disagreements: by source, then by pair "a|b": scored texts on which these two members vote differently.
        kinds: scored texts by kind of disagreement, see `ensemble.kinds`; a text can be of several.
        queued_kinds: the same for those queued.
        rewrites: verdicts of the deployed member on rewrites, by operator and style, see `miners.rewrite_counts`.
    """

    model_config = ConfigDict(extra="forbid")

    proposed: int = 0
    exact_duplicates: int = 0
    near_duplicates: int = 0
    refused: int = 0
    scored: int = 0
    member_calls: int = 0
    spared: int = 0
    degraded: int = 0
    gradient_passes: int = 0
    cpu_seconds: float = 0.0
    model_texts: int = 0
    left_out: int = 0
    unpaid: int = 0
    withdrawn: int = 0
    queued: int = 0
    ordered: int = 0
    bad_rows: int = 0
    repeated_rows: int = 0
    members: int = 0
    proposed_by_source: dict[str, int] = Field(default_factory=dict)
    queued_by_source: dict[str, int] = Field(default_factory=dict)
    by_source: dict[str, Effort] = Field(default_factory=dict)
    by_operator: dict[str, Effort] = Field(default_factory=dict)
    proposing: dict[str, Proposing] = Field(default_factory=dict)
    disagreements: dict[str, dict[str, int]] = Field(default_factory=dict)
    kinds: dict[str, int] = Field(default_factory=dict)
    queued_kinds: dict[str, int] = Field(default_factory=dict)
    rewrites: dict[str, RewriteCounts] = Field(default_factory=dict)

    @property
    def taken(self) -> int:
        """Places of the queue that are used up."""
        return self.queued + self.ordered


class Progress(BaseModel):
    """Where a running campaign stands; `spent` is in calls, `benched` says who was taken out, and why."""

    model_config = ConfigDict(frozen=True)

    campaign: str
    round: int
    tally: Tally
    spent: int = 0
    findings: Findings = Findings()
    budget: int
    queue_size: int
    seconds: float
    benched: dict[str, str] = Field(default_factory=dict)


class Summary(Tally):
    """What a campaign did.

    Attributes:
        campaign: its name.
        rounds: selections made.
        spent: calls, out of `budget`.
        findings: what people had said by then.
        benched: proposers that were taken out, and why.
        bad_examples: the first bad rows, "file:line: message".
        notes: what proposers say of themselves, by name; of "search" its "niches": "filled", of how many "cells", and
            the "best" of them.
        ended: why it ended; "stopped" can be resumed.
        seconds: wall time over all runs of it.
    """

    campaign: str
    rounds: int
    spent: int = 0
    budget: int = 0
    findings: Findings = Findings()
    benched: dict[str, str]
    bad_examples: list[str] = Field(default_factory=list)
    notes: dict[str, dict[str, Any]] = Field(default_factory=dict)
    ended: Ending
    seconds: float
