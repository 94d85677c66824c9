"""The operators at work: one that raises, gives rubbish or gives nothing any more is benched, named, and left alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ensemble.text import LabelledText, Text, is_readable
from miners.errors import SourceError
from miners.proposer import Cost, Costs
from miners.rewrites.operator import Batches, Made, Operator, Remembers, effect_on

_PATIENCE = 200
"""Texts in a row of which an operator makes nothing before it is benched."""

_MOST_NOTES = 4_000
_EFFECTS = ("keeps", "flips", "unknown")
_LABELS = (0, 1)


class Workshop:
    """Operators by name, each guarded.

    Attributes:
        benched: those taken out, and why.
        gradient_passes, model_texts: that operators have reported since `take_cost`.
    """

    def __init__(self, operators: Sequence[Operator], *, patience: int | None = _PATIENCE) -> None:
        """Takes the operators; one whose attributes are not what they should be is benched at once.

        Args:
            operators: in the order in which they are to be known.
            patience: texts in a row of which an operator makes nothing before it is benched; None = no end.

        Raises:
            SourceError: none is given, or two share a name.
        """
        self.benched: dict[str, str] = {}
        self.gradient_passes = self.model_texts = 0
        self._misses: dict[str, int] = {}
        self._patience = patience
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
            raise SourceError("rewriting needs at least one operator")

    @property
    def active(self) -> list[Operator]:
        """Operators that are not benched, in the order given."""
        return [operator for name, operator in self._operators.items() if name not in self.benched]

    def active_of(self, name: str) -> Operator | None:
        """The operator of a name; None where there is none, or it is benched."""
        return None if name in self.benched else self._operators.get(name)

    @property
    def styles(self) -> list[str]:
        """Their styles."""
        return [operator.style for operator in self.active]

    def rewrite(self, operator: Operator, parent: LabelledText, rng: np.random.Generator) -> Made:
        """What the operator makes of a text; None where it does not apply, gives nothing readable, or is benched."""
        return self._guarded(operator, [parent], lambda: [operator.rewrite(parent, rng)])[0]

    def rewrite_all(
        self, operator: Operator, parents: Sequence[LabelledText], rngs: Sequence[np.random.Generator]
    ) -> list[Made]:
        """The same for many texts, in one call of the operator where it can."""
        if isinstance(operator, Batches):
            return self._guarded(operator, parents, lambda: operator.rewrite_all(parents, rngs))
        return [self.rewrite(operator, parent, rng) for parent, rng in zip(parents, rngs, strict=True)]

    def take_cost(self) -> Cost:
        """What operators used since the last call."""
        cost = Cost(self.gradient_passes, model_texts=self.model_texts)
        self.gradient_passes = self.model_texts = 0
        return cost

    def _guarded(
        self, operator: Operator, parents: Sequence[LabelledText], make: Callable[[], Sequence[Made]]
    ) -> list[Made]:
        """What an operator makes, as far as it is of use; nothing from one that is benched."""
        nothing: list[Made] = [None] * len(parents)
        if operator.name in self.benched:
            return nothing
        try:
            made = make()
            self._charge(operator)
            checked = [None if one is None else _checked(one) for one, _ in zip(made, parents, strict=True)]
        except Exception as error:  # noqa: BLE001 (whatever an operator raises, the rest goes on without it)
            self.benched[operator.name] = f"{type(error).__name__}: {error}"
            return nothing
        return [self._usable(operator.name, one, parent) for one, parent in zip(checked, parents, strict=True)]

    def _charge(self, operator: Operator) -> None:
        if isinstance(operator, Costs):
            cost = operator.take_cost()
            self.gradient_passes += cost.gradient_passes
            self.model_texts += cost.model_texts

    def _usable(self, name: str, checked: Made, parent: LabelledText) -> Made:
        usable = checked if checked and is_readable(checked[0]) and checked[0].id != parent.id else None
        self._misses[name] = 0 if usable else self._misses.get(name, 0) + 1
        if self._patience is not None and self._misses[name] >= self._patience:
            self.benched[name] = f"made nothing of its last {self._patience} texts"
        return usable

    def state(self) -> dict[str, Any]:
        """Who is benched, how often in a row each gave nothing, and what operators themselves remember."""
        own = {operator.name: operator.state() for operator in self.active if isinstance(operator, Remembers)}
        return {"benched": dict(self.benched), "misses": dict(self._misses), "operators": own}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Goes on from there."""
        self.benched, self._misses = dict(state["benched"]), dict(state["misses"])
        for operator in self.active:
            if isinstance(operator, Remembers) and operator.name in state["operators"]:
                operator.restore(state["operators"][operator.name])


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
