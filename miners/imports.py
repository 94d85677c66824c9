"""Texts, labels and answers from elsewhere, made fit for the queue.

Two kinds of rows come in: rows of any labelled file, with a `label` or an `answers` object, and items as `export`
writes them, with verdict, provenance, selection probability and everybody's answers.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from ensemble.errors import InputError
from ensemble.row_checks import Row
from miners.errors import AnswerConflictError, NotYoursError, UnknownItemError, UnknownLeaseError
from miners.queue.protocol import Queue
from miners.queue.types import NewAnswer, NewItem

ANSWERS = "answers"
"""Field of a row that holds answers by rater: {"ann": "yes", "bob": {"answer": "no", "severity": 0, "note": "..."}}."""

RATER = "rater"
"""Field of a row that names who gave its label; several rows of one text are the answers of several raters."""

_LABELS = {0: "no", 1: "yes"}
_MOST_RATERS = 100
_REFUSALS: dict[type[Exception], str] = {UnknownItemError: "missing", InputError: "unread"}


@dataclass(frozen=True)
class GivenAnswer:
    """An answer that somebody gave elsewhere.

    Attributes:
        item_id: identity of the text.
        answer_id: the same for the same answer, so that importing twice is harmless.
        where: file and line, for messages.
    """

    item_id: str
    rater: str
    body: NewAnswer
    answer_id: str
    where: str = field(default="", compare=False)


def answers_of(row: Row, rater: str) -> list[GivenAnswer]:
    """What a row says: its `answers` by rater, else its label as the answer of its own `rater`, or of the one named.

    Nothing where it has neither.

    Raises:
        InputError: an answer is none; the message names rater and limit.
    """
    given = row.meta.get(ANSWERS)
    if given is None:
        own = row.meta.get(RATER)
        given = {} if row.label is None else {str(own) if own not in (None, "") else rater: _LABELS[row.label]}
    if not isinstance(given, Mapping):
        raise InputError('must be an object such as {"ann": "yes"}', field=ANSWERS)
    if len(given) > _MOST_RATERS:
        raise InputError(f"has {len(given):,} answers; the limit is {_MOST_RATERS}", field=ANSWERS)
    item, where = row.as_text().id, f"{row.file}:{row.line}"
    return [
        GivenAnswer(item, str(who), _body(said, str(who)), answer_id_of(item, str(who)), where)
        for who, said in given.items()
    ]


def exported(record: Mapping[str, Any]) -> tuple[NewItem | None, list[GivenAnswer]]:
    """An item or finding as `export` writes it, and the answers to it; or an exported answer alone, without its item.

    Raises:
        InputError: it is none.
    """
    try:
        record = record.get("item", record)
        if "new" not in record and "item_id" in record:
            return None, [_given(record, str(record["item_id"]))]
        item = NewItem.model_validate(record["new"])
        return item, [_given(one, item.id) for one in record.get("answers", [])]
    except (ValidationError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"is no item as `hungjury export` writes it: {first_line(error)}") from error


def _given(one: Mapping[str, Any], item_id: str) -> GivenAnswer:
    return GivenAnswer(item_id, str(one["rater"]), NewAnswer.model_validate(one["body"]), str(one["answer_id"]))


def record_all(
    queue: Queue,
    answers: Iterable[GivenAnswer],
    *,
    correct: bool = False,
    refused: Callable[[GivenAnswer, str], None] | None = None,
) -> Counter[str]:
    """Records answers, and counts them.

    Args:
        queue: takes them.
        answers: given elsewhere.
        correct: whether an answer that came from there before, and says something else now, is corrected.
        refused: told of each answer that is not taken, and why.

    Returns:
        How many are "recorded" now, perhaps by an earlier import, how many "corrected", how many in "conflict" with
        what the rater did here, to texts that are "missing", and "unread", which do not fit their texts.
    """
    found: Counter[str] = Counter()
    for one in answers:
        try:
            done = _recorded(queue, one, correct=correct)
        except (AnswerConflictError, NotYoursError, UnknownItemError, InputError) as error:
            found[_REFUSALS.get(type(error), "conflict")] += 1
            if refused is not None:
                refused(one, str(error))
        else:
            found[done] += 1
    return found


def _recorded(queue: Queue, one: GivenAnswer, *, correct: bool) -> str:
    try:
        queue.record(one.item_id, one.rater, one.body, answer_id=one.answer_id)
    except AnswerConflictError:
        if not correct:
            raise
        with contextlib.suppress(UnknownLeaseError, NotYoursError):  # then it was not that answer which was in the way
            queue.amend(one.answer_id, one.rater, one.body)
            return "corrected"
        raise
    return "recorded"


def _body(said: object, rater: str) -> NewAnswer:
    try:
        return NewAnswer.model_validate(said if isinstance(said, Mapping) else {"answer": said})
    except ValidationError as error:
        raise InputError(f"of {rater!r}: {first_line(error)}", field=ANSWERS) from error


def first_line(error: Exception) -> str:
    """What pydantic found first, without its address; other errors by kind and text."""
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return f"{type(error).__name__}: {error}"


def answer_id_of(item: str, rater: str) -> str:
    """The name of a rater's answer to an item that was given elsewhere: 32 hex digits of BLAKE2b over both."""
    return hashlib.blake2b(f"{item}\0{rater}".encode(), digest_size=16).hexdigest()
