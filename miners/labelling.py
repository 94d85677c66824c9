"""Labels that take into account who said what: the answer model at work beside a queue.

The queue itself makes a label of each item's answers at once, by majority. This follows those labels, learns from
every answer how reliable its rater is, and puts what the model makes of the answers in the majority's place, with how
sure it is. Where answers differ and another one could change the label, it is ordered. All of it may be repeated, and
several may do it at once: what they set depends on the answers alone.
"""

from __future__ import annotations

import math
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ensemble.labels.belief import Belief, Label
from ensemble.labels.incremental import ANSWERS, AnswerModel
from ensemble.labels.settings import LabelSettings, Ordering
from ensemble.labels.stopping import wants_more
from miners.queue.protocol import Ledger, Queue
from miners.queue.types import Item, Judgement

PAGE = 200
"""Items read from the store at once."""

READ_AT_ONCE = 5_000
"""Labels followed in one call, at most."""

PLANTS_SECONDS = 60.0
"""Pause between two looks at what was answered to texts of known label."""

LOOKED_AGAIN = 2_000
"""Texts whose label is compared, at each call, with what the model has come to believe since."""

_WORDS = {number: word for word, number in ANSWERS.items()}
_DIGITS, _WORTH_TELLING = 4, 0.01


class Store(Queue, Ledger, Protocol):
    """The queue with what admins read from it."""


@dataclass
class Followed:
    """What one call did: labels read, labels that the model turned, answers ordered."""

    read: int = 0
    turned: int = 0
    ordered: int = 0


class Labelling:
    """The model beside one queue. Not thread-safe; one call at a time."""

    def __init__(
        self,
        store: Store,
        settings: LabelSettings | None = None,
        *,
        order: Ordering = "split",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Reads nothing yet.

        Args:
            store: the queue of one task.
            settings: priors and costs of the model.
            order: when one more answer is ordered.
            clock: seconds; only differences matter.
        """
        self._clock, self._plants_at = clock, -math.inf
        self._store, self._order = store, order
        self._settings = settings or LabelSettings()
        self._model = AnswerModel(self._settings)
        self._read = 0
        self._fresh: dict[str, Item] = {}
        self._told: dict[str, Judgement] = {}
        self._settled = False
        self._turn: deque[str] = deque()

    def follow(self) -> Followed:
        """Learns from what was answered since the last call, and brings labels up to date.

        Raises:
            StoreUnavailableError: the store does not answer; calling again goes on where this stopped.
        """
        done = Followed()
        self._learn_plants()
        while done.read < READ_AT_ONCE and (items := self._store.labelled(offset=self._read, count=PAGE)):
            for item in items:
                self._learn(item)
                self._fresh[item.new.id] = item
            self._read += len(items)
            done.read += len(items)
        if not self._settled and self.caught_up(done):  # the answers of the past, all at once
            self._model.settle()
            self._settled = True
        for name, item in list(self._fresh.items()):
            belief = self._model.belief(name)
            done.turned += self._judge(item, belief)
            done.ordered += self._ask(item, belief)
            del self._fresh[name]  # only now: what the store refused is tried again
        done.turned += self._look_again()
        return done

    def caught_up(self, followed: Followed) -> bool:
        """Whether nothing was left to read after a call."""
        return followed.read < READ_AT_ONCE

    def _learn(self, item: Item) -> None:
        known = self._model.votes(item.new.id)
        for answer in item.answers:
            if known.get(answer.rater) != ANSWERS[answer.body.answer]:
                self._model.answer(item.new.id, answer.rater, answer.body.answer)

    def _learn_plants(self) -> None:
        """Plants and gold have a label that is known: their answers tell of the raters alone. All are read again.

        Retired gold measures nobody: what it taught is taken back.
        """
        if self._clock() < self._plants_at + PLANTS_SECONDS:
            return
        self._plants_at = self._clock()
        for plant in self._store.plants():
            truth = plant.new.provenance.expected_label
            if plant.retired:
                self._model.forget(plant.new.id)
            elif truth is not None:
                self._model.gold(plant.new.id, "yes" if truth else "no")
                self._learn(plant)

    def _judge(self, item: Item, belief: Belief) -> bool:
        """Puts the model's label in place; whether that turned it."""
        label = belief.label(self._settings)
        if label is None:
            return False
        if item.new.id not in self._told:
            self._turn.append(item.new.id)
        found = _judgement(label, belief, Counter(answer.body.answer for answer in item.answers))
        self._told[item.new.id] = found
        if item.confidence is not None and item.ambiguity is not None:
            said = (item.confidence, item.ambiguity)
            if item.label == label and not _differs(said, (found.confidence, found.ambiguity)):
                return False
        return self._store.relabel(item.new.id, found) and item.label != label

    def _ask(self, item: Item, belief: Belief) -> bool:
        """Orders one more answer where that is wanted, and there is somebody who has not given one."""
        split = len({answer.body.answer for answer in item.answers}) > 1
        if self._order == "never" or (self._order == "split" and not split) or item.state != "done":
            return False
        if len(self._model.raters()) <= len(item.answers) or not wants_more(belief, self._settings):
            return False
        return self._store.order(item.new.id, len(item.answers) + 1, item.new.priority)

    def _look_again(self) -> int:
        """What is known of raters has changed, and labels of theirs may turn without a new answer; how many did."""
        turned = 0
        for _ in range(min(LOOKED_AGAIN, len(self._turn))):
            self._turn.rotate(-1)
            name = self._turn[-1]
            belief, told = self._model.belief(name), self._told[name]
            label = belief.label(self._settings)
            if label is None:
                continue
            found = _judgement(label, belief, Counter(_WORDS[number] for number in self._model.votes(name).values()))
            if label != told.label or _differs((told.confidence, told.ambiguity), (found.confidence, found.ambiguity)):
                self._told[name] = found
                turned += self._store.relabel(name, found) and label != told.label
        return turned


def _differs(said: tuple[float, float], now: tuple[float, float]) -> bool:
    """Whether confidence or ambiguity moved by more than anybody cares about."""
    return any(abs(one - other) >= _WORTH_TELLING for one, other in zip(said, now, strict=True))


def _judgement(label: Label, belief: Belief, said: Counter[str]) -> Judgement:
    confidence = belief.p_yes if label == "yes" else 1 - belief.p_yes if label == "no" else 0.5
    return Judgement(
        label=label,
        confidence=round(confidence, _DIGITS),
        ambiguity=round(belief.ambiguous, _DIGITS),
        yes=said["yes"],
        no=said["no"],
        unsure=said["unsure"],
    )
