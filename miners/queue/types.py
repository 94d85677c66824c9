"""What goes into the queue and comes out of it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from ensemble.verdict import Verdict
from miners.candidate import Provenance

TAG_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}"
Tag = Annotated[str, Field(pattern=f"^{TAG_PATTERN}$")]
"""A language or skill, such as "de" or "medicine"."""

AnswerValue = Literal["yes", "no", "unsure"]
EnqueueOutcome = Literal["added", "raised", "known"]
FindingKind = Literal["FN", "FP"]
ItemState = Literal["open", "done", "dead"]
Mark = Literal["train", "hold-out", "regression"]
MARKS: tuple[Mark, ...] = get_args(Mark)


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class NewItem(_Frozen):
    """A text to be queued.

    Attributes:
        id: identity of the text; enqueueing it twice keeps one item and the higher priority.
        priority: finite; higher is served first.
        needed: answers wanted (k), 1 to 100.
        selection_probability: q in (0, 1] with which it was selected; without it no rate can be estimated.
        deployed: name of the member whose failures are hunted.
        deployed_passed: whether that member passed the text when it was scored.
        why: one line for a person; never shown to raters.
        parts: numbers behind the priority.
        plant: name of the drill that planted it, a text whose label is known; "" = a real one. Raters see no
            difference; a plant is never a finding, and its label stays out of all that is estimated or learned.
        gold: whether the plant stays, to be served to every rater once, at the queue's rate of gold. Its label is
            `provenance.expected_label`.
        tags: what a rater must have among the own tags to be served it: languages, skills. None of them = anybody.
        author: the rater who wrote it, and is never served it; "" = nobody who answers here. Who brings a text that is
            there already is not served it either.
    """

    id: str = Field(min_length=1, max_length=64)
    task: str
    text: str
    context: str = ""
    priority: float = Field(allow_inf_nan=False)
    needed: int = Field(default=1, ge=1, le=100)
    selection_probability: float = Field(gt=0.0, le=1.0)
    deployed: str
    deployed_passed: bool
    verdict: Verdict
    provenance: Provenance
    why: str = ""
    parts: dict[str, float] = Field(default_factory=dict)
    plant: str = Field(default="", max_length=128)
    gold: bool = False
    tags: tuple[Tag, ...] = Field(default=(), max_length=8)
    author: str = Field(default="", max_length=128)

    @model_validator(mode="after")
    def _gold_is_known(self) -> NewItem:
        if self.gold and (not self.plant or self.provenance.expected_label is None):
            raise ValueError("gold is a plant whose expected label is known")
        return self

    @property
    def truth(self) -> AnswerValue | None:
        """The label of gold; None of any other item."""
        return None if not self.gold else "yes" if self.provenance.expected_label else "no"


class Lease(_Frozen):
    """One rater's exclusive hold on one item; all that a rater may see of it."""

    lease_id: str
    item_id: str
    text: str
    context: str
    expires_at: datetime
    task: str


