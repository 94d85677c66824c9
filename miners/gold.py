"""Gold: texts of known label that every rater is served now and then, so that one knows how good raters are.

It stays in the queue until it is retired. Raters cannot tell it from other texts; its answers measure raters and are
neither findings nor part of any rate.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pydantic import BaseModel, ConfigDict

from ensemble.text import LabelledText
from ensemble.verdict import Verdict
from miners.drills.drill import plant_item
from miners.queue.protocol import Ledger, Queue
from miners.queue.types import AnswerValue

NAME = "gold"
"""What gold is planted under."""


class GoldRow(BaseModel):
    """What raters made of one text.

    Attributes:
        id: of the item.
        label: its known label.
        answers: given by raters; `wrong` of them say the opposite, `unsure` neither.
        retired: whether it is served no more, and measures nobody.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    text: str
    label: AnswerValue
    answers: int
    wrong: int
    unsure: int
    retired: bool


def add_gold(
    queue: Queue, rows: Sequence[LabelledText], verdicts: Sequence[Verdict], *, task: str, deployed: str, needed: int
) -> int:
    """Adds labelled texts as gold; how many were new. A text that is queued already stays what it is.

    Args:
        queue: of the task.
        rows: texts and their labels.
        verdicts: the panel's, in the same order.
        task: its name.
        deployed: name of the member whose failures are hunted.
        needed: answers that other items want, so that receipts look alike.
    """
    items = [
        plant_item(row, verdict, deployed, needed=needed, name=NAME, task=task).model_copy(update={"gold": True})
        for row, verdict in zip(rows, verdicts, strict=True)
    ]
    return queue.enqueue(items).count("added")


def gold(ledger: Ledger) -> Iterator[GoldRow]:
    """All gold, in order of arrival."""
    for item in ledger.plants():
        truth = item.new.truth
        if truth is not None:
            said = [answer.body.answer for answer in item.answers]
            unsure = said.count("unsure")
            yield GoldRow(
                id=item.new.id,
                text=item.new.text,
                label=truth,
                answers=len(said),
                wrong=len(said) - unsure - said.count(truth),
                unsure=unsure,
                retired=item.retired,
            )
