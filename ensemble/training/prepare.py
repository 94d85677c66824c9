"""Preparing a task: from its folder to a sealed artifact with fitted, calibrated members and the panel's rule."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from ensemble.artifacts import JOINT, Artifact, Manifest, current_artifact, is_pinned, seal
from ensemble.errors import ArtifactError, TaskError
from ensemble.evaluation.evaluate import evaluate, measure
from ensemble.home import artifacts_dir
from ensemble.members.formats import HasFormats
from ensemble.members.hashing import file_sha256, version_of
from ensemble.members.specs import DEFAULT_MEMBERS, MemberSpecs
from ensemble.panel import Joint, Panel, fit_joint
from ensemble.scorer import FloatArray, Scorer
from ensemble.tasks.task import Task
from ensemble.training.apart import Apart
from ensemble.training.held_out import HeldOut, held_out_rows
from ensemble.training.remote_fit import measurable
from ensemble.training.steps import Steps
from ensemble.training_record import TrainingRecord

RECIPE = 5
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
        The artifact now in use; at once when one made from the same inputs is current, or one was pinned by `train` or
        by hand.

    Raises:
        TaskError: the task has no seed rows.
        ArtifactError: a step cannot be done; the message says what to do.
    """
    fingerprint = _fingerprint(task, specs, seed)
    existing = None if force else _current(task.name)
    if existing is not None and (existing.manifest.fingerprint == fingerprint or is_pinned(task.name)):
        return existing
    if not task.rows("train"):
        raise TaskError(
            f"task {task.name!r} has no labelled seed rows to fit its members on; "
            "run `hungjury train --task DIR --data FILE` with labelled rows of yours",
            field="task",
        )
    directory = Path(tempfile.mkdtemp(prefix=".preparing-", dir=artifacts_dir(task.name)))
    try:
        return _prepare_in(directory, task, specs, fingerprint, seed, progress)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def is_prepared(task: Task, specs: MemberSpecs = DEFAULT_MEMBERS, *, seed: int = 0) -> bool:
    """Whether `prepare` with the same arguments would return at once."""
    existing = _current(task.name)
    if existing is None:
        return False
    return is_pinned(task.name) or existing.manifest.fingerprint == _fingerprint(task, specs, seed)


def _prepare_in(
    directory: Path, task: Task, specs: MemberSpecs, fingerprint: str, seed: int, progress: Progress
) -> Artifact:
    fitted = fit_members(directory, task, specs, seed=seed, progress=progress)
    joint = fit_panel(fitted, specs.deployed, threshold=task.header.threshold, progress=progress)
    (directory / JOINT).write_text(joint.model_dump_json(indent=1), encoding="utf-8")
    metrics = measured(fitted, joint, task, progress)
    Steps(directory).clear()
    return seal(directory, manifest_of(task, fitted, specs, fingerprint=fingerprint, seed=seed, metrics=metrics))


@dataclass(frozen=True)
class Fitted:
    """Members fitted and loaded, before there is a manifest.

    Attributes:
        scorers: by group, in the order of their folders.
        language_model: see `PreparedJudges`; None without one.
        held_out: what the members say of rows that none of them was fitted on.
    """

    scorers: dict[str, Scorer]
    language_model: str | None
    held_out: HeldOut


def fit_members(directory: Path, task: Task, specs: MemberSpecs, *, seed: int, progress: Progress) -> Fitted:
    """Fits and calibrates every member into its group's folder under `directory`.

    A group appears there only when it is complete. Groups that are there already are left as they are, so that a run
    that was killed goes on where it was when it is given the same folder.

    Args:
        directory: the artifact's folder; made if missing.
        task: rows in the splits train and calibration.
        specs: which members.
        seed: fixes all that is drawn at random.
        progress: see `Progress`.

    Raises:
        ArtifactError: a step cannot be done; the message says what to do.
    """
    steps = Steps(directory)
    encoder = None
    if specs.encoder is not None and not steps.is_done("encoder"):
        encoder = Apart(_encoder_step, steps, task, seed)
    try:
        language_model = _judges(steps, task, specs, seed, progress)  # first: what cannot be had is known at once
        if specs.keyword is not None and not steps.is_done("keyword"):
            _keyword_step(steps, task, progress)
        if encoder is not None:
            encoder.wait(lambda share: progress("fine-tuning the encoder", share))
    finally:
        if encoder is not None:
            encoder.stop()
    scorers = _load(directory, language_model)
    columns = np.column_stack([np.array(steps.recall(held_out_step(group)), dtype=np.float64) for group in scorers])
    names = tuple(member.name for scorer in scorers.values() for member in scorer.members)
    return Fitted(scorers, language_model, HeldOut(tuple(held_out_rows(task)), names, columns))


def _encoder_step(steps: Steps, task: Task, seed: int, *, progress: Callable[[float], None]) -> None:
    scores = fit_encoder_group(steps.begin("encoder"), task, seed, progress=progress)
    _finish(steps, "encoder", scores[:, None])


