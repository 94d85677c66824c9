"""How often each kind of disagreement occurs, and how often the deployed member is wrong there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from pydantic import BaseModel, ConfigDict

from ensemble.evaluation.intervals import clopper_pearson
from ensemble.kinds import BoolArray, kind_masks
from ensemble.scorer import FloatArray, Member

AGREEMENT = "agreement"
"""What the rows are called on which all vote alike: what the kinds are to be compared with."""


class KindRates(BaseModel):
    """One kind of disagreement on labelled rows.

    Attributes:
        kind: its name, see `ensemble.kinds`; "agreement" for the rows on which all vote alike.
        rows: rows of this kind.
        share: the same as a share of all rows.
        wrong: of these rows, those on which the deployed member's vote is not the label.
        misses: of the wrong ones, those labelled yes.
        wrong_share: wrong / rows; None without a row.
        wrong_interval: exact 95 % interval of it (Clopper and Pearson 1934); None without a row.
    """

    model_config = ConfigDict(frozen=True)

    kind: str
    rows: int
    share: float
    wrong: int
    misses: int
    wrong_share: float | None
    wrong_interval: tuple[float, float] | None


def kind_rates(
    probabilities: FloatArray, labels: FloatArray, *, members: Sequence[Member], deployed: str, threshold: ArrayLike
) -> tuple[KindRates, ...]:
    """Agreement first, then every kind in the order of `ensemble.kinds.KINDS`; a row can be of several.

    Args:
        probabilities: P(yes), shape (n, members), n >= 1, without nan.
        labels: 0 or 1, shape (n,).
        members: who stands behind each column.
        deployed: name of the deployed member.
        threshold: vote yes from here on; one for all, or shape (members,).
    """
    votes = probabilities >= np.asarray(threshold, dtype=np.float64)
    own = votes[:, [member.name for member in members].index(deployed)]
    masks = {AGREEMENT: (votes == votes[:, :1]).all(axis=1), **kind_masks(votes, members, deployed)}
    return tuple(_rates(kind, mask, own, labels == 1) for kind, mask in masks.items())


def _rates(kind: str, mask: BoolArray, own: BoolArray, yes: BoolArray) -> KindRates:
    rows, wrong, misses = (int(np.sum(mask & part)) for part in (np.True_, own != yes, ~own & yes))
    return KindRates(
        kind=kind,
        rows=rows,
        share=rows / len(mask),
        wrong=wrong,
        misses=misses,
        wrong_share=wrong / rows if rows else None,
        wrong_interval=clopper_pearson(wrong, rows) if rows else None,
    )
