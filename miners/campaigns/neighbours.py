"""What else is in the queue while a campaign runs: texts that it must not bring again, exactly or nearly.

Campaigns run at the same time, in many processes. Each looks at whatever arrives in the queue, and adds its own texts
only if nothing has arrived that it has not looked at (`Queue.enqueue` with `looked`); else it looks and decides anew.
One of two campaigns that close a round at the same moment therefore always sees what the other one queued.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ensemble.near_duplicates import Sameness, SeenTexts
from ensemble.text import Text
from miners.campaigns.scoring import Patience
from miners.queue.protocol import Ledger
from miners.queue.types import Item

PAGE = 200
"""Items read from the store at once."""


class Neighbours:
    """The texts of the queue, and those that the campaign has seen itself. Not thread-safe.

    Attributes:
        looked: items of the queue looked at, in order of arrival.
        own: identities of the campaign's own texts among those that arrived since the round was opened.
    """

    def __init__(self, ledger: Ledger, campaign: str, threshold: float, patience: Patience) -> None:
        """Has seen nothing yet.

        Args:
            ledger: the queue, read.
            campaign: whose items are not those of others.
            threshold: similarity from which texts count as the same, see `SeenTexts`.
            patience: how long to wait for the store while it is away.
        """
        self._ledger, self._campaign, self._threshold, self._patience = ledger, campaign, threshold, patience
        self._seen = SeenTexts(threshold)
        self._rivals: SeenTexts | None = None
        self.looked = 0
        self.own: set[str] = set()

    def load(self, seen: Iterable[Text], opened: int) -> None:
        """Reads the whole queue; `seen` are the campaign's own texts, `opened` the arrivals when its round began."""
        self._seen.add(seen)
        self._read(opened)

    def follow(self) -> None:
        """Looks at what has arrived since the last call.

        Raises:
            CampaignInterruptedError: the store stays away.
        """
        self._read(0)

    def open_round(self) -> None:
        """A new round begins: what the others have queued so far is no longer compared with texts scored already."""
        self._rivals, self.own = None, set()

    def filter(self, texts: Sequence[Text]) -> list[Sameness]:
        """Which of the proposed texts are new; those count as seen from now on."""
        return self._seen.filter(texts)

    def queued_by_others(self, texts: Sequence[Text]) -> set[str]:
        """Identities of those texts of the round that others have queued since it began, the same or nearly."""
        if self._rivals is None:
            return set()
        found = zip(texts, self._rivals.compare(texts), strict=True)
        return {text.id for text, sameness in found if sameness != "new"}

    def _read(self, opened: int) -> None:
        while page := self._patience(lambda: self._ledger.arrived(offset=self.looked, count=PAGE)):
            recent = page[max(0, opened - self.looked) :]
            others = [item for item in recent if not self._is_own(item)]
            self.own.update(item.new.id for item in recent if self._is_own(item))
            self._seen.add(map(_text, page))
            if others:
                self._rivals = self._rivals or SeenTexts(self._threshold)
                self._rivals.add(map(_text, others))
            self.looked += len(page)

    def _is_own(self, item: Item) -> bool:
        return item.new.provenance.campaign == self._campaign


def _text(item: Item) -> Text:
    return Text(item.new.text, item.new.context)
