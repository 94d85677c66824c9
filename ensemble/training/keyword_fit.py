"""Fitting the keyword-plus-embedding member."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ensemble.calibration import fit_platt
from ensemble.members.keyword import KeywordFeatures, KeywordFile
from ensemble.members.onnx_text import OnnxTextModel
from ensemble.members.windows import WindowTokenizer
from ensemble.scorer import FloatArray
from ensemble.tasks.task import Task
from ensemble.text import LabelledText
from ensemble.training.bert import LayerMeans, export, load_base, minilm_path
from ensemble.training.embedder_export import finish_embedder
from ensemble.training.held_out import crossed
from ensemble.training.linear import cross_validated, fit_linear
from ensemble.training.parity import PARITY_ROWS, check_parity

STRENGTHS = (0.0003, 0.001, 0.003, 0.01)
"""Inverse penalties tried; there are about as many features as rows, so all are strong."""


def fit_keyword(
    task: Task, train: Sequence[LabelledText], calibration: Sequence[LabelledText], directory: Path, *, threads: int = 1
) -> FloatArray:
    """Exports the embedder, fits the head on `train`, calibrates, writes all into `directory`.

    Args:
        task: brings the lexicon.
        train: rows to fit on; with folds, where there is no calibration split.
        calibration: rows that calibrate; none = `train`, each row scored without its fold.
        directory: the group's folder.
        threads: of the embedder.

    Returns:
        P(yes) of the rows that calibrate, shape (rows,), by a head that did not see them.
    """
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
    raw = features(calibration) @ weight + bias if calibration else crossed(seen, of, train, strength)
    platt = fit_platt(raw, [row.label for row in calibration or train])
    (directory / "keyword.json").write_text(KeywordFile.build(directory, platt).model_dump_json(indent=1))
    return platt(raw)
