"""Fitting the probe: which layer, which pooling, how strong a penalty, and the weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from ensemble.calibration import fit_platt
from ensemble.members.asking import Pass
from ensemble.members.hashing import file_sha256
from ensemble.members.probe import FILE, KIND, WEIGHTS, Pooling, ProbeFile, pooled
from ensemble.members.prompts import Prompt
from ensemble.text import LabelledText
from ensemble.training.judge_fit import without_shots
from ensemble.training.linear import cross_validated, fit_linear
from ensemble.training.row_reader import RowReader

STRENGTHS = (0.001, 0.003, 0.01)
"""Inverse penalties tried; there are as many features as rows, so all are strong."""

POOLINGS: tuple[Pooling, ...] = ("last", "mean", "both")


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
) -> ProbeFile:
    """Fits on `train`, calibrates on `calibration`, writes `probe/` into `directory`.

    Args:
        reader: what it keeps from the judge's fit is used again; its layers are the ones tried.
        prompt: after which the state is read; the judge's first, so that one pass serves both.
        train: labels and families; rows that the prompt shows are left out.
        calibration: of families that are not in train.
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
    held = reader.read(prompt, calibration)
    raw = linear(pooled(held.hidden[:, reader.layers.index(choice.layer)], choice.pooling))
    file = ProbeFile(
        name=name,
        prompt=prompt,
        layer=choice.layer,
        pooling=choice.pooling,
        calibration=fit_platt(held.highest(raw), [row.label for row in calibration]),
        fingerprint=reader.model.fingerprint,
        precision=reader.model.precision,
        weights_sha256=file_sha256(directory / WEIGHTS),
    ).versioned()
    (directory / FILE).write_text(file.model_dump_json(indent=1), encoding="utf-8")
    return file


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
