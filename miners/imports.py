"""Texts, labels and answers from elsewhere, made fit for the queue.

Two kinds of rows come in: rows of any labelled file, with a `label` or an `answers` object, and items as `export`
writes them, with verdict, provenance, selection probability and everybody's answers.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from ensemble.errors import InputError
from ensemble.row_checks import Row
from miners.errors import AnswerConflictError, NotYoursError, UnknownItemError
from miners.queue.protocol import Queue
from miners.queue.types import NewAnswer, NewItem

ANSWERS = "answers"
"""Field of a row that holds answers by rater: {"ann": "yes", "bob": {"answer": "no", "severity": 0, "note": "..."}}."""

_LABELS = {0: "no", 1: "yes"}
_MOST_RATERS = 100


@dataclass(frozen=True)
class GivenAnswer:
    """An answer that somebody gave elsewhere.

    Attributes:
        item_id: identity of the text.
        answer_id: the same for the same answer, so that importing twice is harmless.
    """

    item_id: str
    rater: str
    body: NewAnswer
    answer_id: str


def answers_of(row: Row, rater: str) -> list[GivenAnswer]:
    """What a row says: its `answers` by rater, else its label as the answer of `rater`; nothing where it has neither.

    Raises:
        InputError: an answer is none; the message names rater and limit.
    """
    given = row.meta.get(ANSWERS)
    if given is None:
        given = {} if row.label is None else {rater: _LABELS[row.label]}
    if not isinstance(given, Mapping):
        raise InputError('must be an object such as {"ann": "yes"}', field=ANSWERS)
    if len(given) > _MOST_RATERS:
        raise InputError(f"has {len(given):,} answers; the limit is {_MOST_RATERS}", field=ANSWERS)
    item = row.as_text().id
    return [
        GivenAnswer(item, str(who), _body(said, str(who)), _answer_id(item, str(who))) for who, said in given.items()
    ]


def exported(record: Mapping[str, Any]) -> tuple[NewItem, list[GivenAnswer]]:
    """An item as `export` writes it, and the answers to it.

    Raises:
        InputError: it is none.
    """
    try:
        item = NewItem.model_validate(record["new"])
        answers = [
            GivenAnswer(item.id, str(one["rater"]), NewAnswer.model_validate(one["body"]), str(one["answer_id"]))
            for one in record.get("answers", [])
        ]
    except (ValidationError, KeyError, TypeError) as error:
        raise InputError(f"is no item as `hungjury export` writes it: {_first_line(error)}") from error
    return item, answers


def record_all(queue: Queue, answers: Iterable[GivenAnswer]) -> Counter[str]:
    """Records answers, and counts them.

    Returns:
        How many are "recorded" now, perhaps by an earlier import, how many in "conflict" with what the rater did here,
        and how many to texts that are "missing".
    """
    found: Counter[str] = Counter()
    for one in answers:
        try:
            queue.record(one.item_id, one.rater, one.body, answer_id=one.answer_id)
        except (AnswerConflictError, NotYoursError):
            found["conflict"] += 1
        except UnknownItemError:
            found["missing"] += 1
        else:
            found["recorded"] += 1
    return found


def _body(said: object, rater: str) -> NewAnswer:
    try:
        return NewAnswer.model_validate(said if isinstance(said, Mapping) else {"answer": said})
    except ValidationError as error:
        raise InputError(f"of {rater!r}: {_first_line(error)}", field=ANSWERS) from error


def _first_line(error: Exception) -> str:
    """What pydantic found first, without its address."""
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return f"{type(error).__name__}: {error}"


def _answer_id(item: str, rater: str) -> str:
    """32 hex digits of BLAKE2b over both."""
    return hashlib.blake2b(f"{item}\0{rater}".encode(), digest_size=16).hexdigest()
