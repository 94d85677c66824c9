"""From a fine-tuned encoder and its export to what serves: number formats, calibrations, `encoder.json`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import nn

from ensemble.calibration import Platt, fit_platt
from ensemble.members.encoder import WITH_CONTEXT, EncoderFile, encoder_logits
from ensemble.members.formats import Format
from ensemble.members.windows import WindowTokenizer, highest
from ensemble.scorer import FloatArray
from ensemble.text import LabelledText, Text
from ensemble.training.number_formats import Compared, add_formats
from ensemble.training.parity import torch_outputs

_COMPARED = 300
"""Rows of each label that number formats are compared on where all rows were trained on."""


def finish_encoder(model: nn.Module, directory: Path, rows: Sequence[LabelledText], *, threads: int = 1) -> FloatArray:
    """Adds the number formats that this machine gains by, and calibrates each on its own scores.

    Args:
        model: the fine-tuned classifier that `model.onnx` was exported from.
        directory: holds `model.onnx` and `tokenizer.json`; gets the formats and `encoder.json`.
        rows: calibration rows, none of which the model was fitted on.
        threads: of a forward pass.

    Returns:
        P(yes) of the rows in the format that serves here, shape (rows,).

    Raises:
        ArtifactError: the export does not give torch's numbers.
        InputError: the rows have one label only, or the scores run against it.
    """
    labels = np.array([row.label for row in rows], dtype=np.float64)
    compared = Compared(lambda exported: encoder_logits(exported, rows), torch_logits(model, directory, rows), labels)
    formats, scores = add_formats(directory, compared, threads=threads)
    platts = {name: fit_platt(raw, labels) for name, raw in scores.items()}
    _write(directory, formats.primary, platts)
    return platts[formats.primary](scores[formats.primary])


def finish_crossed(
    model: nn.Module, directory: Path, rows: Sequence[LabelledText], raw: FloatArray, *, threads: int = 1
) -> FloatArray:
    """As `finish_encoder`, for an average of fold models, which has seen every row.

    One calibration, of the rows' held-out logits, serves all formats, and it is through this one that they are
    compared: on rows that a model was fitted on, calibrations of their own would be far too sure.

    Args:
        model: see `finish_encoder`.
        directory: see `finish_encoder`.
        rows: train rows; some of them are compared.
        raw: logit of each row by a model that did not see it, shape (rows,).
        threads: of a forward pass.
    """
    labels = np.array([row.label for row in rows], dtype=np.float64)
    platt = fit_platt(raw, labels)
    some = _some_of_each(labels)
    chosen = [rows[i] for i in some]
    reference = torch_logits(model, directory, chosen)
    compared = Compared(lambda exported: encoder_logits(exported, chosen), reference, labels[some], platt)
    formats, scores = add_formats(directory, compared, threads=threads)
    _write(directory, formats.primary, dict.fromkeys(scores, platt))
    return platt(raw)


def torch_logits(model: nn.Module, directory: Path, texts: Sequence[Text]) -> FloatArray:
    """Raw logits as `members.encoder.encoder_logits` gives them, computed by torch, shape (len(texts),).

    Args:
        model: a classifier.
        directory: holds `tokenizer.json`.
        texts: what to score.
    """
    windows = WindowTokenizer(directory / "tokenizer.json").windows(texts, with_context=WITH_CONTEXT)
    return highest(torch_outputs(model, windows)[:, 0], np.array([window.row for window in windows]))


def _some_of_each(labels: FloatArray) -> NDArray[np.intp]:
    """Indices of at most `_COMPARED` rows of each label, evenly spread."""
    found = []
    for label in (0, 1):
        of = np.flatnonzero(labels == label)
        found.append(of[np.unique(np.linspace(0, len(of) - 1, min(len(of), _COMPARED)).astype(int))])
    return np.sort(np.concatenate(found))


def _write(directory: Path, primary: Format, platts: dict[Format, Platt]) -> None:
    own = platts[primary]
    others = {name: platt for name, platt in platts.items() if name != primary}
    file = EncoderFile.build(directory, own, others=others)
    (directory / "encoder.json").write_text(file.model_dump_json(indent=1), encoding="utf-8")
