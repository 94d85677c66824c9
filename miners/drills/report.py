"""What a drill found out."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

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


class Blindness(_Record):
    """What training did to a copy of the deployed member; none of these texts was taught.

    Attributes:
        texts: texts labelled yes in the blind spot.
        passed_before: of these, passed by the deployed member itself.
        passed: of these, passed by the copy.
        elsewhere: texts of the pool, and texts labelled yes outside the blind spot.
        changed: of these, with another decision by the copy.
        moved: mean change of P(yes) on these, in [0, 1].
        steps: gradient steps taken.
        seconds: that the training took.
    """

    texts: int
    passed_before: int
    passed: int
    elsewhere: int
    changed: int
    moved: float
    steps: int
    seconds: float


class SpotReport(_Record):
    """One blind spot.

    Attributes:
        blind_spot: as on the command line.
        labels: labels to be had.
        miner: plants at the input that the campaign queued.
        ranking: plants among the first `labels` texts when all are ranked.
        raters: plants in the queue that the raters labelled yes.
        seen: plants that at least one other member flags.
        missed: plants that are not among the first `labels` texts.
        blindness: of a trained copy; None where the blind spot was wrapped around the deployed member.
    """

    blind_spot: str
    labels: int
    miner: Caught
    ranking: Caught
    raters: Caught
    seen: Caught
    missed: tuple[str, ...] = ()
    blindness: Blindness | None = None


class DrillReport(_Record):
    """All blind spots.

    Attributes:
        pool: texts among which plants were hidden.
        sensitivity: of the simulated raters: share of yes texts that one of them calls yes.
        spots: one a blind spot.
        left_out: blind spots that could not be planted, and why.
    """

    pool: int
    sensitivity: float
    spots: tuple[SpotReport, ...]
    left_out: dict[str, str] = Field(default_factory=dict)

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

    @property
    def seen(self) -> Caught:
        """Of all blind spots together."""
        return _joined([spot.seen for spot in self.spots])


def _joined(parts: Sequence[Caught]) -> Caught:
    """All together; `first` is that of the slowest, and None where one caught nothing."""
    firsts = [part.first for part in parts]
    slowest = None if None in firsts else max(first for first in firsts if first is not None)
    return Caught(caught=sum(p.caught for p in parts), plants=sum(p.plants for p in parts), first=slowest)
