"""The service's numbers as Ray metrics, so that they appear at Ray's Prometheus endpoint."""

from __future__ import annotations

from ray.util import metrics as ray_metrics

from service.metrics import ALL, Metric


class RayMetrics:
    """`service.metrics.Metrics` on Ray's exporter; every number is registered at once, so that none is missing."""

    def __init__(self) -> None:
        self._counters = {one: _counter(one) for one in ALL if one.kind == "counter"}
        self._gauges = {one: _gauge(one) for one in ALL if one.kind == "gauge"}
        self._histograms = {one: _histogram(one) for one in ALL if one.kind == "histogram"}

    def add(self, metric: Metric, amount: float = 1.0, **tags: str) -> None:
        """Adds to a counter; Ray refuses to add nothing, so nothing is not added."""
        if amount > 0:
            self._counters[metric].inc(amount, tags=tags)

    def set(self, metric: Metric, value: float, **tags: str) -> None:
        """Sets a gauge."""
        self._gauges[metric].set(value, tags=tags)

    def observe(self, metric: Metric, value: float, **tags: str) -> None:
        """Puts a value into a histogram."""
        self._histograms[metric].observe(value, tags=tags)


def _counter(metric: Metric) -> ray_metrics.Counter:
    return ray_metrics.Counter(metric.name, description=metric.help, tag_keys=metric.tags)


def _gauge(metric: Metric) -> ray_metrics.Gauge:
    return ray_metrics.Gauge(metric.name, description=metric.help, tag_keys=metric.tags)


def _histogram(metric: Metric) -> ray_metrics.Histogram:
    return ray_metrics.Histogram(
        metric.name, description=metric.help, boundaries=list(metric.bounds), tag_keys=metric.tags
    )
