"""What goes into the queue and comes out of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ensemble.verdict import Verdict
from miners.candidate import Provenance

AnswerValue = Literal["yes", "no", "unsure"]
EnqueueOutcome = Literal["added", "raised", "known"]
FindingKind = Literal["FN", "FP"]
ItemState = Literal["open", "done", "dead"]


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
    author: str = Field(default="", max_length=128)


class Lease(_Frozen):
    """One rater's exclusive hold on one item; all that a rater may see of it."""

    lease_id: str
    item_id: str
    text: str
    context: str
    expires_at: datetime
    task: str


class NewAnswer(_Frozen):
    """What a rater says.

    Attributes:
        severity: 0 (none) to 4 (fatal or maiming), only where given.
        seconds: time from lease to answer as the client measured it, only where given.
    """

    answer: AnswerValue
    severity: int | None = Field(default=None, ge=0, le=4)
    note: str | None = Field(default=None, max_length=2_000)
    seconds: float | None = Field(default=None, ge=0.0, le=86_400.0)


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


class Item(_Frozen):
    """A queued item with everything known of it (admins only).

    Attributes:
        live: leases held on it now.
        label: aggregated label once done.
        finding: "FN" or "FP" where the deployed member's decision was wrong.
    """

    new: NewItem
    state: ItemState
    live: int
    enqueued_at: datetime
    answers: tuple[Answer, ...] = ()
    label: AnswerValue | None = None
    finding: FindingKind | None = None


class Finding(_Frozen):
    """A labelled item on which the deployed member's decision is wrong.

    FN: label yes, passed. FP: label no, flagged.
    """

    kind: FindingKind
    item: Item
    severity: float | None = None
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
