"""The operators at work: one that raises, gives rubbish or gives nothing any more is benched, named, and left alone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ensemble.text import LabelledText, Text, is_readable
from miners.errors import SourceError
from miners.proposer import Costs
from miners.rewrites.operator import Operator
from miners.search.lineage import effect_on

_PATIENCE = 200
"""Texts in a row of which an operator makes nothing before it is benched."""

_MOST_NOTES = 4_000
_EFFECTS = ("keeps", "flips", "unknown")
_LABELS = (0, 1)


class Workshop:
    """Operators by name, each guarded.

    Attributes:
        benched: those taken out, and why.
        gradient_passes: that operators have reported since this was last set to 0.
    """

    def __init__(self, operators: Sequence[Operator]) -> None:
        """Takes the operators; one whose attributes are not what they should be is benched at once.

        Raises:
            SourceError: none is given, or two share a name.
        """
        self.benched: dict[str, str] = {}
        self.gradient_passes = 0
        self._misses: dict[str, int] = {}
        self._operators: dict[str, Operator] = {}
        for place, operator in enumerate(operators):
            name = getattr(operator, "name", None)
            known = name if isinstance(name, str) and name else f"operator {place + 1}"
            if known in self._operators:
                raise SourceError(f"two operators are called {known!r}")
            self._operators[known] = operator
            try:
                _check(operator)
            except Exception as error:  # noqa: BLE001 (as when it rewrites)
                self.benched[known] = f"{type(error).__name__}: {error}"
        if not self._operators:
            raise SourceError("a search needs at least one operator")

    @property
    def active(self) -> list[Operator]:
        """Operators that are not benched, in the order given."""
        return [operator for name, operator in self._operators.items() if name not in self.benched]

    @property
    def styles(self) -> list[str]:
        """Their styles."""
        return [operator.style for operator in self.active]

    def rewrite(
        self, operator: Operator, parent: LabelledText, rng: np.random.Generator
    ) -> tuple[Text, dict[str, Any]] | None:
        """What the operator makes of a text; None where it does not apply, gives nothing readable, or is benched."""
        name = operator.name
        try:
            made = operator.rewrite(parent, rng)
            if isinstance(operator, Costs):
                self.gradient_passes += operator.take_cost().gradient_passes
            checked = None if made is None else _checked(made)
        except Exception as error:  # noqa: BLE001 (whatever an operator raises, the search goes on without it)
            self.benched[name] = f"{type(error).__name__}: {error}"
            return None
        usable = checked if checked and is_readable(checked[0]) and checked[0].id != parent.id else None
        self._misses[name] = 0 if usable else self._misses.get(name, 0) + 1
        if self._misses[name] >= _PATIENCE:
            self.benched[name] = f"made nothing of its last {_PATIENCE} texts"
        return usable

    def state(self) -> dict[str, Any]:
        """Who is benched, and how often in a row each gave nothing."""
        return {"benched": self.benched, "misses": self._misses}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Goes on from there."""
        self.benched, self._misses = dict(state["benched"]), dict(state["misses"])


def _check(operator: Operator) -> None:
    """Looks whether an operator has what it should."""
    for field, word in (("name", operator.name), ("style", operator.style)):
        if not (isinstance(word, str) and word):
            raise TypeError(f"its {field} is no word")
    if any(effect_on(operator, label) not in _EFFECTS for label in _LABELS):
        raise ValueError(f"its effect is none of {', '.join(_EFFECTS)}")
    if not callable(operator.rewrite):
        raise TypeError("it cannot rewrite")


def _checked(made: object) -> tuple[Text, dict[str, Any]]:
    if not (isinstance(made, tuple) and len(made) == 2 and isinstance(made[0], Text) and isinstance(made[1], dict)):
        raise TypeError("gave something that is no text with notes")
    text, notes = made
    if not (isinstance(text.text, str) and isinstance(text.context, str)):
        raise TypeError("gave a text that is no string")
    if len(json.dumps(notes, allow_nan=False)) > _MOST_NOTES:
        raise ValueError(f"its notes are longer than {_MOST_NOTES:,} characters")
    return Text(text.text, text.context), notes
