"""Preparing a task: from its folder to a sealed artifact with fitted, calibrated members and the panel's rule."""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ensemble.artifacts import JOINT, Artifact, Manifest, current_artifact, seal
from ensemble.calibration import fit_platt
from ensemble.errors import ArtifactError
from ensemble.evaluation.evaluate import evaluate
from ensemble.home import artifacts_dir
from ensemble.members.encoder import EncoderFile, encoder_logits
from ensemble.members.hashing import file_sha256, version_of
from ensemble.members.onnx_text import OnnxTextModel
from ensemble.members.specs import DEFAULT_MEMBERS, MemberSpecs
from ensemble.panel import Panel, fit_joint
from ensemble.scorer import FloatArray, Scorer
from ensemble.tasks.task import Task
from ensemble.training.apart import Apart

RECIPE = 2
"""Raised whenever the way of fitting changes, so that older artifacts are prepared anew."""

_PACKAGES = ("torch", "transformers", "onnxruntime-gpu", "onnxruntime", "scikit-learn", "numpy", "tokenizers")

Progress = Callable[[str, float], None]
"""Told the step's name and the share of it that is done, 0 to 1."""


def prepare(
    task: Task,
    specs: MemberSpecs = DEFAULT_MEMBERS,
    *,
    progress: Progress = lambda _step, _share: None,
    seed: int = 0,
    force: bool = False,
) -> Artifact:
    """Fits every member on the task's train split and calibrates on its calibration split; test rows only measure.

    Args:
        task: a task with seed rows in all three splits.
        specs: which members, and which language model.
        progress: see `Progress`.
        seed: fixes all that is drawn at random.
        force: prepare even where the current artifact was made from the same inputs.

    Returns:
        The artifact now in use; at once when one made from the same inputs is current.

    Raises:
        ArtifactError: a step cannot be done; the message says what to do.
    """
    fingerprint = _fingerprint(task, specs, seed)
    existing = None if force else _current(task.name)
    if existing is not None and existing.manifest.fingerprint == fingerprint:
        return existing
    directory = Path(tempfile.mkdtemp(prefix=".preparing-", dir=artifacts_dir(task.name)))
    try:
        return _prepare_in(directory, task, specs, fingerprint, seed, progress)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def is_prepared(task: Task, specs: MemberSpecs = DEFAULT_MEMBERS, *, seed: int = 0) -> bool:
    """Whether `prepare` with the same arguments would return at once."""
    existing = _current(task.name)
    return existing is not None and existing.manifest.fingerprint == _fingerprint(task, specs, seed)


def _prepare_in(
    directory: Path, task: Task, specs: MemberSpecs, fingerprint: str, seed: int, progress: Progress
) -> Artifact:
    from ensemble.training.judge_group import prepare_judges

    encoder = Apart(fit_encoder_group, directory / "encoder", task, seed)
    try:
        _fit_keyword(directory / "keyword", task, progress)
        judges = prepare_judges(directory, task, specs, seed=seed, progress=progress)
        encoder.wait(lambda share: progress("fine-tuning the encoder", share))
    finally:
        encoder.stop()
    scorers = _load(directory, judges.language_model)
    panel = _fit_panel(directory, task, scorers, judges.scores, specs.deployed, progress)
    progress("measuring on the test split", 0.0)
    report = evaluate(panel, task.rows("test"))
    progress("measuring on the test split", 1.0)
    panel.close()
    manifest = Manifest(
        task=task.name,
        fingerprint=fingerprint,
        seed=seed,
        files={},
        groups={name: tuple((m.name, m.kind, m.version) for m in s.members) for name, s in scorers.items()},
        language_model=judges.language_model,
        metrics=report.model_dump(),
        packages=_packages(),
    )
    return seal(directory, manifest)


def fit_encoder_group(directory: Path, task: Task, seed: int, *, progress: Callable[[float], None]) -> None:
    """Fine-tunes and calibrates the encoder into its folder; see `encoder_fit.fit_encoder`."""
    from ensemble.training.encoder_fit import fit_encoder

    fit_encoder(task.rows("train"), directory, seed=seed, progress=progress)
    rows = task.rows("calibration")
    logits = encoder_logits(OnnxTextModel(directory, threads=_threads()), rows)
    platt = fit_platt(logits, [row.label for row in rows])
    (directory / "encoder.json").write_text(EncoderFile.build(directory, platt).model_dump_json(indent=1))


def _fit_keyword(directory: Path, task: Task, progress: Progress) -> None:
    from ensemble.training.keyword_fit import fit_keyword

    progress("fitting the keyword member", 0.0)
    fit_keyword(task, task.rows("train"), task.rows("calibration"), directory, threads=_threads())
    progress("fitting the keyword member", 1.0)


def _load(directory: Path, language_model: str | None) -> dict[str, Scorer]:
    """Scorers of the groups just fitted, before there is a manifest."""
    from ensemble.members.loading import load_fitted

    groups = [path.name for path in sorted(directory.iterdir()) if path.is_dir()]
    return {g: load_fitted(g, directory / g, language_model, threads=_threads()) for g in groups}


def _fit_panel(
    directory: Path,
    task: Task,
    scorers: dict[str, Scorer],
    known: dict[str, FloatArray],
    deployed: str,
    progress: Progress,
) -> Panel:
    """Fits the joint rule; `known` holds the groups' scores of the calibration rows as far as they are at hand."""
    step = "joining the members"
    progress(step, 0.0)
    rows = task.rows("calibration")
    names = [member.name for scorer in scorers.values() for member in scorer.members]
    columns = np.column_stack([known[g] if g in known else scorer.score(rows) for g, scorer in scorers.items()])
    labels = np.array([row.label for row in rows], dtype=np.float64)
    joint = fit_joint(columns, labels, members=names, deployed=deployed, threshold=task.header.threshold)
    (directory / JOINT).write_text(joint.model_dump_json(indent=1), encoding="utf-8")
    progress(step, 1.0)
    return Panel(list(scorers.values()), joint)


def _threads() -> int:
    """All cores: nothing else runs while members are prepared."""
    return os.cpu_count() or 1


def _current(task: str) -> Artifact | None:
    try:
        return current_artifact(task)
    except ArtifactError:
        return None


def _fingerprint(task: Task, specs: MemberSpecs, seed: int) -> str:
    files = {path.name: file_sha256(path) for path in sorted(task.path.iterdir()) if path.is_file()}
    return version_of([RECIPE, files, json.loads(specs.model_dump_json()), seed, _packages()])


def _packages() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
