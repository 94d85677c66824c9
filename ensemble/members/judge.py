"""The prompted judge and the probe: two members out of one forward pass of one language model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ensemble.calibration import Platt
from ensemble.errors import ArtifactError, MemberUnavailableError
from ensemble.members.asking import Pass, ask
from ensemble.members.hashing import version_of
from ensemble.members.language_model import LanguageModel
from ensemble.members.probe import FILE as PROBE_FILE
from ensemble.members.probe import Probe, ProbeFile
from ensemble.members.prompts import Prompt
from ensemble.members.specs import Precision
from ensemble.scorer import FloatArray, Member
from ensemble.text import Text

KIND = "judge"
FILE = "judge/judge.json"


class JudgeFile(BaseModel):
    """`judge.json`.

    Attributes:
        prompts: asked of every text.
        weights: for each prompt, one for each of its answers' logits; the raw score is the sum over all.
        answers: for the record, the token ids of each prompt's answers: yes, no, further words.
        calibration: on the calibration split.
        fingerprint: of the model that was asked.
        precision: number format of that model.
        version: over all of the above.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = KIND
    prompts: tuple[Prompt, ...] = Field(min_length=1)
    weights: tuple[tuple[float, ...], ...] = Field(min_length=1)
    answers: tuple[tuple[int, ...], ...]
    calibration: Platt
    fingerprint: str
    precision: Precision
    version: str = ""

    def versioned(self) -> JudgeFile:
        """The same with its version filled in."""
        return self.model_copy(update={"version": version_of(self.model_dump(exclude={"version"}, mode="json"))})


class LanguageModelScorer:
    """Scorer with the columns judge and probe; either may be absent.

    Args:
        model: the model both read.
        judge: how it is asked, or None.
        probe: how its hidden state is read, or None.

    Raises:
        ArtifactError: neither is given, or one was fitted to another model.
    """

    def __init__(self, model: LanguageModel, judge: JudgeFile | None, probe: Probe | None) -> None:
        self._judge, self._probe = judge, probe
        self._model: LanguageModel | None = model
        files = [*((judge,) if judge else ()), *((probe.file,) if probe else ())]
        if not files:
            raise ArtifactError("neither a judge nor a probe is there; prepare the task again")
        for file in files:
            _check_same_model(file, model)
        asked = [*(judge.prompts if judge else ()), *((probe.file.prompt,) if probe else ())]
        self._prompts = list(dict.fromkeys(asked))

    @classmethod
    def load(
        cls, model_path: str | Path, artifact_dir: Path, *, threads: int | None = None, device: str | None = None
    ) -> LanguageModelScorer:
        """Loads the model in the precision that was fitted, and what `artifact_dir` holds of `judge/` and `probe/`.

        Raises:
            ArtifactError: see the class; or files are missing or damaged.
        """
        try:
            path = artifact_dir / FILE
            judge = JudgeFile.model_validate_json(path.read_bytes()) if path.is_file() else None
            probe = Probe.load(artifact_dir) if (artifact_dir / PROBE_FILE).is_file() else None
        except (OSError, ValidationError) as error:
            raise ArtifactError(f"cannot read the judge or probe in {artifact_dir}: {error}; prepare again") from error
        fitted = judge or (probe.file if probe else None)
        precision = fitted.precision if fitted else None
        model = LanguageModel.load(model_path, device=device, dtype=precision, threads=threads)
        return cls(model, judge, probe)

    @property
    def members(self) -> tuple[Member, ...]:
        """Judge, then probe, as far as they are there."""
        judge = (Member(self._judge.name, KIND, self._judge.version),) if self._judge else ()
        return (*judge, *((self._probe.member,) if self._probe else ()))

    @property
    def language_model(self) -> LanguageModel:
        """The model itself, for writing texts.

        Raises:
            MemberUnavailableError: the scorer was closed.
        """
        if self._model is None:
            raise MemberUnavailableError("the language model was closed")
        return self._model

    def score(self, texts: Sequence[Text]) -> FloatArray:
        """Calibrated P(yes), shape (len(texts), len(members)).

        Raises:
            MemberUnavailableError: the scorer was closed.
        """
        if not texts:
            return np.empty((0, len(self.members)))
        return self.score_passes(
            {prompt: ask(self.language_model, prompt, texts, self._layers(prompt)) for prompt in self._prompts}
        )

    def score_passes(self, passes: Mapping[Prompt, Pass], layers: Sequence[int] | None = None) -> FloatArray:
        """As `score`, of texts that were read already.

        Args:
            passes: over the same texts, by the prompts of judge and probe.
            layers: the hidden layers that were kept; None = the probe's alone.
        """
        columns = []
        if self._judge:
            raw = joint_preference(self._judge.prompts, self._judge.weights, passes)
            columns.append(self._judge.calibration(raw))
        if self._probe:
            read = passes[self._probe.file.prompt]
            place = layers.index(self._probe.file.layer) if layers is not None else 0
            columns.append(self._probe.file.calibration(read.highest(self._probe.raw(read.hidden[:, place]))))
        return np.column_stack(columns)

    @property
    def prompts(self) -> tuple[Prompt, ...]:
        """All that are asked of every text."""
        return tuple(self._prompts)

    def close(self) -> None:
        """Lets go of the model."""
        self._model = None

    def _layers(self, prompt: Prompt) -> tuple[int, ...]:
        return (self._probe.file.layer,) if self._probe and prompt == self._probe.file.prompt else ()


def _check_same_model(file: JudgeFile | ProbeFile, model: LanguageModel) -> None:
    if file.fingerprint != model.fingerprint:
        raise ArtifactError(
            f"{file.name} was fitted to the language model {file.fingerprint[:12]}, not {model.fingerprint[:12]}; "
            "prepare the task again"
        )


def joint_preference(
    prompts: Sequence[Prompt], weights: Sequence[Sequence[float]], passes: Mapping[Prompt, Pass]
) -> FloatArray:
    """Uncalibrated score of n texts: the weighted sum of the answers' logits, highest over windows, shape (n,)."""
    weighed = [passes[prompt].answers @ np.array(weight) for prompt, weight in zip(prompts, weights, strict=True)]
    return passes[prompts[0]].highest(np.sum(weighed, axis=0))
