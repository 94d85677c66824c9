"""Labelled rows as a pool to replay on: who passed, what was missed, and what each row brings along."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensemble.calibration import logit, sigmoid
from ensemble.errors import InputError
from ensemble.row_checks import Row
from ensemble.text import Text
from miners.acquisition.strategy import FloatArray, IntArray, Pool

ROWS, PANEL, MEAN_LOGIT = "rows", "panel", "mean of the members' logits"
"""Where a posterior may come from."""

_SEVERITY = (0, 4)


@dataclass(frozen=True)
class Labelled:
    """The texts that the deployed member passed, with what people would say of them.

    Attributes:
        pool: the n passed texts.
        labels: 0 or 1, shape (n,); 1 is a failure.
        severity: 0 to 4, nan where unknown, shape (n,).
        texts: as they are read, context before text, length n.
        rows: labelled rows, passed or not.
        unscored: rows of which the deployed member has no probability; they count as flagged.
        posterior: where the posterior came from.
    """

    pool: Pool
    labels: FloatArray
    severity: FloatArray
    texts: Sequence[str]
    rows: int
    unscored: int
    posterior: str

    @property
    def failures(self) -> int:
        """Texts labelled yes that were passed."""
        return int(self.labels.sum())


@dataclass
class Gathered:
    """Labelled rows put into columns one at a time, so that no row is kept longer than it is read.

    Attributes:
        texts: what is judged.
        labels: 0 or 1.
        members: P(yes) by member, or nothing where a row has none.
        posteriors: the panel's P(yes), nan where a row has none.
        severities: 0 to 4, nan where a row has none.
        origins: where a row says it came from; empty where it does not.
        embeddings: what rows carry under `embedding`; None where a row has none.
    """

    texts: list[Text] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    members: list[dict[str, float]] = field(default_factory=list)
    posteriors: list[float] = field(default_factory=list)
    severities: list[float] = field(default_factory=list)
    origins: list[str] = field(default_factory=list)
    embeddings: list[NDArray[np.float32] | None] = field(default_factory=list)
    _width: int | None = None

    def add(self, row: Row) -> None:
        """Takes a row in.

        Raises:
            InputError: it has no label, or what it brings along is no probability, severity or embedding.
        """
        if row.label is None:
            raise InputError("has no label; replay needs to know what people would say", field="label")
        posterior = _number(row.meta, "posterior", 0.0, 1.0)
        severity = _number(row.meta, "severity", *_SEVERITY)
        embedding = self._embedding(row.meta.get("embedding"))
        self.texts.append(row.as_text())
        self.labels.append(row.label)
        self.members.append(row.members)
        self.posteriors.append(posterior)
        self.severities.append(severity)
        self.origins.append(str(row.meta.get("origin", "")))
        self.embeddings.append(embedding)

    def _embedding(self, value: object) -> NDArray[np.float32] | None:
        if value is None:
            return None
        try:
            found = np.asarray(value, dtype=np.float32)
        except (TypeError, ValueError):
            raise InputError("must be an array of numbers", field="embedding") from None
        if found.ndim != 1 or not np.isfinite(found).all():
            raise InputError("must be a flat array of finite numbers", field="embedding")
        if self._width is not None and len(found) != self._width:
            raise InputError(f"has {len(found)} numbers where earlier rows have {self._width}", field="embedding")
        self._width = len(found)
        return found


def _number(meta: dict[str, Any], name: str, low: float, high: float) -> float:
    """What a row brings along under a name, nan where it does not."""
    value = meta.get(name)
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise InputError(f"must be a number from {low:g} to {high:g}, not {value!r:.40}", field=name)
    return float(value)


@dataclass(frozen=True)
class Table:
    """All rows' numbers.

    Attributes:
        members: names of the columns.
        probabilities: P(yes), shape (rows, members); nan where a row has none.
        posterior: P(yes), shape (rows,).
        source: where the posterior came from.
        thresholds: P(yes) from which each member votes yes, shape (members,).
    """

    members: tuple[str, ...]
    probabilities: FloatArray
    posterior: FloatArray
    source: str
    thresholds: FloatArray


def carried(gathered: Gathered, threshold: float) -> Table:
    """The numbers that rows carry themselves; every member votes from `threshold` on.

    Raises:
        InputError: a row carries none.
    """
    counts = Counter(name for row in gathered.members for name in row)
    if missing := sum(not row for row in gathered.members):
        raise InputError(f"{missing:,} of {len(gathered.members):,} rows carry no members", field="members")
    names = tuple(counts)
    table = np.array([[row.get(name, np.nan) for name in names] for row in gathered.members], dtype=np.float64)
    posterior, source = stacked(gathered, table)
    return Table(names, table, posterior, source, np.full(len(names), threshold))


def stacked(gathered: Gathered, table: FloatArray) -> tuple[FloatArray, str]:
    """The rows' own posteriors where all bring one, else the mean of the members' logits.

    The mean weighs all members alike. It is not fitted to anything, and only its order and rough size mean something.
    """
    given = np.array(gathered.posteriors)
    if not np.isnan(given).any():
        return given, ROWS
    known = ~np.isnan(table)
    total = np.where(known, logit(table), 0.0).sum(axis=1)
    return sigmoid(total / np.maximum(known.sum(axis=1), 1)), MEAN_LOGIT


def to_replay(gathered: Gathered, table: Table, deployed: str | None, threshold: float | None) -> Labelled:
    """The passed ones among the rows.

    Args:
        gathered: the rows.
        table: their numbers.
        deployed: the member whose failures are hunted; the first one by default.
        threshold: P(yes) from which it flags; its own vote by default.

    Raises:
        InputError: no such member, or nothing to find.
    """
    name = deployed or table.members[0]
    if name not in table.members:
        raise InputError(f"{name!r} is not among the members of the rows: {', '.join(table.members)}", field="deployed")
    column, thresholds = table.members.index(name), table.thresholds.copy()
    thresholds[column] = thresholds[column] if threshold is None else threshold
    scores, labels = table.probabilities[:, column], np.array(gathered.labels, dtype=np.float64)
    passed = np.flatnonzero(scores < thresholds[column])
    _refuse_hopeless(labels, passed, name, float(thresholds[column]))
    return Labelled(
        pool=Pool(
            probabilities=table.probabilities[passed],
            members=table.members,
            deployed=name,
            thresholds=thresholds,
            posterior=table.posterior[passed],
            features=_embeddings(gathered, passed),
            origins=[gathered.origins[i] for i in passed],
        ),
        labels=labels[passed],
        severity=np.array(gathered.severities)[passed],
        texts=[f"{text.context} {text.text}".strip() for text in (gathered.texts[i] for i in passed)],
        rows=len(labels),
        unscored=int(np.isnan(scores).sum()),
        posterior=table.source,
    )


def _refuse_hopeless(labels: FloatArray, passed: IntArray, deployed: str, threshold: float) -> None:
    where = f"{deployed} at threshold {threshold:.4g}"
    if not len(passed):
        raise InputError(f"{where} passes none of {len(labels):,} rows, so nothing can be missed; raise the threshold")
    if not labels[passed].any():
        raise InputError(
            f"{where} passes {len(passed):,} of {len(labels):,} rows and none of these is labelled yes: there is no"
            " failure to find; raise the threshold or take other rows"
        )


def _embeddings(gathered: Gathered, passed: IntArray) -> NDArray[np.float32]:
    """What the rows carry, shape (n, d); d = 0 where not all do."""
    found = [gathered.embeddings[i] for i in passed]
    known = [each for each in found if each is not None]
    if len(known) < len(found):
        return np.zeros((len(found), 0), dtype=np.float32)
    return np.stack(known)


def with_features(labelled: Labelled, features: NDArray[np.float32]) -> Labelled:
    """The same with features, shape (n, d)."""
    return replace(labelled, pool=replace(labelled.pool, features=features))
