"""The signature of everything that brings texts in, and two more faces that a proposer may have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from miners.candidate import Candidate, Provenance, Scored


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


@dataclass(frozen=True)
class Outcome:
    """What people said of a queued text.

    Attributes:
        text_id: identity of the text.
        text: the text itself.
        context: what it continues.
        provenance: where it came from.
        label: 1 = yes, 0 = no, None = they could not say.
        missed: whether the deployed member passed it and the label is yes.
        severity: mean of those given, 0 to 4; None without one.
    """

    text_id: str
    text: str
    context: str
    provenance: Provenance
    label: int | None
    missed: bool
    severity: float | None = None


@runtime_checkable
class Learns(Protocol):
    """A proposer that goes by what people confirmed."""

    def learn(self, outcomes: Sequence[Outcome]) -> None:
        """Told labels that are new since the last call, also of texts that others proposed, oldest first."""


@runtime_checkable
class Notes(Protocol):
    """A proposer with something to say in the summary.

    Attributes:
        benched: parts of it that failed and were taken out, and why; the rest goes on.
    """

    @property
    def benched(self) -> dict[str, str]:
        """See the class."""

    def notes(self) -> dict[str, Any]:
        """Small JSON."""


@dataclass(frozen=True)
class Cost:
    """What proposing used beside the member calls of scoring.

    Attributes:
        gradient_passes: forward and backward passes of a member's torch twin, one a text; each counts as two calls.
        cpu_seconds: of the proposer's own process.
        model_texts: texts that a language model read or wrote for it, in another process; counted beside the budget.
    """

    gradient_passes: int = 0
    cpu_seconds: float = 0.0
    model_texts: int = 0


@runtime_checkable
class Costs(Protocol):
    """A proposer whose proposals cost something by themselves."""

    def take_cost(self) -> Cost:
        """What it used since the last call."""
