"""What a drill found out."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from ensemble.evaluation.intervals import clopper_pearson


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class Caught(_Record):
    """How many plants one stage caught.

    Attributes:
        caught: plants caught.
        plants: plants there.
        first: labels given when the first one was caught, counted from 1; None where labels play no part or none was.
    """

    caught: int
    plants: int
    first: int | None = None

    @property
    def share(self) -> float:
        """Caught / plants."""
        return self.caught / self.plants

    @property
    def interval(self) -> tuple[float, float]:
        """Exact 95 % interval of the share (Clopper and Pearson 1934), as if plants were independent of each other."""
        return clopper_pearson(self.caught, self.plants)


class SpotReport(_Record):
    """One blind spot.

    Attributes:
        blind_spot: as on the command line.
        labels: labels to be had.
        miner: plants at the input that the campaign queued.
        ranking: plants among the first `labels` texts when all are ranked.
        raters: plants in the queue that the raters labelled yes.
    """

    blind_spot: str
    labels: int
    miner: Caught
    ranking: Caught
    raters: Caught


class DrillReport(_Record):
    """All blind spots.

    Attributes:
        pool: texts among which plants were hidden.
        sensitivity: of the simulated raters: share of yes texts that one of them calls yes.
        spots: one a blind spot.
    """

    pool: int
    sensitivity: float
    spots: tuple[SpotReport, ...]

    @property
    def miner(self) -> Caught:
        """Of all blind spots together."""
        return _joined([spot.miner for spot in self.spots])

    @property
    def ranking(self) -> Caught:
        """Of all blind spots together."""
        return _joined([spot.ranking for spot in self.spots])

    @property
    def raters(self) -> Caught:
        """Of all blind spots together."""
        return _joined([spot.raters for spot in self.spots])


def _joined(parts: Sequence[Caught]) -> Caught:
    """All together; `first` is that of the slowest, and None where one caught nothing."""
    firsts = [part.first for part in parts]
    slowest = None if None in firsts else max(first for first in firsts if first is not None)
    return Caught(caught=sum(p.caught for p in parts), plants=sum(p.plants for p in parts), first=slowest)
