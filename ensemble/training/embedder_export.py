"""From an exported embedder to what serves: its number formats, compared through a linear head."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from torch import nn

from ensemble.calibration import Platt, fit_platt
from ensemble.errors import InputError
from ensemble.members.formats import ModelFormats
from ensemble.members.onnx_text import OnnxTextModel, window_means
from ensemble.members.windows import WindowTokenizer
from ensemble.scorer import FloatArray
from ensemble.text import LabelledText
from ensemble.training.linear import fit_linear
from ensemble.training.number_formats import Compared, add_formats
from ensemble.training.parity import torch_outputs

_HEAD_ROWS = 600
_STRENGTH = 0.001


def finish_embedder(
    model: nn.Module,
    directory: Path,
    train: Sequence[LabelledText],
    calibration: Sequence[LabelledText],
    *,
    threads: int = 1,
) -> ModelFormats:
    """Adds the number formats that this machine gains by.

    Embeddings have no label to be right about, so a linear head of a few train rows reads them, and its scores are
    compared. The member's own head is fitted afterwards, on the format that serves.

    Args:
        model: what `model.onnx` was exported from; its outputs are embeddings.
        directory: holds `model.onnx` and `tokenizer.json`; gets the formats.
        train: rows for that head.
        calibration: rows that are compared; both labels occur. None given = the head's own rows.
        threads: of a forward pass.

    Raises:
        ArtifactError: the export does not give torch's numbers.
    """
    rows = train[:: max(1, len(train) // _HEAD_ROWS)]
    exported = OnnxTextModel(directory, threads=threads, number_format="float32")
    features = exported.mean(rows, with_context=False)
    head = fit_linear(features, np.arange(len(rows)), rows, _STRENGTH)
    platt = None if calibration else _held_out_platt(features, rows)
    others = calibration or rows
    windows = WindowTokenizer(directory / "tokenizer.json").windows(others, with_context=False)
    reference: FloatArray = head(window_means(torch_outputs(model, windows), windows))
    labels = np.array([row.label for row in others], dtype=np.float64)
    compared = Compared(lambda other: head(other.mean(others, with_context=False)), reference, labels, platt)
    return add_formats(directory, compared, threads=threads)[0]


def _held_out_platt(features: FloatArray, rows: Sequence[LabelledText]) -> Platt:
    """Calibration of scores that a head of the other half gives each half of the rows.

    Of its own rows the head is far too sure, which would hide differences.
    """
    labels = np.array([row.label for row in rows])
    half = np.argsort(np.argsort(labels, kind="stable"), kind="stable") % 2  # both labels in both halves
    scores = np.empty(len(rows))
    for this in (0, 1):
        fit, held = np.flatnonzero(half != this), np.flatnonzero(half == this)
        head = fit_linear(features[fit], np.arange(len(fit)), [rows[i] for i in fit.tolist()], _STRENGTH)
        scores[held] = head(features[held])
    try:
        return fit_platt(scores, labels)
    except InputError:  # embeddings that tell nothing of the label; how sure a score is does not matter then
        return fit_platt(fit_linear(features, np.arange(len(rows)), rows, _STRENGTH)(features), labels)
