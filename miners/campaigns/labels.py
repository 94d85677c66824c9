"""What people say of queued texts, followed while a campaign runs.

Labels come at any time, but a campaign that is killed and resumed must end as if it had run through. So labels are read
whenever there is time, and count from the next closing of a round on, which writes down what it went by before anything
follows from it (`miners.campaigns.records.Closing`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from miners.campaigns.records import Closing, Said
from miners.campaigns.scoring import Patience
from miners.campaigns.spec import Findings
from miners.proposer import Outcome
from miners.queue.labels import mean_severity
from miners.queue.protocol import Ledger
from miners.queue.types import Item, NewItem

PAGE = 200
"""Items read from the store at once."""

MOST_LABELS = 20_000
"""Labelled texts remembered; beyond it the first labelled is forgotten."""

_LABELS = {"yes": 1, "no": 0}


@dataclass(frozen=True)
class Answered:
    """A queued text and what was said of it.

    Attributes:
        ordered: answers that the campaign has ordered for it, in all; 0 = none.
    """

    new: NewItem
    said: Said
    ordered: int = 0

    @property
    def waits(self) -> bool:
        """Whether further answers are wanted already."""
        return 0 < self.said.votes < max(self.new.needed, self.ordered)


class LabelBook:
    """The labels of one task's queue, as one campaign has come to know them. Not thread-safe."""

    def __init__(self, ledger: Ledger, campaign: str, patience: Patience) -> None:
        """Knows nothing yet.

        Args:
            ledger: the queue, read.
            campaign: whose findings are counted.
            patience: how long to wait for the store while it is away.
        """
        self._ledger, self._campaign, self._patience = ledger, campaign, patience
        self._texts: dict[str, NewItem] = {}
        self._settled: dict[str, Said] = {}
        self._pending: list[Said] = []
        self._own: dict[str, str] = {}
        self._ordered: dict[str, int] = {}
        self.read = 0

    @property
    def findings(self) -> Findings:
        """What was said of the campaign's own texts so far."""
        kinds = list(self._own.values())
        return Findings(labelled=len(kinds), fn=kinds.count("FN"), fp=kinds.count("FP"))

    def load(self, closings: Sequence[Closing], round_: int) -> None:
        """Goes on behind what was written down: the closings up to the round in progress, which may be among them."""
        read = max((closing.read for closing in closings), default=0)
        for item in self._pages(0, read):
            self._note(item)
        for closing in closings:
            self._pending += closing.labels
            if closing.round < round_:
                self.settle(closing)
        self.read = read

    def follow(self) -> None:
        """Reads the labels that were set or changed since the last call.

        Raises:
            CampaignInterruptedError: the store stays away.
        """
        for item in self._pages(self.read, None):
            self._note(item)
            self._pending.append(_said(item))
            self.read += 1

    def pending(self) -> list[Said]:
        """Labels read since the last closing, oldest first."""
        return list(self._pending)

    def settle(self, closing: Closing) -> None:
        """A round is closed: what it went by is pending no more."""
        self._settled.update({said.id: said for said in closing.labels if said.id in self._texts})
        self._pending = self._pending[len(closing.labels) :]
        self._ordered.update({order.id: order.needed for order in closing.orders})

    def answered(self) -> list[Answered]:
        """Every labelled text that is remembered, in the order of their first labels, each with its newest."""
        said = self._settled | {each.id: each for each in self._pending}
        return [
            Answered(self._texts[each.id], each, self._ordered.get(each.id, 0))
            for each in said.values()
            if each.id in self._texts
        ]

    def outcomes(self, closing: Closing) -> list[Outcome]:
        """What proposers are told at this closing, oldest first; not what only confirms a label."""
        known, told = dict(self._settled), []
        for said in closing.labels:
            before, known[said.id] = known.get(said.id), said
            if said.id in self._texts and (before is None or before.label != said.label):
                told.append(_outcome(self._texts[said.id], said))
        return told

    def _pages(self, start: int, end: int | None) -> Iterator[Item]:
        at = start
        while end is None or at < end:
            count = PAGE if end is None else min(PAGE, end - at)
            page = self._patience(lambda at=at, count=count: self._ledger.labelled(offset=at, count=count))  # type: ignore[misc] # bound by default
            yield from page
            at += len(page)
            if len(page) < count:
                return

    def _note(self, item: Item) -> None:
        self._texts[item.new.id] = _as_marked(item)
        if len(self._texts) > MOST_LABELS:
            forgotten = next(iter(self._texts))
            del self._texts[forgotten]
            self._settled.pop(forgotten, None)
        if item.new.provenance.campaign == self._campaign:
            self._own[item.new.id] = item.finding or ""


def _as_marked(item: Item) -> NewItem:
    """The item with its family's mark as its split, so that no prompt holds what is kept out of training."""
    if item.mark is None:
        return item.new
    origin = item.new.provenance
    marked = origin.model_copy(update={"meta": {**origin.meta, "split": item.mark}})
    return item.new.model_copy(update={"provenance": marked})


def _said(item: Item) -> Said:
    bodies = [answer.body for answer in item.answers]
    votes = Counter(body.answer for body in bodies)
    return Said(
        id=item.new.id,
        label=item.label or "unsure",
        severity=mean_severity(bodies),
        missed=item.finding == "FN",
        yes=votes["yes"],
        no=votes["no"],
        unsure=votes["unsure"],
    )


def _outcome(new: NewItem, said: Said) -> Outcome:
    return Outcome(
        text_id=new.id,
        text=new.text,
        context=new.context,
        provenance=new.provenance,
        label=_LABELS.get(said.label),
        missed=said.missed,
        severity=said.severity,
    )
