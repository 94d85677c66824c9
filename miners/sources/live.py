"""Texts that the service was asked about: its sample of live traffic, newest window first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ensemble.text import Text
from miners.candidate import Candidate, Provenance, Scored
from miners.errors import StoreUnavailableError
from miners.queue.traffic import Kept, TrafficStore, Window

Patience = Callable[[Callable[[], list[Any]]], list[Any]]
"""Makes a call, again where the store is away for a while."""


class LiveTraffic:
    """Proposes what is kept of live traffic, within a window in an order that is random and says nothing of the text.

    `meta["sampling_probability"]` is the probability with which a distinct text of its window was in the sample when it
    was read; times the probability of selection it weighs an answer for all texts that the service scored, and times
    `meta["times"]` for all its answers. The sample of the window in progress goes on changing, so that only a text's
    own figures are repeatable, not which texts come.
    """

    def __init__(
        self, store: TrafficStore, *, limit: int | None = None, patience: Patience = lambda call: call()
    ) -> None:
        """Reads nothing yet.

        Args:
            store: the sample.
            limit: texts to propose, at most; None = no end but the sample's.
            patience: how long to wait for the store while it is away.
        """
        self._store, self._limit, self._patience = store, limit, patience
        self._window: int | None = None
        self._after, self._taken, self._given = -1, 0, 0

    @property
    def name(self) -> str:
        """Always "live"."""
        return "live"

    def propose(self, count: int) -> list[Candidate]:
        """At most `count` texts; none once every window that there was at the start is read, or at the limit.

        Raises:
            StoreUnavailableError: the store stays away.
        """
        most = count if self._limit is None else min(count, self._limit - self._given)
        found: list[Candidate] = []
        for window in self._patience(self._store.windows) if most > 0 else []:
            if self._window is None or window.window < self._window:
                self._window, self._after, self._taken = window.window, -1, 0
            if window.window == self._window:
                found += self._read(window, most - len(found))
            if len(found) == most:
                break
        self._given += len(found)
        return found

    def observe(self, scored: Sequence[Scored]) -> None:
        """Nothing to learn: the sample is read as it is."""

    def state(self) -> dict[str, Any]:
        """The window in progress, the last key read of it, how many of it, and how many in all."""
        return {"window": self._window, "after": self._after, "taken": self._taken, "given": self._given}

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on behind the last key."""
        self._window = None if state["window"] is None else int(state["window"])
        self._after, self._taken, self._given = int(state["after"]), int(state["taken"]), int(state["given"])

    def expected(self, limit: int) -> int | None:
        """Texts left, up to `limit`; None while the store is away."""
        try:
            windows = self._store.windows()
        except StoreUnavailableError:
            return None
        left = sum(one.kept for one in windows if self._window is None or one.window < self._window)
        left += sum(max(0, one.kept - self._taken) for one in windows if one.window == self._window)
        most = limit if self._limit is None else min(limit, self._limit - self._given)
        return max(0, min(most, left))

    def _read(self, window: Window, count: int) -> list[Candidate]:
        kept: list[Kept] = self._patience(lambda: self._store.read(window.window, after=self._after, count=count))
        if kept:
            self._after, self._taken = kept[-1].key, self._taken + len(kept)
        return [_candidate(one, window) for one in kept]


def _candidate(kept: Kept, window: Window) -> Candidate:
    text = Text(kept.text, kept.context)
    return Candidate(
        text,
        Provenance(
            source="live",
            family=text.id,
            meta={
                "sampling_probability": window.probability,
                "times": kept.times,
                "window": window.begins.isoformat(),
                "scored_at": kept.when.isoformat(timespec="seconds"),
                "served": kept.served,
            },
        ),
    )
