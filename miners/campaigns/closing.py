"""The closing of a round: compare once more with the queue, select with known probability, enqueue.

What it goes by and what it selects is written down first (`Closing`). Killed at any moment, the campaign enqueues the
same texts again, and finds some or all of them there already. Each item says among its numbers which `round` it is of
and how many texts the round had to select from (`pool`); with its probability these tell rates.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from miners.campaigns.adaptive import Selection
from miners.campaigns.intake import Intake
from miners.campaigns.labels import LabelBook
from miners.campaigns.meaning import RememberedMeaning
from miners.campaigns.neighbours import Neighbours
from miners.campaigns.plan import places
from miners.campaigns.records import Checkpoint, Closing, Order, Pick
from miners.campaigns.scoring import Patience
from miners.campaigns.selection import selection
from miners.campaigns.spec import CampaignSpec
from miners.campaigns.store import Journal
from miners.candidate import Scored, Selected
from miners.errors import ArrivalsError, UnknownItemError
from miners.queue.protocol import Queue
from miners.queue.types import NewItem


class Closer:
    """Closes the rounds of one campaign."""

    def __init__(
        self,
        name: str,
        spec: CampaignSpec,
        *,
        queue: Queue,
        neighbours: Neighbours,
        labels: LabelBook,
        journal: Journal,
        patience: Patience,
        meaning: RememberedMeaning | None = None,
    ) -> None:
        """Touches nothing yet.

        Raises:
            CampaignError: the spec names no strategy that a campaign may use.
        """
        self._name, self._spec, self._select = name, spec, selection(spec.strategy, meaning)
        self._queue, self._neighbours, self._labels = queue, neighbours, labels
        self._journal, self._patience = journal, patience
        self._begun: Closing | None = None

    def load(self, closings: Sequence[Closing], round_: int) -> None:
        """Takes up a closing that was begun and perhaps not ended."""
        self._begun = next((closing for closing in closings if closing.round == round_), None)

    def begin(self, intake: Intake) -> Closing:
        """What the campaign begins with: queue and labels as they are, and nothing to select from.

        Raises:
            CampaignInterruptedError: the store stays away.
        """
        return self._begun or self._look(Checkpoint(round=0), [], intake)

    def close(self, at: Checkpoint, scored: Sequence[Scored], intake: Intake) -> tuple[Closing, list[Selected], int]:
        """Selects and enqueues; what it went by, what of the selection is in the queue now, further answers ordered.

        Raises:
            QueueFullError: the queue has no more room.
            CampaignInterruptedError: the store stays away.
        """
        by_id = {item.candidate.text.id: item for item in scored}
        while True:
            closing = self._begun or self._look(at, scored, intake)
            queued = self._enqueue([pick.selected(by_id) for pick in closing.picks], closing)
            if queued is not None:
                return closing, queued, sum(map(self._ordered, closing.orders))
            self._begun = None  # somebody else was quicker, and nothing of this selection is queued: look again

    def end(self, closing: Closing) -> None:
        """The round is over and a new one is open."""
        self._labels.settle(closing)
        self._neighbours.open_round()
        self._begun = None

    def _look(self, at: Checkpoint, scored: Sequence[Scored], intake: Intake) -> Closing:
        """Looks at queue and labels, selects, and writes all of it down."""
        self._neighbours.follow()
        self._labels.follow()
        withdrawn = self._neighbours.queued_by_others([item.candidate.text for item in scored])
        pool = [item for item in scored if item.candidate.text.id not in withdrawn]
        selection = self._selected(at, pool, intake)
        closing = Closing(
            round=at.round,
            arrived=self._neighbours.looked,
            withdrawn=sorted(withdrawn),
            read=self._labels.read,
            labels=self._labels.pending(),
            pool=len(pool),
            picks=[Pick.of(selected) for selected in selection.selected],
            orders=list(selection.orders),
        )
        self._journal.put_closing(closing)
        self._begun = closing
        return closing

    def _selected(self, at: Checkpoint, pool: Sequence[Scored], intake: Intake) -> Selection:
        if not pool:
            return Selection([])
        free = places(self._spec, at.tally, intake, len(pool))
        rng = np.random.default_rng([self._spec.seed, at.round])
        return self._select(pool, self._labels.answered(), free, self._spec, rng)

    def _enqueue(self, selected: list[Selected], closing: Closing) -> list[Selected] | None:
        """What is in the queue as the campaign's own; None if nothing is and others queued something meanwhile."""
        wanted, looked = selected, closing.arrived
        while True:
            items = [self._item(item, closing) for item in wanted]
            try:
                outcomes = self._patience(lambda items=items, looked=looked: self._queue.enqueue(items, looked=looked))  # type: ignore[misc] # bound by default
            except ArrivalsError:
                self._neighbours.follow()
                if not self._own(selected):
                    return None
                wanted, looked = self._still_new(selected), self._neighbours.looked
            else:
                if any(outcome != "added" for outcome in outcomes):
                    self._neighbours.follow()
                added = {item.id for item, outcome in zip(items, outcomes, strict=True) if outcome == "added"}
                mine = added | self._neighbours.own
                return [item for item in selected if item.scored.candidate.text.id in mine]

    def _ordered(self, order: Order) -> bool:
        """Whether the text is served again; not where raters gave it up, or somebody deleted it, meanwhile."""
        try:
            return self._patience(
                lambda: self._queue.order(order.id, order.needed, order.priority, why=order.why, parts=order.parts)
            )
        except UnknownItemError:
            return False

    def _own(self, selected: Sequence[Selected]) -> set[str]:
        return self._neighbours.own & {item.scored.candidate.text.id for item in selected}

    def _still_new(self, selected: Sequence[Selected]) -> list[Selected]:
        """The selection without what others queued after a part of it was queued, which cannot be decided anew."""
        taken = self._neighbours.queued_by_others([item.scored.candidate.text for item in selected])
        own = self._own(selected)
        return [item for item in selected if (text := item.scored.candidate.text.id) in own or text not in taken]

    def _item(self, selected: Selected, closing: Closing) -> NewItem:
        candidate, verdict = selected.scored.candidate, selected.scored.verdict
        deployed = verdict.members.get(self._spec.deployed)
        return NewItem(
            id=candidate.text.id,
            task=self._spec.task,
            text=candidate.text.text,
            context=candidate.text.context,
            priority=selected.priority,
            needed=self._spec.answers,
            tags=self._spec.tags,
            selection_probability=selected.probability * candidate.provenance.sampled,
            deployed=self._spec.deployed,
            deployed_passed=deployed is not None and deployed.vote == "no",
            verdict=verdict,
            provenance=candidate.provenance,
            why=selected.why,
            parts={**selected.parts, "round": float(closing.round), "pool": float(closing.pool)},
        )
