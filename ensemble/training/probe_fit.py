"""Fitting the probe: which layer, which pooling, how strong a penalty, and the weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np

from ensemble.calibration import fit_platt
from ensemble.members.asking import Pass
from ensemble.members.hashing import file_sha256
from ensemble.members.probe import FILE, KIND, WEIGHTS, Pooling, ProbeFile, pooled
from ensemble.members.prompts import Prompt
from ensemble.scorer import FloatArray
from ensemble.text import LabelledText
from ensemble.training.held_out import crossed, positions
from ensemble.training.judge_fit import without_shots
from ensemble.training.linear import cross_validated, fit_linear
from ensemble.training.row_reader import RowReader

STRENGTHS = (0.001, 0.003, 0.01, 0.03)
"""Inverse penalties tried; there are as many features as rows, so all are strong."""

POOLINGS: tuple[Pooling, ...] = ("last", "mean", "both")


@dataclass(frozen=True)
class FittedProbe:
    """A probe, and its P(yes) of the rows that calibrated it, shape (rows,); nan for rows that its prompt shows."""

    file: ProbeFile
    held_out: FloatArray


@dataclass(frozen=True)
class ProbeChoice:
    """What cross-validation chose, and the AUC it had there."""

    layer: int
    pooling: Pooling
    strength: float
    auc: float


def candidate_layers(depth: int) -> tuple[int, ...]:
    """Layers worth trying: the middle and later ones, where meaning is and next-word spelling is not yet all."""
    return tuple(sorted({max(1, round(depth * share)) for share in (1 / 2, 2 / 3)}))


def fit_probe(
    reader: RowReader,
    prompt: Prompt,
    train: Sequence[LabelledText],
    calibration: Sequence[LabelledText],
    directory: Path,
    *,
    name: str = KIND,
) -> FittedProbe:
    """Fits on `train`, calibrates, writes `probe/` into `directory`.

    Args:
        reader: what it keeps from the judge's fit is used again; its layers are the ones tried.
        prompt: after which the state is read; the judge's first, so that one pass serves both.
        train: labels and families; rows that the prompt shows are left out. With folds, where `calibration` is empty.
        calibration: of families that are not in train; none = `train`, each row scored without its fold.
        directory: the group's folder.
        name: the member's name.
    """
    rows = without_shots(train, [prompt])
    read = reader.read(prompt, rows)
    choice = choose(read, rows, reader.layers)
    features = pooled(read.hidden[:, reader.layers.index(choice.layer)], choice.pooling)
    linear = fit_linear(features, read.rows, rows, choice.strength)
    (directory / WEIGHTS).parent.mkdir(parents=True, exist_ok=True)
    linear.save(directory / WEIGHTS)
    raw = np.full(len(calibration or train), np.nan)
    if calibration:
        held = reader.read(prompt, calibration)
        raw[:] = held.highest(linear(pooled(held.hidden[:, reader.layers.index(choice.layer)], choice.pooling)))
    else:
        raw[positions(rows, train)] = read.highest(crossed(features, read.rows, rows, choice.strength))
    known = ~np.isnan(raw)
    labels = np.array([row.label for row in calibration or train])
    platt = fit_platt(raw[known], labels[known])
    file = ProbeFile(
        name=name,
        prompt=prompt,
        layer=choice.layer,
        pooling=choice.pooling,
        calibration=platt,
        fingerprint=reader.model.fingerprint,
        precision=reader.model.precision,
        weights_sha256=file_sha256(directory / WEIGHTS),
    ).versioned()
    (directory / FILE).write_text(file.model_dump_json(indent=1), encoding="utf-8")
    return FittedProbe(file, platt(raw))


def choose(read: Pass, rows: Sequence[LabelledText], layers: Sequence[int]) -> ProbeChoice:
    """The layer, pooling and penalty with the best AUC over folds that keep families whole.

    Args:
        read: of `rows`, at `layers`.
        rows: labels and families.
        layers: names of the layers in `read.hidden`, in order.
    """
    tried = [
        ProbeChoice(layer, pooling, strength, auc)
        for (place, layer), pooling in product(enumerate(layers), POOLINGS)
        for strength, auc in cross_validated(pooled(read.hidden[:, place], pooling), read.rows, rows, STRENGTHS)
    ]
    return max(tried, key=lambda choice: choice.auc)
