"""Keeping the measures of independence on labelled texts up to date, beside the requests and never in their way."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Iterator, Mapping, Sequence

import anyio.to_thread

from ensemble.evaluation.independence import Independence, Matrix
from ensemble.scorer import Member
from miners.adjudicated import Adjudicated, LiveIndependence
from miners.errors import QueueError
from miners.queue.protocol import Ledger
from service import metrics as m
from service.metrics import Metric, Metrics

logger = logging.getLogger(__name__)

LIVE_SECONDS = 10.0
"""Pause between two looks at the labels; measuring happens only where there are new ones."""

_Gauge = tuple[Metric, tuple[tuple[str, str], ...], float]


class Live:
    """The newest measures on labelled texts; `refresh` in a thread, one at a time, `report` from anywhere."""

    def __init__(
        self, ledger: Ledger, members: Sequence[Member], *, deployed: str, thresholds: Mapping[str, float]
    ) -> None:
        """Reads nothing yet.

        Args:
            ledger: where labels come from.
            members: of today.
            deployed: name of the member whose failures are hunted.
            thresholds: by member, P(yes) from which it votes yes.
        """
        self._ledger = ledger
        self._table = Adjudicated(members, deployed=deployed, thresholds=thresholds)
        self._report: LiveIndependence | None = None
        self._waiting = -1
        self._shown: dict[tuple[Metric, tuple[tuple[str, str], ...]], float] = {}

    @property
    def report(self) -> LiveIndependence | None:
        """The measures as of the last look; None before the first."""
        return self._report

    def refresh(self, metrics: Metrics) -> None:
        """Looks for new labels, measures where there are any, and publishes.

        Raises:
            QueueError: the store does not answer.
        """
        news, waiting = self._table.follow(self._ledger), self._ledger.counts().waiting
        if news or waiting != self._waiting or self._report is None:
            self._report, self._waiting = self._table.report(waiting), waiting
            self._publish(metrics, self._report)

    def _publish(self, metrics: Metrics, report: LiveIndependence) -> None:
        """Sets the gauges; one whose value can no longer be given becomes nan, which stands for absent."""
        shown = {(metric, tags): value for metric, tags, value in gauges(report)}
        for metric, tags in self._shown.keys() - shown.keys():
            metrics.set(metric, math.nan, **dict(tags))
        for (metric, tags), value in shown.items():
            metrics.set(metric, value, **dict(tags))
        self._shown = shown


async def keep(live: Live, metrics: Metrics, every: float = LIVE_SECONDS) -> None:
    """For ever: refreshes, pauses. While the store is away the last measures stay."""
    while True:
        try:
            await anyio.to_thread.run_sync(live.refresh, metrics)
        except QueueError as error:
            logger.warning("labels cannot be followed now: %s", error)
        except Exception:
            logger.exception("the measures on labelled texts could not be brought up to date")
        await asyncio.sleep(every)


def gauges(report: LiveIndependence) -> Iterator[_Gauge]:
    """Every figure of a report that has a value: metric, tags, value."""
    counts = {
        "used": report.items,
        "unsure": report.unsure,
        "other_versions": report.other_versions,
        "incomplete": report.incomplete,
    }
    for use, count in counts.items():
        yield m.LIVE_ITEMS, (("use", use),), count
    for weights, found in (("none", report.unweighted), ("selection", report.weighted)):
        if found is not None:
            yield from _figures(found, ("weights", weights))


def _figures(found: Independence, by: tuple[str, str]) -> Iterator[_Gauge]:
    yield m.LIVE_MISSES, (by,), found.misses
    yield m.LIVE_DISAGREEING, (by,), found.disagreeing_share
    for metric, value in ((m.LIVE_N_EFF, found.n_eff), (m.LIVE_CAPTURE, found.capture)):
        if value is not None:
            yield metric, (by,), value
    for member, share in found.unique_share.items():
        if share is not None:
            yield m.LIVE_UNIQUE, (("member", member), by), share
    yield from _pairs(m.LIVE_CORRELATION, found.error_correlation, by)
    yield from _pairs(m.LIVE_DOUBLE_FAULT, found.double_fault, by)


def _pairs(metric: Metric, matrix: Matrix, by: tuple[str, str]) -> Iterator[_Gauge]:
    names = list(matrix)
    for i, first in enumerate(names):
        for second in names[i + 1 :]:
            value = matrix[first][second]
            if value is not None:
                yield metric, (("first", first), ("second", second), by), value
