"""The signature of everything that brings texts in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from miners.candidate import Candidate, Scored


class Proposer(Protocol):
    """Proposes candidates and is told what became of them; it never scores and never spends the budget.

    Deterministic: the same construction arguments and the same sequence of calls give the same candidates.
    """

    @property
    def name(self) -> str:
        """Name shown to people and kept as provenance source."""

    def propose(self, count: int) -> list[Candidate]:
        """At most `count` new candidates; an empty list means it has nothing more to give."""

    def observe(self, scored: Sequence[Scored]) -> None:
        """Told the verdicts of what it proposed."""

    def state(self) -> dict[str, Any]:
        """Small JSON from which `restore` goes on exactly behind the last proposed candidate."""

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on from `state`."""
