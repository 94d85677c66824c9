"""Preparing the members that read with a language model: one local model for judge and probe, or a remote judge."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch

from ensemble.home import models_dir
from ensemble.members.gguf_import import prepare_default_model
from ensemble.members.language_model import LanguageModel
from ensemble.members.prompts import PROMPTS_FILE, Prompt, task_prompts
from ensemble.members.specs import REMOTE_GROUP, JudgeSpec, Precision, ProbeSpec
from ensemble.scorer import FloatArray
from ensemble.tasks.task import Task
from ensemble.training.answer_words import answer_words
from ensemble.training.judge_fit import fit_judge
from ensemble.training.precision import computes_bfloat16, load_in_best_precision
from ensemble.training.probe_fit import candidate_layers, fit_probe
from ensemble.training.remote_fit import fit_remote
from ensemble.training.row_reader import Progress, RowReader

LOCAL_GROUP = "language_model"


@dataclass(frozen=True)
class PreparedJudges:
    """What `prepare_judges` made.

    Attributes:
        language_model: the local one: its folder's name under `models_dir`, or the path or hub id of the specification;
            None without one.
        scores: by group, what its members say of the rows that calibrate (see `held_out`), shape (rows, members), nan
            where a row has no such score.
    """

    language_model: str | None
    scores: dict[str, FloatArray]


class ReadingSpecs(Protocol):
    """The part of a configuration that matters here."""

    @property
    def judge(self) -> JudgeSpec | None:
        """The judge, or None to do without it."""

    @property
    def probe(self) -> ProbeSpec | None:
        """The probe, or None to do without it."""


def prepare_judges(
    directory: Path, task: Task, specs: ReadingSpecs, *, seed: int = 0, progress: Progress = lambda _step, _share: None
) -> PreparedJudges:
    """Fits judge and probe into `directory/language_model`, and a remote judge into `directory/remote_judge`.

    A probe beside a remote judge reads the packaged model, which is then asked nothing.

    Args:
        directory: the artifact's folder.
        task: seed rows, examples and prompts.
        specs: what is wanted.
        seed: draws the rows on which prompts are compared.
        progress: told steps and shares.

    Returns:
        See `PreparedJudges`.

    Raises:
        ArtifactError: a model cannot be loaded, asked or calibrated.
    """
    scores: dict[str, FloatArray] = {}
    if specs.judge is not None and specs.judge.remote:
        scores[REMOTE_GROUP] = fit_remote(directory / REMOTE_GROUP, task, specs.judge, progress)
    local = specs.judge if specs.judge is not None and not specs.judge.remote else None
    if local is None and specs.probe is None:
        return PreparedJudges(None, scores)
    model, scores[LOCAL_GROUP] = _prepare_local(directory / LOCAL_GROUP, task, local, specs.probe, seed, progress)
    return PreparedJudges(model, scores)


def _prepare_local(
    directory: Path, task: Task, judge: JudgeSpec | None, probe: ProbeSpec | None, seed: int, progress: Progress
) -> tuple[str, FloatArray]:
    source = judge.model if judge else None
    path = Path(source) if source else prepare_default_model(models_dir(), progress)
    asked = judge.precision if judge else None
    model = _loaded(directory, str(source or path), asked, task, seed, progress)
    layers = candidate_layers(model.depth) if probe else ()
    reader = RowReader(model, layers, progress)
    prompts = _candidates(model, task)
    train, calibration = task.rows("train"), task.rows("calibration")
    columns: list[FloatArray] = []
    if judge:
        fitted = fit_judge(reader, prompts, train, calibration, directory, name=judge.name, seed=seed)
        prompts, columns = list(fitted.file.prompts), [fitted.held_out]
    if probe:
        columns.append(fit_probe(reader, prompts[0], train, calibration, directory, name=probe.name).held_out)
    return path.name if source is None else source, np.column_stack(columns)


def _candidates(model: LanguageModel, task: Task) -> list[Prompt]:
    """The prompts to choose among; general ones, which know nothing of the task, get words that fit it."""
    prompts = task_prompts(task)
    if (task.path / PROMPTS_FILE).is_file():
        return prompts
    return [p.model_copy(update={"words": answer_words(model, p, task, task.rows("train"))}) for p in prompts]


def _loaded(
    directory: Path, source: str, precision: Precision | None, task: Task, seed: int, progress: Progress
) -> LanguageModel:
    """The model in the number format asked for, else in the fastest one that gives what float32 gives."""
    if precision is not None or torch.cuda.is_available() or not computes_bfloat16():
        return LanguageModel.load(source, dtype=precision)
    step = "comparing number formats"
    progress(step, 0.0)
    rows = task.rows("calibration") or task.rows("train")
    model = load_in_best_precision(
        lambda dtype: LanguageModel.load(source, dtype=dtype), task_prompts(task), rows, directory, seed=seed
    )
    progress(step, 1.0)
    return model
