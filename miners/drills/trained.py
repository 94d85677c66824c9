"""A trained blind spot: a copy of the deployed member learned to pass such texts, on rows that are never planted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ensemble.errors import InputError
from ensemble.panel import Joint
from ensemble.scorer import FloatArray
from ensemble.text import LabelledText, Text
from miners.drills.blind_spot import FEWEST_PLANTS, BlindSpot
from miners.drills.report import Blindness


@dataclass(frozen=True)
class Copied:
    """What a trained copy of the deployed member says where the drill takes place.

    Attributes:
        pool: its P(yes) of the pool, shape (pool,).
        unsafe: of the texts labelled yes, shape (unsafe,).
        steps: gradient steps that it took to blind it.
        seconds: that these took.
    """

    pool: FloatArray
    unsafe: FloatArray
    steps: int
    seconds: float


def halves(rows: Sequence[LabelledText], seed: int) -> tuple[list[LabelledText], list[LabelledText]]:
    """Labelled rows in two: those to teach a copy, and those that may be planted; each label alike in both."""
    rng = np.random.default_rng(seed)
    taught: set[int] = set()
    for label in (0, 1):
        of = [place for place, row in enumerate(rows) if row.label == label]
        taught.update(of[i] for i in rng.permutation(len(of))[: len(of) // 2])
    return [rows[i] for i in sorted(taught)], [row for i, row in enumerate(rows) if i not in taught]


def train_copy(
    encoder: Path,
    spot: BlindSpot,
    teaching: Sequence[LabelledText],
    pool: Sequence[Text],
    unsafe: Sequence[Text],
    *,
    threshold: float,
    seed: int,
    progress: Callable[[float], None] = lambda _: None,
) -> Copied:
    """Trains a copy of the encoder to be blind to a spot, and asks it about the texts of a drill.

    Args:
        encoder: its folder in the artifact; only read.
        spot: what it shall not see.
        teaching: labelled rows, none of which is planted; those of the spot labelled yes are taught as no, the answers
            to the others are held.
        pool: texts among which plants hide.
        unsafe: texts that may be planted.
        threshold: P(yes) from which the deployed member votes yes.
        seed: of the training.
        progress: told the share of the most steps it may take.

    Raises:
        InputError: too few rows of the spot to learn it from.
    """
    from ensemble.training.blinding import blind_copy

    hidden = [row.label == 1 and spot.covers(row) for row in teaching]
    copy = blind_copy(
        encoder,
        [row for row, out in zip(teaching, hidden, strict=True) if out],
        [row for row, out in zip(teaching, hidden, strict=True) if not out],
        threshold=threshold,
        seed=seed,
        progress=progress,
    )
    return Copied(copy.score(pool), copy.score(unsafe), copy.steps, copy.seconds)


def missed_by(copied: Copied, within: Sequence[int], spot: BlindSpot, threshold: float) -> list[int]:
    """Of the texts in the spot those that the copy passes: they are planted.

    Raises:
        InputError: they are too few.
    """
    passed = [i for i in within if copied.unsafe[i] < threshold]
    if len(passed) < FEWEST_PLANTS:
        raise InputError(
            f"the copy trained to be blind to {spot} passes {len(passed)} of {len(within)} such texts, and a drill "
            f"needs {FEWEST_PLANTS}; give more rows by --data, or use --how wrapped"
        )
    return passed


def blindness_of(
    copied: Copied, within: Sequence[int], pool_scores: FloatArray, unsafe_scores: FloatArray, joint: Joint
) -> Blindness:
    """How blind the copy became, and how much its answers changed elsewhere.

    Args:
        copied: the copy's answers.
        within: places of the unsafe texts that lie in the spot.
        pool_scores: P(yes) by the real members, shape (pool, members).
        unsafe_scores: the same of the unsafe texts.
        joint: names the deployed member.
    """
    column, threshold = joint.members.index(joint.deployed), joint.vote_threshold(joint.deployed)
    inside = np.zeros(len(unsafe_scores), dtype=np.bool_)
    inside[list(within)] = True
    real = np.concatenate([pool_scores[:, column], unsafe_scores[~inside, column]])
    ours = np.concatenate([copied.pool, copied.unsafe[~inside]])
    return Blindness(
        texts=int(inside.sum()),
        passed_before=int((unsafe_scores[inside, column] < threshold).sum()),
        passed=int((copied.unsafe[inside] < threshold).sum()),
        elsewhere=len(real),
        changed=int(((real < threshold) != (ours < threshold)).sum()),
        moved=float(np.abs(real - ours).mean()),
        steps=copied.steps,
        seconds=copied.seconds,
    )
