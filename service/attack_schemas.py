"""Bodies of the attack bench's requests and responses. All places in texts are in characters (Unicode code points)."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from ensemble.verdict import Verdict
from miners.attack.earlier import Earlier
from miners.attack.edits import MOST_EDITS, Edit
from miners.attack.goal import Goal
from miners.attack.submission import StartKind
from miners.attack.suggest import Kind
from miners.queue.types import EnqueueOutcome


class _Request(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class StartRef(_Request):
    """What an attack began with: a finding by its item, a seed row by its id, or nothing."""

    kind: StartKind = "blank"
    id: str = Field(default="", max_length=256)


class AttackRequest(_Request):
    """A text that is being edited.

    Attributes:
        draft: the caller's name for what is being edited: a newer request with it takes the place of an older one that
            is still under way, which is answered 409 `overtaken`.
    """

    text: str
    context: str | None = None
    draft: str | None = Field(default=None, min_length=1, max_length=128)


class AttackScoreRequest(AttackRequest):
    """A text to score; `severity` is the attacker's guess, 0 to 4, and `parent` the item that is no duplicate."""

    severity: float | None = Field(default=None, ge=0, le=4)
    parent: str | None = Field(default=None, max_length=128)


class WordSaliency(BaseModel):
    """How much of the deployed member's raw logit a word holds up; positive speaks for yes."""

    start: int
    end: int
    saliency: float


class AttackScoreResponse(BaseModel):
    """A verdict, and what it means for an attack.

    Attributes:
        goal: severity times margin.
        words: saliency of every word; null where `missing` says why there is none now.
        missing: by part ("saliency", "nearest"), why it is not there.
        nearest: the earlier attack or finding that is nearly the same.
        deployed: the member whose failures are hunted.
        thresholds: by member, P(yes) from which it votes yes.
        gradient_passes: made for this; each counts as two calls.
    """

    verdict: Verdict
    deployed: str
    thresholds: dict[str, float]
    goal: Goal
    words: list[WordSaliency] | None
    missing: dict[str, str]
    nearest: Earlier | None
    gradient_passes: int


class AttackSuggestRequest(AttackRequest):
    """Where in a text changes are wanted.

    Attributes:
        start, end: a word's place; equal for words to be put in there; neither for replacements anywhere in the text.
        more: a longer list.
    """

    start: int | None = Field(default=None, ge=0)
    end: int | None = Field(default=None, ge=0)
    more: bool = False


class Suggestion(BaseModel):
    """A change and what it does.

    Attributes:
        kind: whether it takes the word's place, goes before or behind it, or leaves it out.
        word: what is put in.
        edit: the change as a step, for `POST /v1/attack/submit`.
        text: the whole text after it.
        probability: the deployed member's P(yes) after it.
        margin: how far that lies under the threshold, as a share of it; 0 where the text is still flagged.
        fluency: mean log-probability a token of the word and what follows, in nats; null where nothing is put in.
    """

    kind: Kind
    word: str
    edit: Edit
    text: str
    probability: float
    margin: float
    passed: bool
    fluency: float | None


class Cost(BaseModel):
    """What suggestions cost: texts scored by the deployed member, gradient passes, texts read by the language model."""

    member_calls: int
    gradient_passes: int
    language_model_texts: int


class AttackSuggestResponse(BaseModel):
    """Changes of one word, or anywhere, the one that the deployed member passes most surely first."""

    suggestions: list[Suggestion]
    cost: Cost


class AttackSubmitRequest(_Request):
    """An attack, handed in for others to judge.

    Attributes:
        edits: every step from the start to the text; checked.
        severity: the attacker's guess, 0 to 4.
        note: for whoever reads the findings; raters do not see it.
        seconds: from the start to handing in, as the client measured it.
    """

    text: str
    context: str | None = None
    start: StartRef = StartRef()
    edits: list[Edit] = Field(max_length=MOST_EDITS)
    severity: int | None = Field(default=None, ge=0, le=4)
    note: str = Field(default="", max_length=2_000)
    seconds: float | None = Field(default=None, ge=0, le=31 * 86_400)


class AttackSubmitResponse(BaseModel):
    """What became of it.

    Attributes:
        outcome: "added"; "known" or "raised" where the same text is in the queue already.
        nearest: an earlier attack or finding that is nearly the same.
    """

    item_id: str
    outcome: EnqueueOutcome
    goal: Goal
    nearest: Earlier | None


class Seed(BaseModel):
    """A text to begin with; label and severity are what is known of it."""

    kind: StartKind
    id: str
    text: str
    context: str
    label: Literal[0, 1] | None
    severity: float | None


class SeedsResponse(BaseModel):
    """Texts to begin with."""

    seeds: list[Seed]
    offset: int
    count: int
