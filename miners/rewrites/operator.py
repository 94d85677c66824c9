"""The signature of everything that rewrites a text, and what a rewrite does to its label."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np

from ensemble.text import LabelledText, Text

Effect = Literal["keeps", "flips", "unknown"]
"""What a rewrite does to the label, by construction: a person would answer as before, the opposite, or who knows."""


class Operator(Protocol):
    """Rewrites one text. Benign texts are rewritten alike: their rewrites are the twins that show over-flagging.

    Deterministic: the same construction arguments, parent and generator state give the same text.
    """

    @property
    def name(self) -> str:
        """One word, or words joined by hyphens; kept in the provenance."""

    @property
    def effect(self) -> Effect:
        """What it does to the label."""

    @property
    def style(self) -> str:
        """How what it writes differs from plain text, in one word that several operators may share: "disguise"."""

    def rewrite(self, parent: LabelledText, rng: np.random.Generator) -> tuple[Text, dict[str, Any]] | None:
        """The rewritten text and what to note of it (small JSON); None where the operator does not apply."""


@runtime_checkable
class DependsOnLabel(Protocol):
    """An operator whose effect is not the same for both labels: a dream takes an injury back, and adds none."""

    def effect_on(self, label: int) -> Effect:
        """What it does to a text of this label; its `effect`, which must hold for both, is "unknown"."""


Made = tuple[Text, dict[str, Any]] | None
"""What an operator made of a text, and its notes; None where it does not apply."""


@runtime_checkable
class Batches(Protocol):
    """An operator that rewrites many texts in one call of its model."""

    def rewrite_all(self, parents: Sequence[LabelledText], rngs: Sequence[np.random.Generator]) -> list[Made]:
        """One answer a parent, in order, each with its own generator; deterministic for the same list."""


@runtime_checkable
class Remembers(Protocol):
    """An operator that would do, and charge, the same work twice if it were made anew in the middle of a campaign."""

    def state(self) -> dict[str, Any]:
        """Small JSON."""

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on from `state`."""


def effect_on(operator: Operator, label: int) -> Effect:
    """What an operator does to a text of this label."""
    return operator.effect_on(label) if isinstance(operator, DependsOnLabel) else operator.effect


def makes_harmful(operator: Operator, label: int) -> bool:
    """Whether an operator could make a harmful text of one with this label: it flips no, and keeps or may keep yes."""
    return (effect_on(operator, label) == "flips") == (label == 0)


def label_after(effect: Effect, label: int) -> int | None:
    """The label of a rewrite by construction; None where it is not known."""
    return {"keeps": label, "flips": 1 - label, "unknown": None}[effect]
