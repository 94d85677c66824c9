"""How surely the rewrites of an operator are what they are taken for, by rule at first and then by what people say.

A proposer that picks, of many rewrites, the one that moves a member most also picks those whose label has quietly
changed. So each rewrite counts by what it promises times the share of its operator's texts that held.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from miners.rewrites.operator import Operator, effect_on

_KNOWN = (9.5, 0.5)
"""Held and not, before any label, where the label is known by construction; near `miners.search.objective.KEPT`."""

_UNKNOWN = (1.0, 1.5)
"""The same where only people can say."""


class Trust:
    """Shares of harmful texts among those that were taken for harmful, by operator and the parent's label."""

    def __init__(self) -> None:
        self._said: dict[str, tuple[int, int]] = {}

    def __call__(self, operator: Operator, label: int) -> float:
        """The share expected, in (0, 1): the mean of a Beta posterior."""
        held, not_held = _UNKNOWN if effect_on(operator, label) == "unknown" else _KNOWN
        yes, no = self._said.get(_key(operator.name, label), (0, 0))
        return (held + yes) / (held + not_held + yes + no)

    def answer(self, operator: str, label: int, *, held: bool) -> None:
        """What people said of a rewrite of a text with this label."""
        yes, no = self._said.get(_key(operator, label), (0, 0))
        self._said[_key(operator, label)] = (yes + held, no + (not held))

    def state(self) -> dict[str, Any]:
        """Counts; JSON."""
        return {key: list(said) for key, said in self._said.items()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Goes on with these counts."""
        self._said = {key: (int(yes), int(no)) for key, (yes, no) in state.items()}


def _key(operator: str, label: int) -> str:
    return f"{operator}/{label}"
