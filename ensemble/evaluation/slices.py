"""Quality by slices of the rows, in a way that a small slice's luck is not read as a fact.

Small values are put together, every rate carries its interval and the counts behind it, and whether a slice differs
from all other rows is tested with a correction for how many slices were looked at.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from ensemble.evaluation.independence import BoolArray
from ensemble.evaluation.metrics import Rates, rates
from ensemble.scorer import FloatArray

MIN_ROWS = 20
"""Values with fewer rows are put together."""

MAX_SLICES = 24
"""Values shown on their own, the largest ones; the others are put together."""

FEW = 10
"""A rate with fewer rows behind it is marked: its interval spans half the scale."""

SIGNIFICANT = 0.05
"""Adjusted p-value under which a slice is said to differ."""


class SliceRates(Rates):
    """One column on one slice.

    Attributes:
        fnr_differs: p-value of Fisher's exact test that `fnr` is that of all other rows, adjusted by Holm over the
            slices of the field; None where either side has no yes.
        fpr_differs: the same for `fpr`.
    """

    fnr_differs: float | None = None
    fpr_differs: float | None = None


class Slice(BaseModel):
    """Rows that share a value.

    Attributes:
        name: the value, or what stands for it.
        kind: a value of its own; several small ones together; or rows without the field.
        values: how many values it holds.
        rows, yes: how many rows, and how many of them are labelled yes.
        deployed, panel: how good the deployed member and the panel are here.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    kind: Literal["value", "rest", "missing"]
    values: int
    rows: int
    yes: int
    deployed: SliceRates
    panel: SliceRates


class Slicing(BaseModel):
    """All slices by one field.

    Attributes:
        field: dotted path in the rows' other fields.
        overlapping: whether some row counts in several slices, because its field holds a list.
        slices: values by falling number of rows, numbers in their order; then the small ones together, then the
            rows without the field.
    """

    model_config = ConfigDict(frozen=True)

    field: str
    overlapping: bool
    slices: tuple[Slice, ...]


def slicing(
    field: str,
    names: Sequence[tuple[str, ...]],
    labels: FloatArray,
    *,
    deployed: FloatArray,
    panel: FloatArray,
    thresholds: tuple[float, float],
) -> Slicing:
    """Measures deployed member and panel on every slice of one field.

    Args:
        field: what the rows were sliced by.
        names: slices that each row belongs to, length n; see `fields.slice_names`.
        labels: 0 or 1, shape (n,).
        deployed: the deployed member's P(yes), shape (n,), without nan.
        panel: the panel's P(yes), shape (n,).
        thresholds: of the deployed member, of the panel.
    """
    parts = _parts(names)
    masks = [mask for *_, mask in parts]
    by_deployed = _column(masks, deployed, labels, thresholds[0])
    by_panel = _column(masks, panel, labels, thresholds[1])
    slices = [
        Slice(
            name=name,
            kind=kind,
            values=values,
            rows=int(mask.sum()),
            yes=int((labels[mask] == 1).sum()),
            deployed=by_deployed[i],
            panel=by_panel[i],
        )
        for i, (name, kind, values, mask) in enumerate(parts)
    ]
    return Slicing(field=field, overlapping=any(len(row) > 1 for row in names), slices=tuple(slices))


_Part = tuple[str, Literal["value", "rest", "missing"], int, BoolArray]


def _parts(names: Sequence[tuple[str, ...]]) -> list[_Part]:
    """Name, kind, number of values and rows of every slice."""
    counts = Counter(name for row in names for name in row)
    shown = [name for name, rows in counts.most_common(MAX_SLICES) if rows >= MIN_ROWS]
    rest = set(counts) - set(shown)
    if len(rest) == 1:  # one small value is itself and no group
        shown, rest = shown + sorted(rest), set()
    parts: list[_Part] = [(name, "value", 1, np.array([name in row for row in names])) for name in _in_order(shown)]
    if rest:
        mask = np.array([not rest.isdisjoint(row) for row in names])
        parts.append((f"{len(rest):,} smaller values", "rest", len(rest), mask))
    missing = np.array([not row for row in names])
    if missing.any():
        parts.append(("(none)", "missing", 0, missing))
    return parts


def _in_order(names: list[str]) -> list[str]:
    """Numbers and bands of numbers by size; anything else stays as it is, by falling count."""
    try:
        return sorted(names, key=lambda name: float(name.split(" to ")[0]))
    except ValueError:
        return names


def _column(
    masks: list[BoolArray], probabilities: FloatArray, labels: FloatArray, threshold: float
) -> list[SliceRates]:
    found = [rates(probabilities[mask], labels[mask], threshold) for mask in masks]
    wrong = (probabilities >= threshold) != (labels == 1)
    missed = _holm([_differs(wrong, labels == 1, mask) for mask in masks])
    alarmed = _holm([_differs(wrong, labels != 1, mask) for mask in masks])
    return [
        SliceRates(**each.model_dump(), fnr_differs=fnr, fpr_differs=fpr)
        for each, fnr, fpr in zip(found, missed, alarmed, strict=True)
    ]


def _differs(wrong: BoolArray, among: BoolArray, mask: BoolArray) -> float | None:
    """Fisher's exact p-value that rows within and without err alike; None where one side has no row."""
    from scipy.stats import fisher_exact

    inside, outside = wrong[among & mask], wrong[among & ~mask]
    if not len(inside) or not len(outside):
        return None
    table = [[int(part.sum()), int((~part).sum())] for part in (inside, outside)]
    return float(fisher_exact(table)[1])


def _holm(values: list[float | None]) -> list[float | None]:
    """p-values adjusted for their number by Holm's step-down method; None stays None and does not count."""
    order = sorted((value, i) for i, value in enumerate(values) if value is not None)
    adjusted, highest = list(values), 0.0
    for rank, (value, i) in enumerate(order):
        highest = max(highest, min(1.0, value * (len(order) - rank)))
        adjusted[i] = highest
    return adjusted
