"""Making one rewrite: which operator, of what kind of parent, of which parent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from miners.rewrites.operator import Made, Operator, makes_harmful
from miners.rewrites.workshop import Workshop
from miners.search.bandit import Bandit
from miners.search.elites import Elite
from miners.search.gate import Rewrite
from miners.search.lineage import Parent
from miners.search.parents import (
    BENIGN,
    ELITE,
    FINDING,
    SEED,
    Elites,
    Findings,
    Seeds,
    parent_of,
)

DROPPED_COST = 0.5
"""What a rewrite that comes to nothing before it is scored counts for with the bandit, in member calls."""

GRADIENT_COST = 2.0
"""A gradient pass in member calls, as the budget counts it."""


_BENIGN_TRIES = 4
"""Benign texts that an operator may pass over at once; to look at one costs next to nothing."""

_LABELS = {SEED: 1, BENIGN: 0}


def arm_of(operator: str, origin: str) -> str:
    """The bandit's arm: an operator and the kind of parent it is applied to."""
    return f"{operator}@{origin}"


class _Choice(NamedTuple):
    operator: Operator
    origin: str
    elites: Sequence[Elite] = ()
    findings: Sequence[Parent] = ()

    @property
    def arm(self) -> str:
        return arm_of(self.operator.name, self.origin)


class Maker:
    """Makes rewrites; what it knows of the past lies in the parts it was given."""

    def __init__(
        self, workshop: Workshop, seeds: Seeds, findings: Findings, bandit: Bandit, *, depth: int, tries: dict[str, int]
    ) -> None:
        """Takes the parts.

        Args:
            workshop: the operators.
            seeds: labelled texts, as parents.
            findings: misses that people confirmed, as parents.
            bandit: chooses among the arms, and is told what making cost.
            depth: operators in a chain, at most.
            tries: how often each elite was rewritten; kept up here.
        """
        self._workshop, self._seeds, self._findings, self._bandit = workshop, seeds, findings, bandit
        self._depth, self._tries = depth, tries

    def make(self, elites: Elites, rng: np.random.Generator) -> Rewrite | None:
        """One rewrite; None where no operator is left, or the one chosen made nothing of its parent."""
        choices = [choice for operator in self._workshop.active for choice in self._choices(operator, elites)]
        if not choices:
            return None
        chosen = choices[self._bandit.choose([(choice.arm, choice.operator.name) for choice in choices], rng)]
        passes = self._workshop.gradient_passes
        parent, made = self._made(chosen, elites, rng)
        cost = GRADIENT_COST * (self._workshop.gradient_passes - passes) + (DROPPED_COST if made is None else 0.0)
        if cost:
            self._bandit.credit(chosen.arm, promised=0.0, cost=cost)
        if made is None:
            return None
        candidate = parent.child(made[0], chosen.operator, made[1], chosen.origin)
        return Rewrite(candidate, parent.original, parent.text, chosen.operator.name, chosen.arm)

    def _made(self, chosen: _Choice, elites: Elites, rng: np.random.Generator) -> tuple[Parent, Made]:
        """A parent and what became of it; of benign texts several are tried, since few are fit to be made harmful."""
        for _ in range(_BENIGN_TRIES if chosen.origin == BENIGN else 1):
            parent = self._parent(chosen, elites, rng)
            made = self._workshop.rewrite(chosen.operator, parent.text, rng)
            if made is not None:
                break
        return parent, made

    def _choices(self, operator: Operator, elites: Elites) -> list[_Choice]:
        """The kinds of parent that an operator has now."""
        found = []
        for origin, label in _LABELS.items():
            if self._seeds.has(label) and makes_harmful(operator, label):
                found.append(_Choice(operator, origin))
        if fitting := elites.fitting(operator, self._depth):
            found.append(_Choice(operator, ELITE, elites=fitting))
        if makes_harmful(operator, 1) and (known := self._findings.fitting(operator, self._depth)):
            found.append(_Choice(operator, FINDING, findings=known))
        return found

    def _parent(self, chosen: _Choice, elites: Elites, rng: np.random.Generator) -> Parent:
        if chosen.origin in _LABELS:
            return self._seeds.draw(_LABELS[chosen.origin], chosen.operator.style, elites.filled, rng)
        if chosen.origin == FINDING:
            return chosen.findings[int(rng.integers(len(chosen.findings)))]
        elite = elites.draw(chosen.elites, chosen.operator.style, rng)
        self._tries[elite.id] = self._tries.get(elite.id, 0) + 1
        return parent_of(elite, self._seeds, self._findings)
