"""Labelled rows with what the members said of them, in the form in which `hungjury replay` reads them back."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from typing import Any

from ensemble.panel import Joint
from ensemble.scorer import FloatArray
from ensemble.text import LabelledText

_OF_SCORES = ("posterior",)
"""Fields of a row that scoring gives anew; a row that was scored before carries the old ones in its `meta`."""


def scored_lines(rows: Sequence[LabelledText], joint: Joint, probabilities: FloatArray) -> Iterator[str]:
    """One JSON object a row, in order, each with its line end.

    Args:
        rows: n labelled texts.
        joint: gives the members' names and the posterior.
        probabilities: P(yes), shape (n, members), in `joint.members` order, in [0, 1]; nan where a member was silent,
            which then is not among the row's `members`.
    """
    for row, numbers, posterior in zip(rows, probabilities, joint.posterior(probabilities), strict=True):
        members = {name: float(p) for name, p in zip(joint.members, numbers, strict=True) if not math.isnan(p)}
        yield json.dumps(_record(row, members, float(posterior)), ensure_ascii=False) + "\n"


def _record(row: LabelledText, members: dict[str, float], posterior: float) -> dict[str, Any]:
    meta = {name: value for name, value in row.meta.items() if name not in _OF_SCORES}
    optional = {"context": row.context, "id": row.row_id, "meta": meta}
    given = {name: value for name, value in optional.items() if value}
    return {"text": row.text, **given, "label": row.label, "members": members, "posterior": posterior}
