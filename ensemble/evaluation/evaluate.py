"""The report behind `hungjury evaluate`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict

from ensemble.errors import InputError
from ensemble.evaluation.fields import slice_names
from ensemble.evaluation.independence import Independence, independence
from ensemble.evaluation.kinds import KindRates, kind_rates
from ensemble.evaluation.metrics import Quality, check_columns, check_fprs, quality
from ensemble.evaluation.operating import DEFAULT_FPRS, Curve, curve
from ensemble.evaluation.slices import Slicing, slicing
from ensemble.panel import Panel
from ensemble.scorer import FloatArray
from ensemble.text import LabelledText, Text

CHUNK = 64
"""Texts scored between two reports of progress."""


class Curves(BaseModel):
    """Trade-offs of every member and of the panel; None where only one label occurs."""

    model_config = ConfigDict(frozen=True)

    members: dict[str, Curve | None]
    panel: Curve | None


class Report(BaseModel):
    """How good and how independent the members are, on labelled rows.

    Attributes:
        rows, positives: how many rows, and how many of them are labelled yes.
        deployed: the member whose failures are hunted.
        versions: of the members.
        members, panel: quality of each member, and of all together.
        independence: how differently the members err.
        kinds: how often each kind of disagreement occurs, and how often the deployed member is wrong there.
        slices: the deployed member and the panel by parts of the rows, as far as asked for.
        curves: what other thresholds would give; None unless asked for.
    """

    model_config = ConfigDict(frozen=True)

    rows: int
    positives: int
    deployed: str
    versions: dict[str, str]
    members: dict[str, Quality]
    panel: Quality
    independence: Independence
    kinds: tuple[KindRates, ...] = ()
    slices: tuple[Slicing, ...] = ()
    curves: Curves | None = None


def evaluate(
    panel: Panel,
    rows: Sequence[LabelledText],
    *,
    progress: Callable[[int], None] = lambda _: None,
    fprs: Sequence[float] = DEFAULT_FPRS,
    slices: Sequence[str] = (),
    curves: bool = False,
    scored: Callable[[FloatArray], None] = lambda _: None,
) -> Report:
    """Scores labelled rows with every member and measures members, panel and independence.

    Args:
        panel: loaded members and their rule.
        rows: labelled texts; rows that members were trained on flatter them.
        progress: told the number of rows scored so far.
        fprs: shares of false alarms at which misses are measured, each in (0, 1).
        slices: dotted paths in the rows' `meta` to slice by.
        curves: whether the report holds the curves.
        scored: given P(yes), shape (rows, members), before anything is measured, so that a long scoring is not lost.

    Raises:
        InputError: no rows, a share that is none, a field that no row has, or a member that did not answer.
    """
    if not rows:
        raise InputError("no labelled rows to evaluate on", field="label")
    check_fprs(fprs)
    metas = [row.meta for row in rows]
    named = {field: slice_names(metas, field) for field in slices}  # before the long work, so that a typo costs nothing
    labels = np.array([row.label for row in rows], dtype=np.float64)
    probabilities = score_all(panel, rows, progress)
    scored(probabilities)
    return measure(panel, probabilities, labels, fprs=fprs, slices=named, curves=curves)


def score_all(panel: Panel, rows: Sequence[Text], progress: Callable[[int], None] = lambda _: None) -> FloatArray:
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


def measure(
    panel: Panel,
    probabilities: FloatArray,
    labels: FloatArray,
    *,
    fprs: Sequence[float] = DEFAULT_FPRS,
    slices: Mapping[str, Sequence[tuple[str, ...]]] | None = None,
    curves: bool = False,
) -> Report:
    """The report from numbers alone.

    Args:
        panel: whose members and rule they are.
        probabilities: P(yes), shape (rows, members).
        labels: 0 or 1, shape (rows,).
        fprs: as of `evaluate`.
        slices: by field, the slices that each row belongs to.
        curves: as of `evaluate`.

    Raises:
        InputError: no rows, or something that is no probability or no label.
    """
    check_columns(probabilities, labels)
    joint, posterior = panel.joint, panel.joint.posterior(probabilities)
    columns = {name: probabilities[:, i] for i, name in enumerate(joint.members)}
    both = (joint.vote_threshold(joint.deployed), joint.threshold)
    return Report(
        rows=len(labels),
        positives=int(labels.sum()),
        deployed=joint.deployed,
        versions={member.name: member.version for member in panel.members},
        members={
            name: quality(column, labels, joint.vote_threshold(name), fprs=fprs) for name, column in columns.items()
        },
        panel=quality(posterior, labels, joint.threshold, fprs=fprs),
        independence=independence(
            probabilities, labels, members=joint.members, deployed=joint.deployed, threshold=joint.vote_thresholds
        ),
        kinds=kind_rates(
            probabilities, labels, members=panel.members, deployed=joint.deployed, threshold=joint.vote_thresholds
        ),
        slices=tuple(
            slicing(field, names, labels, deployed=columns[joint.deployed], panel=posterior, thresholds=both)
            for field, names in (slices or {}).items()
        ),
        curves=_curves(columns, posterior, labels) if curves else None,
    )


def _curves(columns: Mapping[str, FloatArray], posterior: FloatArray, labels: FloatArray) -> Curves:
    return Curves(
        members={name: curve(column, labels) for name, column in columns.items()}, panel=curve(posterior, labels)
    )
