"""Earlier attacks and findings, so that an attack that was made already is seen before it is handed in.

Both are read from the queue as they come, in order of arrival and of labels; those orders only grow at their ends.
"""

from __future__ import annotations

import threading

from pydantic import BaseModel, ConfigDict

from ensemble.near_duplicates import SeenTexts
from ensemble.text import Text
from miners.attack.submission import SOURCE
from miners.queue.protocol import Ledger
from miners.queue.types import FindingKind, Item

PAGE = 200
_SHOWN = 400
"""Characters of an earlier text that are kept to be shown."""


class Earlier(BaseModel):
    """An earlier text that is nearly the same.

    Attributes:
        item_id: its identity.
        kind: a finding of that kind, else an attack that waits for its label or turned out to be none.
        similarity: estimated Jaccard similarity of word triples, 0 to 1.
        text: how it begins.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    item_id: str
    kind: FindingKind | None
    similarity: float
    text: str


class EarlierTexts:
    """The attacks and findings of one queue. Thread-safe."""

    def __init__(self, ledger: Ledger, threshold: float) -> None:
        """Has read nothing yet; `threshold` is the similarity from which a text is pointed out, see `SeenTexts`."""
        self._ledger, self._seen = ledger, SeenTexts(threshold)
        self._known: dict[str, tuple[FindingKind | None, str]] = {}
        self._arrived = self._labelled = 0
        self._lock = threading.Lock()

    def follow(self, pages: int) -> bool:
        """Reads on, at most so many pages; whether everything is read.

        Raises:
            QueueError: the store does not answer; what was read is kept.
        """
        with self._lock:
            for _ in range(pages):
                arrived = self._ledger.arrived(offset=self._arrived, count=PAGE)
                labelled = self._ledger.labelled(offset=self._labelled, count=PAGE)
                for item in (*arrived, *labelled):
                    self._take(item)
                self._arrived += len(arrived)
                self._labelled += len(labelled)
                if len(arrived) < PAGE and len(labelled) < PAGE:
                    return True
            return False

    def nearest(self, text: Text, *, besides: str | None = None) -> Earlier | None:
        """The most alike of the earlier texts, but for the one that the attack began with; None if there is none."""
        with self._lock:
            found = self._seen.nearest(text, besides=() if besides is None else (besides,))
            if found is None:
                return None
            kind, shown = self._known[found[0]]
        return Earlier(item_id=found[0], kind=kind, similarity=found[1], text=shown)

    def _take(self, item: Item) -> None:
        new = item.new
        if new.plant or (new.provenance.source != SOURCE and item.finding is None and new.id not in self._known):
            return  # raters must learn nothing of plants, and attackers neither
        self._known[new.id] = (item.finding, new.text[:_SHOWN])
        self._seen.add([Text(new.text, new.context)])