class Span(_Frozen):
    """Words of a text, by character: Unicode code points of the text from 0, `end` not included."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    start: int = Field(ge=0, le=100_000_000)
    end: int = Field(ge=1, le=100_000_000)

    @field_validator("end")
    @classmethod
    def _after_start(cls, end: int, info: ValidationInfo) -> int:
        if end <= info.data.get("start", -1):
            raise ValueError("must be greater than start")
        return end


class NewAnswer(_Frozen):
    """What a rater says.

    Attributes:
        severity: 0 (none) to 4 (fatal or maiming), only where given.
        seconds: time from lease to answer as the client measured it, only where given.
        spans: the words of the text that show it, at most 100; kept in order, those that touch or overlap as one.
    """

    answer: AnswerValue
    severity: int | None = Field(default=None, ge=0, le=4)
    note: str | None = Field(default=None, max_length=2_000)
    seconds: float | None = Field(default=None, ge=0.0, le=86_400.0)
    # Lists too where the rest is strict: JSON knows no tuples.
    spans: tuple[Span, ...] = Field(default=(), max_length=100, strict=False)

    @field_validator("spans")
    @classmethod
    def _in_order(cls, spans: tuple[Span, ...]) -> tuple[Span, ...]:
        joined: list[Span] = []
        for span in sorted(spans, key=lambda span: (span.start, span.end)):
            if joined and span.start <= joined[-1].end:
                joined[-1] = Span(start=joined[-1].start, end=max(joined[-1].end, span.end))
            else:
                joined.append(span)
        return tuple(joined)


class Receipt(_Frozen):
    """Acknowledgement of an answer; once it is given, the answer is durable.

    Attributes:
        answers: answers given to the item so far.
        needed: answers wanted.
        label: what the answers together say, once there are enough of them.
    """

    answer_id: str
    item_id: str
    answers: int
    needed: int
    label: AnswerValue | None = None


class Answer(_Frozen):
    """A stored answer with its history, oldest first (bodies it replaced)."""

    answer_id: str
    item_id: str
    rater: str
    body: NewAnswer
    at: datetime
    history: tuple[dict[str, Any], ...] = ()


class Skip(_Frozen):
    """A rater would not judge the item and is not offered it again; `reason` is empty where none was given."""

    rater: str
    reason: str
    at: datetime


class Item(_Frozen):
    """A queued item with everything known of it (admins only).

    Attributes:
        live: leases held on it now.
        skips: raters who would not judge it, in the order in which they said so.
        label: what the answers together say, once there are enough: their majority (a tie is yes), and soon after what
            a model of the raters makes of them, where one is at work.
        retired: whether it was gold and is served no more.
        confidence: P(the label is right), given that the text is yes or no; None before a model has seen all answers.
        ambiguity: P(careful people answer it differently), likewise.
        finding: "FN" or "FP" where the deployed member's decision was wrong.
        found_at: when it became a finding.
        mark: what an admin says its family is for; None where nobody has said so.
    """

    new: NewItem
    state: ItemState
    live: int
    enqueued_at: datetime
    answers: tuple[Answer, ...] = ()
    skips: tuple[Skip, ...] = ()
    label: AnswerValue | None = None
    retired: bool = False
    confidence: float | None = None
    ambiguity: float | None = None
    finding: FindingKind | None = None
    found_at: datetime | None = None
    mark: Mark | None = None


class Judgement(_Frozen):
    """What a model of the raters makes of the answers to an item; see `ensemble.labels`.

    Attributes:
        label: yes or no, whichever costs less if it is wrong; unsure where nobody said either.
        confidence: P(the label is right), given that the text is yes or no.
        ambiguity: P(careful people answer it differently).
        yes, no, unsure: how many of the answers that it was told from say so.
    """

    label: AnswerValue
    confidence: float = Field(ge=0.0, le=1.0)
    ambiguity: float = Field(ge=0.0, le=1.0)
    yes: int = Field(ge=0)
    no: int = Field(ge=0)
    unsure: int = Field(ge=0)


class Judged(_Frozen):
    """A page of the items that one rater has answered, newest answer first, and how many there are in all."""

    total: int
    items: tuple[Item, ...]


class Finding(_Frozen):
    """A labelled item on which the deployed member's decision is wrong.

    FN: label yes, passed. FP: label no, flagged.
    """

    kind: FindingKind
    item: Item
    severity: float | None = None
    at: datetime


class FindingChange(_Frozen):
    """A finding came (`before` is None), changed its kind, or went (`after` is None), as a label was set or turned."""

    item_id: str
    before: FindingKind | None
    after: FindingKind | None
    at: datetime


class Counts(_Frozen):
    """The queue in numbers.

    Every lease granted is live, released, expired or answered; answers are those of leases and those recorded, which
    were given elsewhere.
    """

    waiting: int
    leased: int
    done: int
    dead: int
    answers: int
    findings_fn: int
    findings_fp: int
    raters: int
    leases_granted: int = 0
    leases_released: int = 0
    leases_expired: int = 0
    answers_recorded: int = 0
