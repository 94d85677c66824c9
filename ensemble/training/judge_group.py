"""Preparing the members that read with a language model: one local model for judge and probe, or a remote judge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch

from ensemble.calibration import fit_platt
from ensemble.errors import ArtifactError, InputError
from ensemble.home import models_dir
from ensemble.members.gguf_import import prepare_default_model
from ensemble.members.judge import LanguageModelScorer
from ensemble.members.language_model import LanguageModel
from ensemble.members.probe import Probe
from ensemble.members.prompts import Prompt, general_prompts, task_prompts
from ensemble.members.remote_judge import FILE as REMOTE_FILE
from ensemble.members.remote_judge import RemoteJudgeFile, RemoteModel
from ensemble.members.specs import JudgeSpec, Precision, ProbeSpec
from ensemble.scorer import FloatArray
from ensemble.tasks.task import Task
from ensemble.training.judge_fit import fit_judge
from ensemble.training.precision import computes_bfloat16, load_in_best_precision
from ensemble.training.probe_fit import candidate_layers, fit_probe
from ensemble.training.row_reader import Progress, RowReader

LOCAL_GROUP = "language_model"
REMOTE_GROUP = "remote_judge"


@dataclass(frozen=True)
class PreparedJudges:
    """What `prepare_judges` made.

    Attributes:
        language_model: the local one: its folder's name under `models_dir`, or the path or hub id of the specification;
            None without one.
        scores: by group, what its members say of the calibration rows, shape (rows, members): reading them again would
            cost a pass, or money.
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
        scores[REMOTE_GROUP] = _prepare_remote(directory / REMOTE_GROUP, task, specs.judge, progress)
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
    prompts = task_prompts(task)
    model = _loaded(directory, str(source or path), judge.precision if judge else None, prompts, task, seed, progress)
    layers = candidate_layers(model.depth) if probe else ()
    reader = RowReader(model, layers, progress)
    train, calibration = task.rows("train"), task.rows("calibration")
    asking, reading = None, None
    if judge:
        asking = fit_judge(reader, prompts, train, calibration, directory, name=judge.name, seed=seed)
        prompts = list(asking.prompts)
    if probe:
        fit_probe(reader, prompts[0], train, calibration, directory, name=probe.name)
        reading = Probe.load(directory)
    scorer = LanguageModelScorer(model, asking, reading)
    passes = {prompt: reader.read(prompt, calibration) for prompt in scorer.prompts}
    return path.name if source is None else source, scorer.score_passes(passes, reader.layers)


def _loaded(
    directory: Path,
    source: str,
    precision: Precision | None,
    prompts: Sequence[Prompt],
    task: Task,
    seed: int,
    progress: Progress,
) -> LanguageModel:
    """The model in the number format asked for, else in the fastest one that gives what float32 gives."""
    if precision is not None or torch.cuda.is_available() or not computes_bfloat16():
        return LanguageModel.load(source, dtype=precision)
    step = "comparing number formats"
    progress(step, 0.0)
    model = load_in_best_precision(
        lambda dtype: LanguageModel.load(source, dtype=dtype), prompts, task.rows("calibration"), directory, seed=seed
    )
    progress(step, 1.0)
    return model


def _prepare_remote(directory: Path, task: Task, spec: JudgeSpec, progress: Progress) -> FloatArray:
    """Asks the plain question, since wordings that suit a small model do not suit a chat model.

    Only the calibration rows are asked: answers may cost money there, so nothing is chosen on train rows.
    """
    prompt = general_prompts(task.header.question, task.few_shot)[-1]
    rows = task.rows("calibration")
    step = "asking the remote judge"
    progress(step, 0.0)
    model = RemoteModel(spec)
    try:
        raw = model.preferences(prompt, rows)
    finally:
        model.close()
    try:
        platt = fit_platt(raw, [row.label for row in rows])
    except InputError as error:
        raise ArtifactError(f"the remote judge cannot be calibrated: {error}") from error
    file = RemoteJudgeFile(spec=spec, prompt=prompt, calibration=platt).versioned()
    (directory / REMOTE_FILE).parent.mkdir(parents=True, exist_ok=True)
    (directory / REMOTE_FILE).write_text(file.model_dump_json(indent=1), encoding="utf-8")
    progress(step, 1.0)
    return platt(raw)[:, None]
