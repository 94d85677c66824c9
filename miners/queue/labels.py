"""What the answers to one item say together, and whether that makes it a finding.

The Redis queue does the same inside its answer script (`lua/label.lua`), so that answer, label and finding are one
atomic write; the contract suite holds both against each other.
"""

from __future__ import annotations

from collections.abc import Sequence

from miners.queue.types import AnswerValue, FindingKind, NewAnswer


def aggregate(values: Sequence[AnswerValue]) -> AnswerValue:
    """Majority of yes and no; a tie is yes, because missing an injury is worse; nothing but unsure is unsure."""
    yes, no = values.count("yes"), values.count("no")
    if yes + no == 0:
        return "unsure"
    return "yes" if yes >= no else "no"


def as_of_any(needed: int, truth: AnswerValue, value: AnswerValue, number: int) -> tuple[int, AnswerValue | None]:
    """What whoever answers gold is told: as of any item whose other answers are right.

    Args:
        needed: answers that items want.
        truth: the label of the gold.
        value: the answer.
        number: which answer to it this is, from 1.

    Returns:
        Which answer of the item it is said to be, and the label, if it is said to be the last one.
    """
    place = (number - 1) % needed + 1
    return place, None if place < needed else aggregate([value, *[truth] * (needed - 1)])


def finding_of(label: AnswerValue | None, *, passed: bool) -> FindingKind | None:
    """FN: label yes, passed. FP: label no, flagged. None: no label yet, unsure, or the deployed member was right."""
    if label == "yes" and passed:
        return "FN"
    if label == "no" and not passed:
        return "FP"
    return None


def mean_severity(bodies: Sequence[NewAnswer]) -> float | None:
    """Mean of the severities (0 to 4) that were given; None if none was."""
    given = [body.severity for body in bodies if body.severity is not None]
    return sum(given) / len(given) if given else None


def said(body: NewAnswer) -> str:
    """What a body says, as JSON; two bodies with the same text are the same answer.

    The measured time is left out: a client that repeats an answer may well have measured anew. So are spans where
    there are none: answers that were stored before there were any still say the same.
    """
    return body.model_dump_json(exclude={"seconds"} if body.spans else {"seconds", "spans"})
