"""Choosing how to ask the judge, and calibrating what it answers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from ensemble.calibration import fit_platt
from ensemble.errors import ArtifactError, InputError
from ensemble.members.asking import Pass, answer_tokens
from ensemble.members.judge import FILE, KIND, JudgeFile, joint_preference
from ensemble.members.prompts import Prompt
from ensemble.members.windows import highest
from ensemble.scorer import FloatArray
from ensemble.text import LabelledText
from ensemble.training.held_out import crossed, positions
from ensemble.training.linear import cross_validated, fit_linear
from ensemble.training.row_reader import RowReader

SELECTION_ROWS = 160
"""Train rows on which prompts are compared: with half of each label the AUC's standard error is near 0.04."""

STRENGTHS = (0.01, 0.03, 0.1, 0.3)
"""Inverse penalties tried for the weights of answer words."""

PAIR_GAIN = 0.015
"""A second prompt costs a second pass over every text; it must raise the AUC by this much."""


@dataclass(frozen=True)
class Choice:
    """The prompts chosen, best first, the weight of each, and what each candidate's AUC was on the rows compared."""

    prompts: tuple[Prompt, ...]
    weights: tuple[float, ...]
    auc: dict[str, float]


@dataclass(frozen=True)
class FittedJudge:
    """A judge, and its P(yes) of the rows that calibrated it, shape (rows,); nan for rows that its prompts show."""

    file: JudgeFile
    held_out: FloatArray


def choose_prompts(
    reader: RowReader, candidates: Sequence[Prompt], rows: Sequence[LabelledText], *, seed: int = 0
) -> Choice:
    """The prompt with the highest AUC on train rows, or the best equal-weight pair where it gains `PAIR_GAIN`.

    Args:
        reader: asks.
        candidates: at least one; prompts whose answers are not single tokens of this model are left out.
        rows: train rows; those shown as examples in a candidate are left out for all.
        seed: draws the rows compared.

    Raises:
        ArtifactError: no candidate can be asked of this model.
    """
    usable = [prompt for prompt in candidates if _askable(reader, prompt)]
    if not usable:
        raise ArtifactError("no prompt's answers are single tokens of this model; give the task other prompts")
    if len(usable) == 1:
        return Choice((usable[0],), (1.0,), {})
    compared = _sample(without_shots(rows, usable), SELECTION_ROWS, seed)
    labels = [row.label for row in compared]
    scores = {prompt: _preference(reader.read(prompt, compared)) for prompt in usable}
    auc = {prompt: float(roc_auc_score(labels, score)) for prompt, score in scores.items()}
    chosen = _best([(prompt,) for prompt in usable], scores, labels)
    pair = _best(list(combinations(usable, 2)), scores, labels)
    if _joint_auc(pair, scores, labels) >= _joint_auc(chosen, scores, labels) + PAIR_GAIN:
        chosen = pair
    chosen = tuple(sorted(chosen, key=lambda prompt: -auc[prompt]))
    weights = tuple(1 / _spread(scores[prompt]) / len(chosen) for prompt in chosen)
    return Choice(chosen, weights, {prompt.name: value for prompt, value in auc.items()})


def fit_judge(
    reader: RowReader,
    candidates: Sequence[Prompt],
    train: Sequence[LabelledText],
    calibration: Sequence[LabelledText],
    directory: Path,
    *,
    name: str = KIND,
    seed: int = 0,
) -> FittedJudge:
    """Chooses on `train`, calibrates, writes `judge/judge.json` into `directory`.

    Args:
        reader: asks.
        candidates: prompts to choose among.
        train: labels and families; with folds, where `calibration` is empty.
        calibration: rows that calibrate; none = `train`, each row scored by answer weights fitted without its fold.
        directory: the group's folder.
        name: the member's name.
        seed: draws the rows on which prompts are compared.

    Raises:
        ArtifactError: see `choose_prompts`; or what the judge answers runs against the calibration labels.
    """
    choice = choose_prompts(reader, candidates, train, seed=seed)
    shown = without_shots(train, choice.prompts)
    fits = [answer_weights(reader, prompt, shown) for prompt in choice.prompts]
    weights = tuple(
        tuple(share * weight for weight in fit.weights) for fit, share in zip(fits, choice.weights, strict=True)
    )
    raw = np.full(len(calibration or train), np.nan)
    if calibration:
        passes = {prompt: reader.read(prompt, calibration) for prompt in choice.prompts}
        raw[:] = joint_preference(choice.prompts, weights, passes)
    else:
        parts = [share * fit.crossed(shown) for fit, share in zip(fits, choice.weights, strict=True)]
        raw[positions(shown, train)] = highest(np.sum(parts, axis=0), fits[0].of)
    known = ~np.isnan(raw)
    labels = np.array([row.label for row in calibration or train])
    try:
        platt = fit_platt(raw[known], labels[known])
    except InputError as error:
        raise ArtifactError(f"the judge cannot be calibrated: {error}; give the task other prompts") from error
    model = reader.model
    file = JudgeFile(
        name=name,
        prompts=choice.prompts,
        weights=weights,
        answers=tuple(answer_tokens(model, prompt) for prompt in choice.prompts),
        calibration=platt,
        fingerprint=model.fingerprint,
        precision=model.precision,
    ).versioned()
    (directory / FILE).parent.mkdir(parents=True, exist_ok=True)
    (directory / FILE).write_text(file.model_dump_json(indent=1), encoding="utf-8")
    return FittedJudge(file, platt(raw))