def _keyword_step(steps: Steps, task: Task, progress: Progress) -> None:
    from ensemble.training.keyword_fit import fit_keyword

    progress("fitting the keyword member", 0.0)
    rows = task.rows("train"), task.rows("calibration")
    scores = fit_keyword(task, *rows, steps.begin("keyword"), threads=_threads())
    _finish(steps, "keyword", scores[:, None])
    progress("fitting the keyword member", 1.0)


def _finish(steps: Steps, group: str, held_out: FloatArray, step: str | None = None) -> None:
    """Keeps a group's held-out scores, then the group: a group that is done has its scores."""
    steps.record(held_out_step(group), [[None if np.isnan(p) else p for p in row] for row in held_out.tolist()])
    steps.finish(group, step)


def held_out_step(group: str) -> str:
    """Under which name a group's held-out scores are on record: a row a list, null where it has no score."""
    return f"held-out-{group}"


def _judges(steps: Steps, task: Task, specs: MemberSpecs, seed: int, progress: Progress) -> str | None:
    """The language model of the judges, fitted now or by a run before."""
    from ensemble.training.judge_group import prepare_judges

    known = steps.recall("judges")
    if known is None:
        judges = prepare_judges(steps.begin("judges"), task, specs, seed=seed, progress=progress)
        for group, scores in judges.scores.items():
            _finish(steps, group, scores, "judges")
        known = {"language_model": judges.language_model}
        steps.record("judges", known)
    found: str | None = known["language_model"]
    return found


def fit_encoder_group(directory: Path, task: Task, seed: int, *, progress: Callable[[float], None]) -> FloatArray:
    """Fine-tunes and calibrates the encoder into its folder; P(yes) of the rows that calibrate, shape (rows,)."""
    from ensemble.training.encoder_export import finish_crossed, finish_encoder
    from ensemble.training.encoder_fit import fit_encoder
    from ensemble.training.encoder_folds import fit_encoder_folds

    train, calibration = task.rows("train"), task.rows("calibration")
    if calibration:
        model = fit_encoder(train, directory, seed=seed, progress=progress)
        return finish_encoder(model, directory, calibration, threads=_threads())
    average, raw = fit_encoder_folds(train, directory, seed=seed, progress=progress)
    return finish_crossed(average, directory, train, raw, threads=_threads())


def _load(directory: Path, language_model: str | None) -> dict[str, Scorer]:
    """Scorers of the groups just fitted, before there is a manifest."""
    from ensemble.members.loading import load_fitted

    groups = [path.name for path in sorted(directory.iterdir()) if path.is_dir() and not path.name.startswith(".")]
    return {g: load_fitted(g, directory / g, language_model, threads=_threads()) for g in groups}


def fit_panel(fitted: Fitted, deployed: str, *, threshold: float, progress: Progress) -> Joint:
    """Fits the joint rule on the held-out scores.

    Args:
        fitted: the members.
        deployed: the member whose failures are hunted.
        threshold: posterior from which a text is flagged.
        progress: see `Progress`.
    """
    step, held = "joining the members", fitted.held_out
    progress(step, 0.0)
    joint = fit_joint(held.scores, held.labels, members=held.members, deployed=deployed, threshold=threshold)
    progress(step, 1.0)
    return joint


def measured(fitted: Fitted, joint: Joint, task: Task, progress: Progress) -> dict[str, Any]:
    """The report on the test rows, else on the held-out scores, as plain JSON; closes the members."""
    progress("measuring", 0.0)
    panel, tests = Panel(list(fitted.scorers.values()), joint), task.rows("test")
    if tests:
        with measurable(fitted.scorers.values(), tests) as rows:
            report = evaluate(panel, rows)
    else:
        held = fitted.held_out.complete
        report = measure(panel, held.scores, held.labels)
    panel.close()
    progress("measuring", 1.0)
    return report.model_dump()


def manifest_of(
    task: Task,
    fitted: Fitted,
    specs: MemberSpecs,
    *,
    fingerprint: str,
    seed: int,
    metrics: dict[str, Any],
    training: TrainingRecord | None = None,
) -> Manifest:
    """The manifest of members just fitted; `seal` adds the files."""
    return Manifest(
        task=task.name,
        fingerprint=fingerprint,
        seed=seed,
        files={},
        groups={name: tuple((m.name, m.kind, m.version) for m in s.members) for name, s in fitted.scorers.items()},
        language_model=fitted.language_model,
        metrics=metrics,
        packages=packages(),
        formats={name: s.formats.summary() for name, s in fitted.scorers.items() if isinstance(s, HasFormats)},
        made_at=datetime.now(UTC),
        training=training,
        panel=specs.fitted_by(),
    )


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
    return version_of([RECIPE, files, specs.fitted_by(), seed, packages()])


def packages() -> dict[str, str]:
    """Versions of the libraries that make members, as far as they are installed."""
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
