"""The outcomes of a queue's verbs as numbers, and the errors that stand for them."""

from __future__ import annotations

from enum import IntEnum
from typing import NoReturn

from ensemble.errors import InputError
from miners.errors import (
    AnswerConflictError,
    ArrivalsError,
    LeaseExpiredError,
    NotYoursError,
    QueueFullError,
    UnknownItemError,
    UnknownLeaseError,
)
from miners.queue.checks import MAX_AMENDMENTS


class Code(IntEnum):
    """First number of every reply; the values are those of `lua/common.lua`."""

    OK = 0
    UNKNOWN = 1
    NOT_YOURS = 2
    EXPIRED = 3
    RELEASED = 4
    CONFLICT = 5
    FULL = 6
    REUSED = 7
    TOO_OFTEN = 8
    MOVED = 9
    BEYOND = 10


def refuse(code: Code, subject: str, limit: int = 0) -> NoReturn:
    """Raises the error that stands for a code.

    Args:
        code: the outcome.
        subject: the id that the call was about.
        limit: the number that was exceeded, where the code has one.
    """
    match code:
        case Code.UNKNOWN:
            raise UnknownLeaseError(f"no lease or answer {subject}")
        case Code.NOT_YOURS:
            raise NotYoursError(f"{subject} belongs to another rater")
        case Code.EXPIRED:
            raise LeaseExpiredError(f"lease {subject} ran out; its item went back to the queue, lease again")
        case Code.RELEASED:
            raise LeaseExpiredError(f"lease {subject} was given back; lease again")
        case Code.CONFLICT:
            raise AnswerConflictError(f"lease {subject} is already answered otherwise; correct that answer instead")
        case Code.REUSED:
            raise InputError("was used before, and its leases were answered; choose a new one", field="request_id")
        case Code.TOO_OFTEN:
            raise AnswerConflictError(f"answer {subject} was corrected {MAX_AMENDMENTS} times, which is the limit")
        case Code.BEYOND:
            raise InputError(
                f"reach beyond the text, which has {limit:,} characters; count its code points from 0", field="spans"
            )
        case _:
            raise AssertionError(f"code {code!r} about {subject} has no error")


def refuse_full(waiting: int, limit: int) -> NoReturn:
    """Raises QueueFullError with both numbers."""
    raise QueueFullError(
        f"{waiting:,} items are waiting and the limit is {limit:,}; wait for answers or raise the limit"
    )


def refuse_moved(arrivals: int, looked: int) -> NoReturn:
    """Raises ArrivalsError with both numbers."""
    raise ArrivalsError(f"{arrivals:,} items have arrived and {looked:,} were looked at; look at the rest, then again")


def refuse_record(item_id: str, rater: str) -> NoReturn:
    """Raises AnswerConflictError: the rater has had the item here."""
    raise AnswerConflictError(
        f"{rater} has answered, skipped or leased item {item_id} here already; correct that answer instead"
    )


def refuse_item(item_id: str) -> NoReturn:
    """Raises UnknownItemError."""
    raise UnknownItemError(f"no item {item_id}")
