"""Bodies of requests and responses."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from ensemble.verdict import Verdict
from miners.found import Wanted
from miners.queue.audit import Entry
from miners.queue.checks import MAX_REASON
from miners.queue.scopes import Role
from miners.queue.types import Counts, Finding, Item, Lease, Mark, NewAnswer


class _Request(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class ScoreInput(_Request):
    """A text to score, optionally the context that it continues, and the caller's id for it."""

    text: str
    context: str | None = None
    id: str | None = Field(default=None, min_length=1, max_length=256)


class ScoreRequest(_Request):
    """Texts to score, answered in order. With `store: false` none of them is kept in the sample of live traffic."""

    inputs: list[ScoreInput] = Field(min_length=1)
    task: str | None = None
    store: bool = True


class ScoreResponse(BaseModel):
    """One verdict an input, in order."""

    verdicts: list[Verdict]
    task: str


class LeaseRequest(_Request):
    """How many items, and for how long; `seconds` defaults to the configured time."""

    count: int = Field(default=1, ge=1)
    seconds: float | None = Field(default=None, gt=0)


class RenewRequest(_Request):
    """For how long from now; defaults to the configured time."""

    seconds: float | None = Field(default=None, gt=0)


class OrderRequest(_Request):
    """How many answers the item shall have, and at which priority it is served; the present one by default."""

    needed: int = Field(ge=1, le=100)
    priority: float | None = Field(default=None, allow_inf_nan=False)


class ReleaseRequest(_Request):
    """With `skip`, this rater is not offered the item again; admins see the `reason`, which may stay empty."""

    skip: bool = False
    reason: str = Field(default="", max_length=MAX_REASON)


class AnswerRequest(NewAnswer):
    """What a rater says; severity is 0 (none) to 4 (fatal or maiming), spans are the words that show it.

    A span counts the text's Unicode code points from 0; its end is not included.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class LeasesResponse(BaseModel):
    """Items held now; empty where nothing is due for this rater."""

    leases: list[Lease]


class LeaseResponse(BaseModel):
    """The hold as it is now."""

    lease: Lease


class ReleaseResponse(BaseModel):
    """The item is given back."""

    released: bool = True


class QueueResponse(Counts):
    """Counts, and the items served next to a new rater, best first."""

    top: list[Item]


class FindingsQuery(Wanted):
    """Which findings, and which page of them: behind the place `after`, or from `offset` on."""

    after: str | None = Field(default=None, max_length=200, pattern="^[0-9]{1,15}-")
    offset: int = Field(default=0, ge=0, le=10_000_000)
    count: int = Field(default=100, ge=1, le=1000)

    @property
    def filters(self) -> bool:
        """Whether anything but the kind and a plain page is asked for."""
        return bool(self.model_fields_set - {"kind", "offset", "count"})


class FindingsResponse(BaseModel):
    """Findings, newest first; `left` is how many follow, and `next` goes into `after` for them, null where none do."""

    findings: list[Finding]
    offset: int
    count: int
    left: int | None = None
    next: str | None = None


class MarkRequest(_Request):
    """What a family of texts is for; null = nothing in particular."""

    mark: Mark | None


class MarkResponse(BaseModel):
    """What the family is for now."""

    family: str
    mark: Mark | None


class SkipsResponse(BaseModel):
    """Items that raters skipped, those that most of them did first, or dead ones, the newest first."""

    items: list[Item]
    offset: int
    count: int


class OwnAnswer(BaseModel):
    """An answer of one's own with its text; `history` holds the bodies that it replaced, oldest first."""

    answer_id: str
    item_id: str
    task: str
    text: str
    context: str
    body: NewAnswer
    at: datetime
    history: tuple[dict[str, Any], ...]


class OwnAnswersResponse(BaseModel):
    """One's own answers, newest first; `total` is how many there are."""

    answers: list[OwnAnswer]
    offset: int
    total: int


class ItemResponse(Item):
    """One item with its whole history."""

    item_id: str


class OrderResponse(BaseModel):
    """What the item wants now; `ordered` is false where nobody is asked, because it is dead."""

    item_id: str
    needed: int
    ordered: bool


class ReviveResponse(BaseModel):
    """Whether the item was dead, and is served again now."""

    item_id: str
    revived: bool


class TaskResponse(BaseModel):
    """The question as a labeler needs it; the guideline is Markdown."""

    name: str
    question: str
    yes: str
    no: str
    guideline: str


class MeResponse(BaseModel):
    """Whose key this is; `scopes` and `tasks` are null where it opens all that its role does, for every task."""

    id: str
    name: str
    role: Role
    scopes: list[str] | None = None
    tasks: list[str] | None = None


class SessionResponse(MeResponse):
    """Who is signed in; `csrf_token` goes into the header `X-CSRF-Token` of every unsafe request."""

    csrf_token: str


class SessionEndResponse(BaseModel):
    """The session is over."""

    ended: bool


class AuditResponse(BaseModel):
    """Entries, oldest first; `next` goes into `after` for the following ones, and is null where there are none."""

    entries: list[Entry]
    next: str | None = None


class HealthResponse(BaseModel):
    """Alive."""

    status: str = "alive"


class ReadyResponse(BaseModel):
    """Ready to score; what is not yet is false."""

    ready: bool
    members: dict[str, bool]
    queue: bool


class SummaryResponse(BaseModel):
    """Numbers of this replica since it started, and the queue now."""

    uptime_seconds: float
    metrics: dict[str, list[dict[str, Any]]]
    queue: Counts
