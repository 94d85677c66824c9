"""Plants in the real queue: texts of known label, unmarked, at the priorities that real items have.

They show what share of unsafe texts the raters let through, and nothing else comes of them: see `plant` of `NewItem`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from pydantic import BaseModel, ConfigDict

from ensemble.errors import InputError
from ensemble.text import LabelledText
from ensemble.verdict import Verdict
from miners.drills.drill import plant_item
from miners.drills.report import Caught
from miners.queue.protocol import Ledger, Queue
from miners.queue.types import Item

_LIKE_ITEMS = 1_000
"""Waiting items whose priorities plants take."""


class OpenQueue(Queue, Ledger, Protocol):
    """A queue that can be written and read."""


class Planted(BaseModel):
    """What became of the plants of one name.

    Attributes:
        name: of the drill.
        plants: texts planted.
        waiting: those without a label yet.
        raters: of the labelled ones, those labelled yes; None while there is none.
        missed: texts that raters labelled otherwise.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    plants: int
    waiting: int
    raters: Caught | None
    missed: tuple[str, ...]


def plant(
    queue: OpenQueue,
    rows: Sequence[LabelledText],
    verdicts: Sequence[Verdict],
    *,
    task: str,
    deployed: str,
    name: str,
    needed: int,
    rng: np.random.Generator,
) -> int:
    """Plants unsafe texts among the items that wait; how many were new to the queue.

    Args:
        queue: of the task.
        rows: texts labelled yes.
        verdicts: the panel's, in the same order.
        task: its name.
        deployed: name of the member whose failures are hunted.
        name: under which they are reported.
        needed: answers each gets, as real items do.
        rng: draws the priorities.

    Raises:
        InputError: nothing waits, so that plants would be all that raters see.
    """
    waiting = queue.top(_LIKE_ITEMS)
    if not waiting:
        raise InputError("nothing waits in the queue among which texts could be planted; run `hungjury mine` first")
    places = rng.choice([item.new.priority for item in waiting], size=len(rows))
    items = [
        plant_item(row, verdict, deployed, needed=needed, name=name, task=task, priority=float(place))
        for row, verdict, place in zip(rows, verdicts, places, strict=True)
    ]
    return queue.enqueue(items).count("added")


def planted(ledger: Ledger) -> list[Planted]:
    """Every drill that has plants in the queue, in order of arrival."""
    by_name: dict[str, list[Item]] = {}
    for item in ledger.plants():
        if item.new.gold:
            continue
        by_name.setdefault(item.new.plant, []).append(item)
    return [_found(name, items) for name, items in by_name.items()]


def _found(name: str, items: Sequence[Item]) -> Planted:
    labelled = [item for item in items if item.label is not None]
    missed = [item.new.text for item in labelled if item.label != "yes"]
    caught = Caught(caught=len(labelled) - len(missed), plants=len(labelled)) if labelled else None
    return Planted(
        name=name, plants=len(items), waiting=len(items) - len(labelled), raters=caught, missed=tuple(missed)
    )
