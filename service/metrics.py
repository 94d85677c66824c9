"""Numbers about the running service: what is counted, and a recorder that keeps them in this process.

Tags are few and small (member, group, reason, decision, kind), never ids or texts.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from dataclasses import dataclass, field
from math import isnan
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from ensemble.members.cost import Spent
from miners.queue.types import Counts

if TYPE_CHECKING:
    from service.score_cache import CacheUse

Kind = Literal["counter", "gauge", "histogram"]

SECONDS: Final = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
MOMENTS: Final = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
SIZES: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0)
SHARES: Final = (0.01, 0.03, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9)


@dataclass(frozen=True)
class Metric:
    """One number.

    Attributes:
        name: as exported, e.g. `hungjury_texts`.
        kind: counter (only grows), gauge (now), histogram (distribution over `bounds`, upper bounds of its buckets).
        help: what it counts, and its unit.
        tags: names of its tags, always all given.
    """

    name: str
    kind: Kind
    help: str
    tags: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()


TEXTS = Metric("hungjury_texts", "counter", "Texts scored, by member.", ("member",))
SCORE_SECONDS = Metric("hungjury_member_seconds", "histogram", "Seconds from asking to answer.", ("group",), SECONDS)
STAGE_SECONDS = Metric(
    "hungjury_stage_seconds",
    "histogram",
    "Where a scoring request's seconds go, by stage: read (key, JSON, limits), line (waiting for a turn), members "
    "(asking all groups at once), join, write.",
    ("stage",),
    MOMENTS,
)
MEMBER_STAGE_SECONDS = Metric(
    "hungjury_member_stage_seconds",
    "histogram",
    "Where a group's seconds go, by stage: hop (to its process and back), wait (for a forward pass), forward.",
    ("group", "stage"),
    MOMENTS,
)
FORWARD_SECONDS = Metric("hungjury_forward_seconds", "counter", "Seconds spent in forward passes.", ("group",))
BATCH_TEXTS = Metric("hungjury_batch_texts", "histogram", "Texts in one forward pass.", ("group",), SIZES)
REQUEST_TEXTS = Metric("hungjury_request_texts", "histogram", "Texts in one scoring request.", (), SIZES)
CACHE_HITS = Metric("hungjury_cache_hits", "counter", "Texts answered from a group's cache.", ("group",))
CACHE_MISSES = Metric("hungjury_cache_misses", "counter", "Texts that a group's cache did not know.", ("group",))
CACHE_ENTRIES = Metric("hungjury_cache_entries", "gauge", "Texts in the cache of the replica asked last.", ("group",))
FAILURES = Metric("hungjury_failures", "counter", "Times a group did not answer, by reason.", ("group", "reason"))
VERDICTS = Metric("hungjury_verdicts", "counter", "Verdicts given.", ("decision", "degraded"))
DISAGREEMENT = Metric("hungjury_disagreement", "histogram", "Disagreement of verdicts, 0 to 1.", (), SHARES)
KINDS = Metric("hungjury_disagreement_kinds", "counter", "Verdicts by kind of disagreement.", ("kind",))
GENERATED = Metric("hungjury_generated_texts", "counter", "Texts that the language model wrote.")
CASCADE_TEXTS = Metric(
    "hungjury_cascade_texts", "counter", "Texts that went through the cascade: needed, audited, skipped.", ("outcome",)
)
CASCADE_SAVED = Metric(
    "hungjury_cascade_saved_calls", "counter", "Texts not given to a member, by choice.", ("member",)
)
CASCADE_MISSED = Metric(
    "hungjury_cascade_missed",
    "counter",
    "Change that skipping makes, estimated from audited texts, each counted 1 / audit share times: texts of another "
    "decision, distance of posteriors summed, texts lost from the highest priorities.",
    ("what",),
)
CASCADE_MISSED_SHARE = Metric(
    "hungjury_cascade_missed_share",
    "gauge",
    "The same by text that may be skipped: to be held against the tolerance.",
    ("what",),
)
GROUP_UP = Metric("hungjury_group_up", "gauge", "1 where the group answers, 0 where not.", ("group",))
REFUSED = Metric("hungjury_refused_requests", "counter", "Requests refused, by reason.", ("reason",))
QUEUE_ITEMS = Metric("hungjury_queue_items", "gauge", "Items by state: waiting, done, dead.", ("state",))
QUEUE_LEASED = Metric("hungjury_queue_leases_live", "gauge", "Leases held now.")
QUEUE_LEASES = Metric("hungjury_queue_leases", "gauge", "Leases so far: granted, released, expired.", ("outcome",))
QUEUE_ANSWERS = Metric("hungjury_queue_answers", "gauge", "Answers so far.")
QUEUE_RATERS = Metric("hungjury_queue_raters", "gauge", "Raters that have answered.")
FINDINGS = Metric("hungjury_findings", "gauge", "Findings so far, FN or FP.", ("kind",))
JUDGE_REQUESTS = Metric(
    "hungjury_judge_requests",
    "counter",
    "Requests to a remote judge: answered, failed; retry: repeats.",
    ("member", "kind"),
)
JUDGE_TOKENS = Metric(
    "hungjury_judge_tokens", "counter", "Tokens of a remote judge: input, cached, output.", ("member", "kind")
)
JUDGE_SECONDS = Metric(
    "hungjury_judge_request_seconds", "counter", "Seconds of requests to a remote judge.", ("member",)
)
JUDGE_COST = Metric("hungjury_judge_cost", "counter", "Cost of a remote judge, in its prices' currency.", ("member",))
TRAFFIC_SEEN = Metric("hungjury_traffic_seen", "counter", "Texts scored over HTTP that could have been kept.")
TRAFFIC_DROPPED = Metric(
    "hungjury_traffic_dropped",
    "counter",
    "Texts of live traffic let go, by reason: buffer (no room while the store was slow or away; the probability takes "
    "account of them), cleared (the sample was cleared meanwhile).",
    ("reason",),
)
TRAFFIC_KEPT = Metric("hungjury_traffic_kept", "gauge", "Texts of live traffic kept of the window in progress.")
TRAFFIC_PROBABILITY = Metric(
    "hungjury_traffic_probability", "gauge", "Probability with which a text of the window in progress is kept."
)
QUEUE_UP = Metric("hungjury_queue_up", "gauge", "1 where the queue's store answers, 0 where not.")
LABELS_TURNED = Metric("hungjury_labels_turned", "counter", "Labels that the answer model turned.")
ANSWERS_ORDERED = Metric("hungjury_answers_ordered", "counter", "Answers ordered where one more could turn a label.")
WEBHOOK_ATTEMPTS = Metric(
    "hungjury_webhook_attempts",
    "counter",
    "Findings sent to a webhook, by outcome: delivered, failed.",
    ("host", "outcome"),
)
WEBHOOK_BEHIND = Metric(
    "hungjury_webhook_behind", "gauge", "Changes of findings that a webhook was not told of yet.", ("host",)
)
LIVE_ITEMS = Metric("hungjury_live_items", "gauge", "Labelled texts, by whether measures use them.", ("use",))
LIVE_MISSES = Metric("hungjury_live_misses", "gauge", "Labelled texts that the deployed member missed.", ("weights",))
LIVE_N_EFF = Metric("hungjury_live_n_eff", "gauge", "Effective votes, by errors on labelled texts.", ("weights",))
LIVE_CAPTURE = Metric("hungjury_live_capture", "gauge", "Share of misses that another member flags.", ("weights",))
LIVE_DISAGREEING = Metric(
    "hungjury_live_disagreeing_share", "gauge", "Share of labelled texts on which votes differ.", ("weights",)
)
LIVE_UNIQUE = Metric(
    "hungjury_live_unique_share", "gauge", "Share of misses that this member alone flags.", ("member", "weights")
)
LIVE_CORRELATION = Metric(
    "hungjury_live_error_correlation", "gauge", "Correlation of two members' errors.", ("first", "second", "weights")
)
LIVE_DOUBLE_FAULT = Metric(
    "hungjury_live_double_fault", "gauge", "Share on which both members err.", ("first", "second", "weights")
)
"""Of all `hungjury_live_*`: weights is "none", over labelled texts alone, or "selection", for all texts scored."""

ALL: Final = (
    TEXTS,
    SCORE_SECONDS,
    STAGE_SECONDS,
    MEMBER_STAGE_SECONDS,
    FORWARD_SECONDS,
    BATCH_TEXTS,
    REQUEST_TEXTS,
    CACHE_HITS,
    CACHE_MISSES,
    CACHE_ENTRIES,
    FAILURES,
    VERDICTS,
    DISAGREEMENT,
    KINDS,
    GENERATED,
    CASCADE_TEXTS,
    CASCADE_SAVED,
    CASCADE_MISSED,
    CASCADE_MISSED_SHARE,
    GROUP_UP,
    JUDGE_REQUESTS,
    JUDGE_TOKENS,
    JUDGE_SECONDS,
    JUDGE_COST,
    REFUSED,
    QUEUE_ITEMS,
    QUEUE_LEASED,
    QUEUE_LEASES,
    QUEUE_ANSWERS,
    QUEUE_RATERS,
    FINDINGS,
    QUEUE_UP,
    TRAFFIC_SEEN,
    TRAFFIC_DROPPED,
    TRAFFIC_KEPT,
    TRAFFIC_PROBABILITY,
    LABELS_TURNED,
    ANSWERS_ORDERED,
    WEBHOOK_ATTEMPTS,
    WEBHOOK_BEHIND,
    LIVE_ITEMS,
    LIVE_MISSES,
    LIVE_N_EFF,
    LIVE_CAPTURE,
    LIVE_DISAGREEING,
    LIVE_UNIQUE,
    LIVE_CORRELATION,
    LIVE_DOUBLE_FAULT,
)


class Metrics(Protocol):
    """Takes numbers in; never raises for them, never blocks."""

    def add(self, metric: Metric, amount: float = 1.0, **tags: str) -> None:
        """Adds to a counter."""

    def set(self, metric: Metric, value: float, **tags: str) -> None:
        """Sets a gauge."""

    def observe(self, metric: Metric, value: float, **tags: str) -> None:
        """Puts a value into a histogram."""


@dataclass
class _Distribution:
    count: int = 0
    total: float = 0.0
    buckets: list[int] = field(default_factory=list)


class Recorder:
    """Keeps the numbers in this process. Thread-safe."""

    def __init__(self) -> None:
        self._lock, self._started = threading.Lock(), time.monotonic()
        self._values: dict[Metric, dict[tuple[str, ...], float]] = {}
        self._distributions: dict[Metric, dict[tuple[str, ...], _Distribution]] = {}

    def add(self, metric: Metric, amount: float = 1.0, **tags: str) -> None:
        """Adds to a counter."""
        key = tuple(tags[name] for name in metric.tags)
        with self._lock:
            series = self._values.setdefault(metric, {})
            series[key] = series.get(key, 0.0) + amount

    def set(self, metric: Metric, value: float, **tags: str) -> None:
        """Sets a gauge."""
        with self._lock:
            self._values.setdefault(metric, {})[tuple(tags[name] for name in metric.tags)] = value

    def observe(self, metric: Metric, value: float, **tags: str) -> None:
        """Puts a value into a histogram."""
        key = tuple(tags[name] for name in metric.tags)
        with self._lock:
            empty = _Distribution(buckets=[0] * (len(metric.bounds) + 1))
            series = self._distributions.setdefault(metric, {}).setdefault(key, empty)
            series.count, series.total = series.count + 1, series.total + value
            series.buckets[bisect_left(metric.bounds, value)] += 1

    def value(self, metric: Metric, **tags: str) -> float:
        """Current value of a counter or gauge; 0 where nothing was ever recorded."""
        with self._lock:
            return self._values.get(metric, {}).get(tuple(tags[name] for name in metric.tags), 0.0)

    def snapshot(self) -> dict[str, Any]:
        """Everything as JSON: `{"uptime_seconds": s, "metrics": {name: [{"tags": {...}, ...numbers}]}}`.

        Counters and gauges carry `value`; histograms `count`, `mean` and `buckets` (upper bound -> how many, the last
        one without a bound). A gauge that was set to nan is left out.
        """
        with self._lock:
            plain = {
                metric.name: [
                    {"tags": _tags(metric, key), "value": value} for key, value in series.items() if not isnan(value)
                ]
                for metric, series in self._values.items()
            }
            spread = {
                metric.name: [{"tags": _tags(metric, key), **_shape(metric, d)} for key, d in series.items()]
                for metric, series in self._distributions.items()
            }
        return {"uptime_seconds": time.monotonic() - self._started, "metrics": {**plain, **spread}}


class Both:
    """Hands every number to several recipients, e.g. this process's recorder and the cluster's exporter."""

    def __init__(self, *recipients: Metrics) -> None:
        self._recipients = recipients

    def add(self, metric: Metric, amount: float = 1.0, **tags: str) -> None:
        """Adds to a counter."""
        for recipient in self._recipients:
            recipient.add(metric, amount, **tags)

    def set(self, metric: Metric, value: float, **tags: str) -> None:
        """Sets a gauge."""
        for recipient in self._recipients:
            recipient.set(metric, value, **tags)

    def observe(self, metric: Metric, value: float, **tags: str) -> None:
        """Puts a value into a histogram."""
        for recipient in self._recipients:
            recipient.observe(metric, value, **tags)


def publish_counts(metrics: Metrics, counts: Counts) -> None:
    """The queue's numbers as gauges."""
    for state, items in (("waiting", counts.waiting), ("done", counts.done), ("dead", counts.dead)):
        metrics.set(QUEUE_ITEMS, items, state=state)
    outcomes = {
        "granted": counts.leases_granted,
        "released": counts.leases_released,
        "expired": counts.leases_expired,
    }
    for outcome, leases in outcomes.items():
        metrics.set(QUEUE_LEASES, leases, outcome=outcome)
    metrics.set(QUEUE_LEASED, counts.leased)
    metrics.set(QUEUE_ANSWERS, counts.answers)
    metrics.set(QUEUE_RATERS, counts.raters)
    metrics.set(FINDINGS, counts.findings_fn, kind="FN")
    metrics.set(FINDINGS, counts.findings_fp, kind="FP")


