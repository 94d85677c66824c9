"""The report behind `hungjury evaluate`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict

from ensemble.errors import InputError
from ensemble.evaluation.independence import Independence, independence
from ensemble.evaluation.metrics import Quality, quality
from ensemble.panel import Panel
from ensemble.scorer import FloatArray
from ensemble.text import LabelledText

CHUNK = 64
"""Texts scored between two reports of progress."""


class Report(BaseModel):
    """How good and how independent the members are, on labelled rows."""

    model_config = ConfigDict(frozen=True)

    rows: int
    positives: int
    members: dict[str, Quality]
    panel: Quality
    independence: Independence


def evaluate(panel: Panel, rows: Sequence[LabelledText], *, progress: Callable[[int], None] = lambda _: None) -> Report:
    """Scores labelled rows with every member and measures members, panel and independence.

    Args:
        panel: loaded members and their rule.
        rows: labelled texts; rows that members were trained on flatter them.
        progress: told the number of rows scored so far.

    Raises:
        InputError: no rows.
    """
    if not rows:
        raise InputError("no labelled rows to evaluate on", field="label")
    return measure(panel, score_all(panel, rows, progress), np.array([row.label for row in rows], dtype=np.float64))


def score_all(
    panel: Panel, rows: Sequence[LabelledText], progress: Callable[[int], None] = lambda _: None
) -> FloatArray:
    """P(yes), shape (rows, members), scored in chunks.

    Raises:
        InputError: a member did not answer, so that its numbers would be of other rows than the rest.
    """
    parts = []
    for start in range(0, len(rows), CHUNK):
        parts.append(panel.probabilities(rows[start : start + CHUNK]))
        progress(min(start + CHUNK, len(rows)))
    probabilities = np.vstack(parts)
    silent = [member.name for i, member in enumerate(panel.members) if np.isnan(probabilities[:, i]).any()]
    if silent:
        raise InputError(f"{', '.join(silent)} did not answer; evaluate again when every member is up")
    return probabilities


def measure(panel: Panel, probabilities: FloatArray, labels: FloatArray) -> Report:
    """The report from probabilities, shape (rows, members), and labels, shape (rows,)."""
    joint = panel.joint
    return Report(
        rows=len(labels),
        positives=int(labels.sum()),
        members={
            name: quality(probabilities[:, column], labels, joint.threshold)
            for column, name in enumerate(joint.members)
        },
        panel=quality(joint.posterior(probabilities), labels, joint.threshold),
        independence=independence(
            probabilities, labels, members=joint.members, deployed=joint.deployed, threshold=joint.threshold
        ),
    )
