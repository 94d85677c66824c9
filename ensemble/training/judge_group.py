"""Preparing the members that read with a language model: one local model for judge and probe, or a remote judge."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch

from ensemble.home import models_dir
from ensemble.members.gguf_import import prepare_default_model
from ensemble.members.judge import LanguageModelScorer
from ensemble.members.language_model import LanguageModel
from ensemble.members.probe import Probe
from ensemble.members.prompts import task_prompts
from ensemble.members.specs import REMOTE_GROUP, JudgeSpec, ProbeSpec
from ensemble.scorer import FloatArray
from ensemble.tasks.task import Task
from ensemble.training.judge_fit import fit_judge
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
        scores: by group, what its members say of the calibration rows, shape (rows, members): reading them again would
            cost a pass, or money; nan for rows that a remote judge was not asked.
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
    model = LanguageModel.load(source or path, dtype=judge.precision if judge else None)
    layers = candidate_layers(model.depth) if probe else ()
    coarse = torch.cpu._is_avx512_bf16_supported() and model.precision == "float32"  # noqa: SLF001 - else it is emulated
    draft = LanguageModel.load(source or path, dtype="bfloat16") if coarse else None
    reader = RowReader(model, layers, progress, draft=draft)
    prompts = task_prompts(task)
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
