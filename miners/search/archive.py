"""The archive: the best text of every niche, on pyribs.

pyribs keeps the grid and decides who stays; what it cannot do, forgetting an elite, is done by filling it again without
the one. It is imported when the first archive is made, because it brings numba and pandas along.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ensemble.verdict import Verdict
from miners.search.elites import Elite
from miners.search.niches import Grid, niche_of

if TYPE_CHECKING:
    from ribs.archives import CategoricalArchive


class Placed(NamedTuple):
    """What became of a text that was offered.

    Attributes:
        new: nothing stood in its niche.
        gain: by how much the niche's best improved, in [0, 1]; 0 = it was not taken.
    """

    new: bool
    gain: float


class Archive:
    """The elites. Which ones stand in it does not depend on how the offers were grouped into calls."""

    def __init__(self, grid: Grid) -> None:
        """Starts empty.

        Args:
            grid: harms, styles and the deployed member; other members are added as verdicts name them.
        """
        self.grid = grid
        self._cells = _cells(grid)
        self._niches: dict[str, tuple[str, str, str]] = {}

    def __len__(self) -> int:
        return len(self._niches)

    def __contains__(self, text_id: object) -> bool:
        return text_id in self._niches

    @property
    def filled(self) -> int:
        """Niches of texts that the deployed member passes and that are likelier harmful than not."""
        return sum(_failing(elite) for elite in self.elites())

    def elites(self) -> list[Elite]:
        """All elites, by niche."""
        return sorted(self._cells.data("solution"), key=lambda elite: elite.niche)

    def best(self, count: int) -> list[Elite]:
        """The best of the filled niches, best first."""
        return sorted(filter(_failing, self.elites()), key=lambda elite: (-elite.worth.value, elite.niche))[:count]

    def know(self, verdict: Verdict) -> None:
        """Widens the grid by members that it does not know yet; the elites are placed again."""
        named = {*verdict.members, *verdict.degraded, *verdict.skipped} - {self.grid.deployed, *self.grid.others}
        if named:
            elites = self.elites()
            self.grid = replace(self.grid, others=tuple(sorted({*self.grid.others, *named})))
            self._refill(elites)

    def offer(self, elite: Elite) -> Placed:
        """Puts a text into its niche if nothing better stands there; of equals the first stays."""
        occupied, before = self._cells.retrieve_single(elite.niche)
        old: Elite | None = before["solution"] if occupied else None
        status = self._cells.add_single(elite, elite.worth.value, elite.niche)["status"]
        if not status:
            return Placed(new=False, gain=0.0)
        if old is not None:
            self._niches.pop(old.id, None)
        self._niches[elite.id] = elite.niche
        return Placed(new=old is None, gain=elite.worth.value - (old.worth.value if old else 0.0))

    def find(self, text_id: str) -> Elite | None:
        """The elite with this identity."""
        niche = self._niches.get(text_id)
        return None if niche is None else self._cells.retrieve_single(niche)[1]["solution"]

    def replace(self, elite: Elite) -> None:
        """Puts an elite in place of itself, whether it is worth more or less than before."""
        self._refill([other for other in self.elites() if other.id != elite.id] + [elite])

    def remove(self, text_ids: Collection[str]) -> None:
        """Empties the niches of these elites."""
        gone = set(text_ids) & self._niches.keys()
        if gone:
            self._refill([elite for elite in self.elites() if elite.id not in gone])

    def state(self) -> dict[str, Any]:
        """The elites, compressed: JSON behind zlib and Base64, about 0.4 kB each."""
        rows = [elite.model_dump(mode="json") for elite in self.elites()]
        packed = zlib.compress(json.dumps({"others": self.grid.others, "elites": rows}).encode())
        return {"packed": base64.b64encode(packed).decode()}

    def restore(self, state: dict[str, Any]) -> None:
        """The archive as it was."""
        kept = json.loads(zlib.decompress(base64.b64decode(state["packed"])))
        self.grid = replace(self.grid, others=tuple(kept["others"]))
        self._refill(map(Elite.model_validate, kept["elites"]))

    def _refill(self, elites: Iterable[Elite]) -> None:
        """Fills a fresh grid, each elite in the niche that it has there now."""
        placed = [(elite, niche_of(elite.provenance.meta, elite.verdict, self.grid)) for elite in elites]
        self._cells, self._niches = _cells(self.grid), {}
        for elite, niche in placed:
            if niche is not None:
                self.offer(elite if elite.niche == niche else elite.model_copy(update={"niche": niche}))


def _cells(grid: Grid) -> CategoricalArchive:
    from ribs.archives import CategoricalArchive

    return CategoricalArchive(
        solution_dim=(), categories=grid.categories, solution_dtype=object, objective_dtype=np.float64
    )


def _failing(elite: Elite) -> bool:
    return not elite.niche.held and elite.worth.evidence > 0.5
