"""Scores of labelled rows by models that never saw them: what calibration, the panel's rule and the threshold rest on.

Two ways lead there. Where a task keeps a calibration split, the fitted member scores it. Where it does not, because
labels are too few to put some aside, every train row has a fold, a member is fitted once a fold without it, and each
row is scored by the fit that did not see its fold; the member that serves is fitted on all rows. This is what
scikit-learn calls CalibratedClassifierCV with ensemble=False.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ensemble.errors import InputError
from ensemble.panel import Joint, fit_joint
from ensemble.scorer import FloatArray
from ensemble.tasks.task import Task
from ensemble.text import LabelledText
from ensemble.training.linear import fit_linear

FOLD = "fold"
"""Where in a row's meta its fold stands; groups lie in one fold as a whole."""


@dataclass(frozen=True)
class HeldOut:
    """Members' scores of rows that none of them was fitted on.

    Attributes:
        rows: the n rows.
        members: names of the columns.
        scores: P(yes), shape (n, members); nan where a member has no such score of a row, as its prompt shows it, or as
            asking costs money.
    """

    rows: tuple[LabelledText, ...]
    members: tuple[str, ...]
    scores: FloatArray

    @property
    def complete(self) -> HeldOut:
        """The rows of which every member has a score."""
        known = np.flatnonzero(~np.isnan(self.scores).any(axis=1))
        return HeldOut(tuple(self.rows[int(place)] for place in known), self.members, self.scores[known])

    @property
    def labels(self) -> FloatArray:
        """0 or 1, shape (n,)."""
        return np.array([row.label for row in self.rows], dtype=np.float64)


def held_out_rows(task: Task) -> list[LabelledText]:
    """The rows that calibrate: the calibration split, or all train rows where there is none and they have folds.

    Raises:
        InputError: there is neither.
    """
    rows = task.rows("calibration")
    if rows:
        return rows
    rows = task.rows("train")
    if not all(FOLD in row.meta for row in rows):
        raise InputError(f"task {task.name!r} has neither calibration rows nor folds to calibrate on", field="task")
    return rows


def folds(rows: Sequence[LabelledText]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """(rows to fit on, rows held out) of every fold, as indices; together the held-out ones are all rows."""
    of = np.array([row.meta[FOLD] for row in rows], dtype=np.int64)
    for fold in np.unique(of):
        yield np.flatnonzero(of != fold), np.flatnonzero(of == fold)


def crossed(features: FloatArray, of: NDArray[np.int64], rows: Sequence[LabelledText], strength: float) -> FloatArray:
    """Raw score of every window by a linear model fitted without the folds of its text, shape (m,).

    Args:
        features: shape (m, features), one row a window.
        of: shape (m,), ascending: the text in `rows` that each window belongs to.
        rows: n labelled texts with folds.
        strength: inverse penalty; chosen on the same rows, which is one number of a few, not a fit to their labels.
    """
    scores = np.empty(len(features))
    for fit, held in folds(rows):
        inside, outside = np.isin(of, fit), np.isin(of, held)
        chosen = [rows[i] for i in fit]
        model = fit_linear(features[inside], np.searchsorted(fit, of[inside]), chosen, strength)
        scores[outside] = model(features[outside])
    return scores


def posterior_of(held: HeldOut, joint: Joint) -> FloatArray:
    """The panel's P(yes) of held-out rows, shape (n,); with folds, each by a rule fitted without the row's fold."""
    if not all(FOLD in row.meta for row in held.rows):
        return joint.posterior(held.scores)
    result = np.empty(len(held.rows))
    for fit, out in folds(held.rows):
        rule = fit_joint(held.scores[fit], held.labels[fit], members=joint.members, deployed=joint.deployed)
        result[out] = rule.posterior(held.scores[out])
    return result


def positions(some: Sequence[LabelledText], rows: Sequence[LabelledText]) -> list[int]:
    """Where some of the rows stand among all, both in the same order."""
    place = {id(row): index for index, row in enumerate(rows)}
    return [place[id(row)] for row in some]
