"""A rater's own work in numbers, made so that no number tells what anybody else said of a text.

What could: a figure that moves when an item is decided or one's own answer is corrected tells the others' answers to
that item; a figure over known labels alone tells which texts are planted; a figure of 100 % tells every label behind
it. Hence agreement is taken from first answers alone, as they stood last midnight (UTC), against the others' first
answers and never against a known label, over 20 texts and more, in steps of 5 % that end at 5 and 95.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from statistics import median

from pydantic import BaseModel, ConfigDict

from miners.queue.labels import aggregate
from miners.queue.types import Answer, AnswerValue, Item, Judged

LOOKED_AT = 1_000
"""Newest answers from which speed and agreement are taken."""

_COMPARED = 20
_STEP = 0.05


class Progress(BaseModel):
    """One's own work.

    Attributes:
        answers: given in all.
        last_day: of those, how many in the last 24 hours; at most 1,000.
        corrected: of the newest 1,000, how many were corrected.
        median_seconds: from text to answer; None where no client measured it.
        agreement: 0.05 to 0.95; share of the compared answers that agree with what the others said together. None
            before there are 20 to compare.
        compared: answers behind `agreement`, in twenties.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    answers: int
    last_day: int
    corrected: int
    median_seconds: float | None
    agreement: float | None
    compared: int


def progress(judged: Judged, rater: str, now: datetime) -> Progress:
    """The numbers.

    Args:
        judged: the newest `LOOKED_AT` items of the rater.
        rater: whose work it is.
        now: by the store's clock, roughly.
    """
    own = [answer for item in judged.items for answer in item.answers if answer.rater == rater]
    seconds = [answer.body.seconds for answer in own if answer.body.seconds is not None]
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    share, compared = _agreement(judged.items, rater, midnight)
    return Progress(
        answers=judged.total,
        last_day=sum(_first(answer)[0] > now - timedelta(days=1) for answer in own),
        corrected=sum(bool(answer.history) for answer in own),
        median_seconds=round(median(seconds), 1) if seconds else None,
        agreement=share,
        compared=compared,
    )


def _agreement(items: Sequence[Item], rater: str, before: datetime) -> tuple[float | None, int]:
    """Rounded share of agreeing answers, and how many were compared, in twenties."""
    pairs = [_compared(item, rater, before) for item in items]
    agree = [own == others for own, others in pairs if "unsure" not in (own, others)]
    if len(agree) < _COMPARED:
        return None, 0
    share = round(sum(agree) / len(agree) / _STEP) * _STEP
    return round(min(max(share, _STEP), 1 - _STEP), 2), len(agree) // _COMPARED * _COMPARED


def _compared(item: Item, rater: str, before: datetime) -> tuple[AnswerValue, AnswerValue]:
    """What the rater first said of an item and what the others together did; unsure where one of them is missing."""
    first = {answer.rater: value for answer in item.answers for at, value in [_first(answer)] if at < before}
    own = first.pop(rater, "unsure")
    return own, aggregate(list(first.values()))


def _first(answer: Answer) -> tuple[datetime, AnswerValue]:
    """When an answer was given, and what it said then."""
    if not answer.history:
        return answer.at, answer.body.answer
    return datetime.fromisoformat(answer.history[0]["at"]), answer.history[0]["answer"]
