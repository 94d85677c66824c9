"""The gate between rewriting and scoring: near-duplicates and what breaks a constraint do not get through."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensemble.text import Text
from miners.candidate import Candidate
from miners.search.constraint import Checked, Constraint, Spares, similarity


@dataclass(frozen=True)
class Rewrite:
    """A rewrite before it is checked.

    Attributes:
        candidate: the text with its descent.
        original: the text that its chain began with.
        parent: the text that the last operator was applied to.
        operator: name of that operator.
        arm: of the bandit.
    """

    candidate: Candidate
    original: Text
    parent: Text
    operator: str
    arm: str


class Gate:
    """Checks rewrites in blocks, so that constraints with a model can batch.

    Attributes:
        benched: constraints that failed and are no longer asked, and why.
    """

    def __init__(self, constraints: Sequence[Constraint], near_duplicate: float) -> None:
        """Takes the constraints, and the word-triple similarity in (0, 1] from which two texts count as the same."""
        self.benched: dict[str, str] = {}
        self._constraints, self._near = tuple(constraints), near_duplicate

    def check(self, rewrites: Sequence[Rewrite], known: Mapping[str, Sequence[Text]]) -> list[Candidate | None]:
        """For each rewrite the candidate with what was measured of it, or None where it is dropped.

        Args:
            rewrites: a block.
            known: texts that are there already, by family; rewrites of other families are not looked at for nearness.
        """
        keep = self._unlike(rewrites, known)
        found: list[Candidate | None] = [
            item.candidate if here else None for item, here in zip(rewrites, keep, strict=True)
        ]
        for constraint in self._constraints:
            spares = constraint.spares if isinstance(constraint, Spares) else None
            left = [
                place
                for place, candidate in enumerate(found)
                if candidate is not None and not (spares and spares(candidate.provenance.operators))
            ]
            if left and constraint.name not in self.benched:
                checked = self._asked(constraint, [rewrites[place] for place in left])
                for row, place in enumerate(left):
                    found[place] = _measured(found[place], checked, row)
        return found

    def state(self) -> dict[str, Any]:
        """Who is benched."""
        return {"benched": dict(self.benched)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Goes on from there."""
        self.benched = dict(state["benched"])

    def _unlike(self, rewrites: Sequence[Rewrite], known: Mapping[str, Sequence[Text]]) -> list[bool]:
        """Whether each is unlike its parent, those known of its family, and those before it."""
        before: dict[str, list[Text]] = defaultdict(list)
        unlike = []
        for item in rewrites:
            family, text = item.candidate.provenance.family, item.candidate.text
            near = any(
                similarity(text, other) >= self._near
                for other in (item.parent, item.original, *known.get(family, ()), *before[family])
            )
            unlike.append(not near)
            before[family] += [] if near else [text]
        return unlike

    def _asked(self, constraint: Constraint, rewrites: Sequence[Rewrite]) -> Checked:
        """What a constraint says; one that fails is benched and lets everything through."""
        everything = Checked(np.ones(len(rewrites), dtype=np.bool_), {})
        try:
            keep, numbers = constraint.check(
                [item.original for item in rewrites], [item.candidate.text for item in rewrites]
            )
            return Checked(
                _column(keep, len(rewrites)), {name: _column(n, len(rewrites)) for name, n in numbers.items()}
            )
        except Exception as error:  # noqa: BLE001 (whatever a constraint raises, the search goes on without it)
            self.benched[constraint.name] = f"{type(error).__name__}: {error}"
            return everything


def _column(values: NDArray[Any], rows: int) -> NDArray[Any]:
    given = np.asarray(values)
    if given.shape != (rows,):
        raise ValueError(f"gave numbers of shape {given.shape} for {rows} texts")
    return given


def _measured(candidate: Candidate | None, checked: Checked, row: int) -> Candidate | None:
    if candidate is None or not checked.keep[row]:
        return None
    measured = {name: float(values[row]) for name, values in checked.numbers.items()}
    numbers = {name: round(value, 4) for name, value in measured.items() if math.isfinite(value)}
    meta = {**numbers, **candidate.provenance.meta}
    return Candidate(candidate.text, candidate.provenance.model_copy(update={"meta": meta}))
