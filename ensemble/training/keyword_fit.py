"""Fitting the keyword-plus-embedding member."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ensemble.calibration import fit_platt
from ensemble.members.keyword import KeywordFeatures, KeywordFile
from ensemble.members.onnx_text import OnnxTextModel
from ensemble.members.windows import WindowTokenizer
from ensemble.tasks.task import Task
from ensemble.text import LabelledText
from ensemble.training.bert import LayerMeans, export, load_base, minilm_path
from ensemble.training.embedder_export import finish_embedder
from ensemble.training.linear import cross_validated, fit_linear
from ensemble.training.parity import PARITY_ROWS, check_parity

STRENGTHS = (0.0003, 0.001, 0.003)
"""Inverse penalties tried; there are about as many features as rows, so all are strong."""


def fit_keyword(
    task: Task, train: Sequence[LabelledText], calibration: Sequence[LabelledText], directory: Path, *, threads: int = 1
) -> None:
    """Exports the embedder, fits the head on `train`, calibrates on `calibration`, writes all into `directory`."""
    from safetensors.numpy import save_file

    base = minilm_path()
    embedder = LayerMeans(load_base(base))
    export(embedder, base / "tokenizer.json", directory / "embedder")
    check_parity(embedder, WindowTokenizer(base / "tokenizer.json"), train[:PARITY_ROWS], directory / "embedder")
    finish_embedder(embedder, directory / "embedder", train, calibration, threads=threads)
    (directory / "lexicon.json").write_text(task.lexicon.model_dump_json(indent=1), encoding="utf-8")
    features = KeywordFeatures(task.lexicon, OnnxTextModel(directory / "embedder", threads=threads))
    seen, of = features(train), np.arange(len(train))
    strength, _ = max(cross_validated(seen, of, train, STRENGTHS), key=lambda tried: tried[1])
    weight, bias = fit_linear(seen, of, train, strength).folded()
    save_file({"weight": weight, "bias": np.array([bias])}, directory / "head.safetensors")
    platt = fit_platt(features(calibration) @ weight + bias, [row.label for row in calibration])
    (directory / "keyword.json").write_text(KeywordFile.build(directory, platt).model_dump_json(indent=1))
