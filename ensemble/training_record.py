"""What an artifact remembers of the data and choices that it was trained with."""

from __future__ import annotations

import numpy as np
from pydantic import BaseModel, ConfigDict

from ensemble.evaluation.intervals import clopper_pearson
from ensemble.scorer import FloatArray


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SplitSize(_Record):
    """Counts of one split."""

    rows: int
    positives: int
    groups: int


class DataRecord(_Record):
    """The rows that came in, and what became of them.

    Attributes:
        source: the file as it was named.
        fingerprint: hash over identity, label, group and split of every row used, in order.
        read: rows in the file, good and bad.
        bad: rows that could not be read, or whose label is neither 0 nor 1.
        unlabelled: rows without a label.
        ungrouped: rows without the field that they were to be split by.
        exact_duplicates: rows left out because the same text stood there with the same label.
        near_duplicates: rows left out because nearly the same text stood there.
        contradictions: rows left out because the same text stood there with the other label.
        twins: pairs of nearly the same text with different labels; kept, in one group.
        held_back: rows left out because a text like them is in a split that the file holds out.
        marked: rows left out because they, or others of their family, are marked hold-out or regression.
        split_by: the field that names the groups; None = clusters of similar texts.
        splits: sizes by split.
    """

    source: str
    fingerprint: str = ""
    read: int = 0
    bad: int = 0
    unlabelled: int = 0
    ungrouped: int = 0
    exact_duplicates: int = 0
    near_duplicates: int = 0
    contradictions: int = 0
    twins: int = 0
    held_back: int = 0
    marked: int = 0
    split_by: str | None = None
    splits: dict[str, SplitSize] = {}


class OperatingPoint(_Record):
    """The threshold, and what it was chosen on: rows that no member was fitted on.

    Attributes:
        wanted_fnr: largest share of yes rows that may be passed, as asked for.
        threshold: posterior from which a text is flagged: the highest that keeps to `wanted_fnr` on these rows.
        fnr: share of their yes rows that it passes.
        fnr_interval: exact 95 % interval of `fnr`; with few yes rows it is wide, whatever was wanted.
        fpr: share of their no rows that it flags.
        positives, negatives: how many of each there were.
    """

    wanted_fnr: float
    threshold: float
    fnr: float
    fnr_interval: tuple[float, float]
    fpr: float
    positives: int
    negatives: int


class TrainingRecord(_Record):
    """How an artifact was trained.

    Attributes:
        members: hash of everything that the members depend on; equal ones need no new fits, whatever the threshold.
        operating: the panel's threshold.
        votes: the members' own, by name, for the same wanted FNR.
        examples: identities of the train rows that the judge may be shown.
    """

    members: str
    data: DataRecord
    operating: OperatingPoint
    votes: dict[str, OperatingPoint] = {}
    examples: tuple[str, ...] = ()


def operating_point(posterior: FloatArray, labels: FloatArray, wanted_fnr: float) -> OperatingPoint:
    """The highest threshold that passes at most the wanted share of the yes rows.

    Args:
        posterior: P(yes), shape (n,).
        labels: 0 or 1, shape (n,), both present.
        wanted_fnr: in [0, 1).
    """
    yes = np.sort(posterior[labels == 1])
    lowest = float(yes[int(wanted_fnr * len(yes) + 1e-9)])  # the lowest score of a yes that must still be flagged
    below = posterior[posterior < lowest]
    # Half-way to the next score down, so that rounding in another batch does not pass the row at the edge.
    threshold = (lowest + float(below.max())) / 2 if len(below) else lowest / 2
    flagged = posterior >= threshold
    misses, negatives = int((~flagged & (labels == 1)).sum()), int((labels == 0).sum())
    return OperatingPoint(
        wanted_fnr=wanted_fnr,
        threshold=threshold,
        fnr=misses / len(yes),
        fnr_interval=clopper_pearson(misses, len(yes)),
        fpr=int((flagged & (labels == 0)).sum()) / negatives,
        positives=len(yes),
        negatives=negatives,
    )
