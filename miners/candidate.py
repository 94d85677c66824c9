"""A text that might be worth a label, where it came from, and what the panel said of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from ensemble.text import Text
from ensemble.verdict import Verdict


class Provenance(BaseModel):
    """Where a candidate came from, enough to make it again.

    Attributes:
        source: name of the proposer, e.g. "corpus:fiction.jsonl", "completions", "rewrite:dilution".
        operators: rewriting operators applied, oldest first.
        parent: identity of the text it was made from, if any.
        family: everything descended from one original shares it; splits never cut through a family.
        campaign: the campaign that proposed it.
        row_id: the caller's id of the corpus row, if any.
        sampled: probability in (0, 1] with which the source drew the text out of all that it stands for; 1 where it
            gives all it has. An item's selection probability is this times that of its round.
        expected_label: what the label is by construction (a label-keeping rewrite of a labelled text), else None.
        meta: what else the source knows (line, prompt, seed); small and JSON.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    operators: tuple[str, ...] = ()
    parent: str | None = None
    family: str
    campaign: str = ""
    row_id: str | None = None
    sampled: float = Field(default=1.0, gt=0.0, le=1.0)
    expected_label: int | None = None
    meta: dict[str, Any] = Field(default_factory=dict)


RESCORE = "rescore"
"""Key of the meta of texts that are proposed again because a member changed version."""


@dataclass(frozen=True)
class Candidate:
    """A proposed text."""

    text: Text
    provenance: Provenance

    @property
    def again(self) -> bool:
        """Whether it was scored before and only wants a new verdict: it is not queued a second time."""
        return self.provenance.meta.get(RESCORE) is True


@dataclass(frozen=True)
class Scored:
    """A candidate with the panel's verdict."""

    candidate: Candidate
    verdict: Verdict


@dataclass(frozen=True)
class Selected:
    """A scored candidate chosen for the queue.

    Attributes:
        priority: place in the queue; higher is served first. Finite.
        parts: the numbers that the priority came from, by name.
        probability: probability q in (0, 1] with which it was selected out of its round.
        why: one line for a person.
    """

    scored: Scored
    priority: float
    probability: float
    why: str
    parts: dict[str, float] = field(default_factory=dict)