@dataclass(frozen=True)
class AnswerFit:
    """What the answers to one prompt say.

    Attributes:
        answers: float64, shape (m, answers): what was fitted on, one row a window.
        of: int64, shape (m,): the text of each window.
        weights: one an answer.
        bias: what the fit adds to the weighted sum; the judge leaves it to its calibration.
        strength: inverse penalty; None where there is only yes and no, whose weights are not fitted.
    """

    answers: FloatArray
    of: NDArray[np.int64]
    weights: tuple[float, ...]
    bias: float = 0.0
    strength: float | None = None

    def crossed(self, rows: Sequence[LabelledText]) -> FloatArray:
        """Score of every window with weights fitted without its fold, on the scale of the weights of all, (m,)."""
        whole = self.answers @ np.array(self.weights)
        if self.strength is None:
            return np.asarray(whole)
        held = crossed(self.answers, self.of, rows, self.strength)
        return np.asarray(held * (_spread(whole) / _spread(held)) - self.bias)


def answer_weights(reader: RowReader, prompt: Prompt, rows: Sequence[LabelledText]) -> AnswerFit:
    """How much each answer's logit says, fitted on train rows; 1 for yes and -1 for no where there is no more.

    Scaled so that the joint score of the rows spreads as yes against no does.

    Args:
        reader: asks.
        prompt: what is asked.
        rows: train rows that the prompt does not show.
    """
    read = reader.read(prompt, rows)
    if len(answer_tokens(reader.model, prompt)) == 2:
        return AnswerFit(read.answers, read.rows, (1.0, -1.0))
    strength, _ = max(cross_validated(read.answers, read.rows, rows, STRENGTHS), key=lambda tried: tried[1])
    weight, bias = fit_linear(read.answers, read.rows, rows, strength).folded()
    scale = _spread(read.preference) / _spread(read.answers @ weight)
    return AnswerFit(read.answers, read.rows, tuple(map(float, weight * scale)), float(bias * scale), strength)


def without_shots(rows: Sequence[LabelledText], prompts: Iterable[Prompt]) -> list[LabelledText]:
    """Rows that no prompt shows as an example, nor their families: a model repeats what it was just told."""
    shown = {shot.text for prompt in prompts for shot in prompt.shots}
    families = {row.meta.get("family") for row in rows if row.text in shown} - {None}
    return [row for row in rows if row.text not in shown and row.meta.get("family") not in families]


def _askable(reader: RowReader, prompt: Prompt) -> bool:
    try:
        return reader.model.answer_token(prompt.yes) != reader.model.answer_token(prompt.no)
    except InputError:
        return False


def _sample(rows: Sequence[LabelledText], most: int, seed: int) -> list[LabelledText]:
    """Up to `most` rows, half of each label where there are enough."""
    rng = np.random.default_rng(seed)
    of = [[row for row in rows if row.label == label] for label in (0, 1)]
    if not all(of):
        raise InputError("choosing prompts needs train rows of both labels", field="label")
    drawn = [[side[i] for i in rng.permutation(len(side))[: most // 2]] for side in of]
    return [row for side in drawn for row in side]


def _preference(read: Pass) -> FloatArray:
    return read.highest(read.preference)


def _spread(score: FloatArray) -> float:
    return float(score.std()) or 1.0


def _joint_auc(prompts: Sequence[Prompt], scores: dict[Prompt, FloatArray], labels: Sequence[int]) -> float:
    joint = np.sum([scores[prompt] / _spread(scores[prompt]) for prompt in prompts], axis=0)
    return float(roc_auc_score(labels, joint))


def _best(
    sets: Sequence[tuple[Prompt, ...]], scores: dict[Prompt, FloatArray], labels: Sequence[int]
) -> tuple[Prompt, ...]:
    return max(sets, key=lambda prompts: _joint_auc(prompts, scores, labels))