def publish_spent(metrics: Metrics, spent: Spent, member: str) -> None:
    """What a remote judge used since the last time; cached tokens are counted apart from other input."""
    requests = {"answered": spent.requests - spent.failures, "failed": spent.failures, "retry": spent.retries}
    for kind, count in requests.items():
        metrics.add(JUDGE_REQUESTS, count, member=member, kind=kind)
    tokens = {
        "input": spent.input_tokens - spent.cached_tokens,
        "cached": spent.cached_tokens,
        "output": spent.output_tokens,
    }
    for kind, count in tokens.items():
        metrics.add(JUDGE_TOKENS, count, member=member, kind=kind)
    metrics.add(JUDGE_SECONDS, spent.seconds, member=member)
    metrics.add(JUDGE_COST, spent.cost, member=member)


def publish_cache(metrics: Metrics, group: str, use: CacheUse) -> None:
    """What a group's cache did for one request."""
    metrics.add(CACHE_HITS, use.hits, group=group)
    metrics.add(CACHE_MISSES, use.misses, group=group)
    metrics.set(CACHE_ENTRIES, use.entries, group=group)


def _tags(metric: Metric, key: tuple[str, ...]) -> dict[str, str]:
    return dict(zip(metric.tags, key, strict=True))


def _shape(metric: Metric, distribution: _Distribution) -> dict[str, Any]:
    bounds = [*map(str, metric.bounds), "more"]
    return {
        "count": distribution.count,
        "mean": distribution.total / distribution.count,
        "buckets": dict(zip(bounds, distribution.buckets, strict=True)),
    }
