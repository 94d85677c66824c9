"""From a fine-tuned encoder and its export to what serves: number formats, calibrations, `encoder.json`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from torch import nn

from ensemble.calibration import fit_platt
from ensemble.members.encoder import WITH_CONTEXT, EncoderFile, encoder_logits
from ensemble.members.formats import ModelFormats
from ensemble.members.windows import WindowTokenizer, highest
from ensemble.text import LabelledText
from ensemble.training.number_formats import Compared, add_formats
from ensemble.training.parity import torch_outputs


def finish_encoder(
    model: nn.Module, directory: Path, rows: Sequence[LabelledText], *, threads: int = 1
) -> ModelFormats:
    """Adds the number formats that this machine gains by, and calibrates each on its own scores.

    Args:
        model: the fine-tuned classifier that `model.onnx` was exported from.
        directory: holds `model.onnx` and `tokenizer.json`; gets the formats and `encoder.json`.
        rows: calibration rows, none of which the model was fitted on.
        threads: of a forward pass.

    Raises:
        ArtifactError: the export does not give torch's numbers.
        InputError: the rows have one label only, or the scores run against it.
    """
    labels = np.array([row.label for row in rows], dtype=np.float64)
    windows = WindowTokenizer(directory / "tokenizer.json").windows(rows, with_context=WITH_CONTEXT)
    reference = highest(torch_outputs(model, windows)[:, 0], np.array([window.row for window in windows]))
    compared = Compared(lambda exported: encoder_logits(exported, rows), reference, labels)
    formats, scores = add_formats(directory, compared, threads=threads)
    platts = {name: fit_platt(raw, labels) for name, raw in scores.items()}
    file = EncoderFile.build(directory, platts.pop(formats.primary), others=platts)
    (directory / "encoder.json").write_text(file.model_dump_json(indent=1), encoding="utf-8")
    return formats
