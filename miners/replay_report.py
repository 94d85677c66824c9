"""What a back-test found, in numbers and in sentences."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

OURS, CHANCE = "adaptive", "random"


class Found(BaseModel):
    """What one strategy finds.

    Attributes:
        found: failures found, mean over the seeds, by labels spent.
        interval: 95 % intervals of the same.
        labels_for_80: labels until 80 % of the failures are found; None where the budget does not reach that far.
        curve: pairs of labels spent and failures found on average.
        by_seed: failures found by each seed, by labels spent.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    found: dict[str, float]
    interval: dict[str, tuple[float, float]]
    labels_for_80: float | None
    curve: list[tuple[float, float]]
    by_seed: dict[str, list[int]]


class Replay(BaseModel):
    """A back-test.

    Attributes:
        rows: labelled rows.
        passed: of these, how many the deployed member passes; strategies choose among them.
        failures: passed rows labelled yes.
        deployed: the member whose failures are hunted.
        threshold: P(yes) from which it flags.
        members: all members.
        posterior: where the panel's posterior came from.
        features: what the learners know of the texts beside the members' numbers.
        labels: labels spent.
        seeds: runs of each strategy.
        batch: labels between two looks at the answers.
        strategies: by name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: int
    passed: int
    failures: int
    deployed: str
    threshold: float
    members: list[str]
    posterior: str
    features: str
    labels: int
    seeds: int
    batch: int
    strategies: dict[str, Found]

    @property
    def budgets(self) -> list[str]:
        """The budgets of which figures are told, rising."""
        return list(next(iter(self.strategies.values())).found)

    @property
    def base_rate(self) -> float:
        """Share of failures among the passed texts, in (0, 1]."""
        return self.failures / self.passed

    def by_chance(self, found: float) -> float:
        """Labels that random picks need on average for as many failures (negative hypergeometric)."""
        return found * (self.passed + 1) / (self.failures + 1)


def saving(report: Replay) -> str:
    """What the best use of the labels saves against picking at random, in one sentence for a manager."""
    name = OURS if OURS in report.strategies else max(report.strategies, key=lambda each: _last(report, each))
    found = _last(report, name)
    start = f"With {report.labels:,} labels {name} finds {_count(found)} of {report.failures:,} failures"
    if name == CHANCE:
        return f"{start}; only picking at random was tried, so there is nothing to compare it with."
    needed = report.by_chance(found)
    if needed <= report.labels:
        return f"{start}, no more than picking at random finds: it saves nothing here."
    saved = needed - report.labels
    return (
        f"{start}; picking at random takes about {round(needed):,} labels for as many, so {round(saved):,} labels"
        f" ({saved / needed:.0%} of the work) are saved: {_time(saved)} at a minute a label."
    )


def _last(report: Replay, name: str) -> float:
    return report.strategies[name].found[str(report.labels)]


def _count(value: float) -> str:
    return f"{value:.0f}" if value >= 10 or value == round(value) else f"{value:.1f}"


def _time(minutes: float) -> str:
    if minutes < 90:
        return f"{max(1, round(minutes))} minute{'s' if round(minutes) > 1 else ''}"
    return f"{minutes / 60:.0f} hours"
