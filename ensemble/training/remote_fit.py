"""Calibrating a judge behind an endpoint, with bounded cost: few rows, an estimate before, nothing paid for twice."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from ensemble.calibration import fit_platt
from ensemble.errors import ArtifactError, InputError, MemberUnavailableError
from ensemble.home import home
from ensemble.members.answers import OtherFormError
from ensemble.members.cost import guessed_tokens, price_of
from ensemble.members.hashing import version_of
from ensemble.members.prompts import Prompt, general_prompts, windows
from ensemble.members.remote_answers import KeptAnswers
from ensemble.members.remote_client import RefusedError
from ensemble.members.remote_judge import FILE, RemoteJudge, RemoteJudgeFile, RemoteModel
from ensemble.members.remote_request import LADDERS, Form, request
from ensemble.members.specs import JudgeSpec
from ensemble.scorer import FloatArray, Scorer
from ensemble.tasks.task import Task
from ensemble.text import LabelledText, Text
from ensemble.training.held_out import held_out_rows
from ensemble.training.row_reader import Progress

_CHUNK = 32
"""Rows asked between two reports of progress."""


def fit_remote(directory: Path, task: Task, spec: JudgeSpec, progress: Progress) -> FloatArray:
    """Finds the form in which the endpoint answers, asks it a sample of the rows that calibrate, and calibrates it.

    The plain question is asked, since wordings that suit a small model do not suit a chat model, and nothing is chosen
    on train rows, since answers may cost money. Answers are kept on disk until the preparation is done.

    Args:
        directory: the group's folder.
        task: question, examples and calibration rows.
        spec: with an endpoint.
        progress: told step and share; the step says how much is to be asked.

    Returns:
        P(yes) of the rows that calibrate, shape (rows, 1); nan for those that were not asked.

    Raises:
        ArtifactError: it cannot be calibrated, or not within the budget.
        MemberUnavailableError: it does not answer.
    """
    prompt = general_prompts(task.header.question, task.few_shot)[-1]
    rows = held_out_rows(task)
    asked = sample([row.label for row in rows], spec.calibration_rows)
    texts = [rows[i] for i in asked]
    model = RemoteModel(spec, kept=kept_answers(spec))
    try:
        step = _told(spec, prompt, texts, model)
        progress(step, 0.0)
        form, raw = _in_best_form(model, spec, prompt, texts, lambda share: progress(step, share))
    finally:
        model.close()
    try:
        platt = fit_platt(raw, [row.label for row in texts])
    except InputError as error:
        raise ArtifactError(f"the remote judge cannot be calibrated: {error}") from error
    file = RemoteJudgeFile(spec=spec, prompt=prompt, form=form, calibration=platt).versioned()
    (directory / FILE).parent.mkdir(parents=True, exist_ok=True)
    (directory / FILE).write_text(file.model_dump_json(indent=1), encoding="utf-8")
    columns = np.full((len(rows), 1), np.nan)
    columns[asked, 0] = platt(raw)
    return columns


def sample(labels: Sequence[int], most: int) -> list[int]:
    """Places of at most `most` rows, each label in its share of all, evenly spread over the rows; ascending.

    The shares stay, so that probabilities fitted on the sample are right for all rows.
    """
    if len(labels) <= most:
        return list(range(len(labels)))
    given = np.asarray(labels)
    yes, no = np.flatnonzero(given == 1), np.flatnonzero(given == 0)
    wanted = min(max(round(most * len(yes) / len(labels)), 1), most - 1)
    spread = [np.linspace(0, len(of) - 1, min(count, len(of))) for of, count in ((yes, wanted), (no, most - wanted))]
    chosen = [of[places.round().astype(int)] for of, places in zip((yes, no), spread, strict=True)]
    return sorted(np.concatenate(chosen).tolist())


def kept_answers(spec: JudgeSpec) -> KeptAnswers:
    """What this endpoint answered in a preparation that is not finished."""
    owner = str(spec.endpoint)
    return KeptAnswers(home() / "answers" / f"{version_of([owner, spec.endpoint_model])}.jsonl", owner)


def _told(spec: JudgeSpec, prompt: Prompt, texts: Sequence[Text], model: RemoteModel) -> str:
    """What is about to be asked, in words, after a look at the budget."""
    known = model.kept or ()
    bodies = [request(spec, prompt, piece, LADDERS[spec.api][0])[1] for text in texts for piece in windows(text)]
    tokens = guessed_tokens(sum(len(str(body)) for body in bodies))
    cost = price_of(spec, fresh=tokens, cached=0, output=4 * len(bodies))
    if not known:
        try:
            model.meter.check(cost)
        except MemberUnavailableError as error:
            raise ArtifactError(f"{error}; panel.judge.calibration_rows limits what is asked") from error
    priced = f", at most about {cost:.2g} in money" if cost else ""
    begun = f", {len(known):,} of them known" if known else ""
    return f"asking the remote judge {len(bodies):,} questions, about {tokens:,} tokens{priced}{begun}"


def _in_best_form(
    model: RemoteModel, spec: JudgeSpec, prompt: Prompt, texts: Sequence[Text], tell: Callable[[float], None]
) -> tuple[Form, FloatArray]:
    """Asks all texts in the best form that the endpoint keeps to, and says which."""
    first = model.best_form(prompt, texts[0])
    ladder = LADDERS[spec.api]
    for form in ladder[ladder.index(first) :]:
        found: list[FloatArray] = []
        try:
            for start in range(0, len(texts), _CHUNK):
                found.append(model.preferences(prompt, texts[start : start + _CHUNK], form))
                tell(min(1.0, (start + _CHUNK) / len(texts)))
        except OtherFormError:  # it answers so only now and then
            continue
        except RefusedError as error:
            raise ArtifactError(f"the remote judge refuses a row: {error}") from error
        return form, np.concatenate(found)
    raise ArtifactError(f"{spec.endpoint} keeps to no form of answer; is it an OpenAI-compatible server?")


@contextmanager
def measurable(scorers: Iterable[Scorer], rows: Sequence[LabelledText]) -> Iterator[list[LabelledText]]:
    """The rows to measure on: a sample where a judge may cost money. When the block succeeds, nothing is kept of it."""
    remote = next((scorer for scorer in scorers if isinstance(scorer, RemoteJudge)), None)
    if remote is None:
        yield list(rows)
        return
    with _sparing(remote) as spec:
        yield [rows[i] for i in sample([row.label for row in rows], spec.calibration_rows)]
    kept_answers(spec).clear()


@contextmanager
def _sparing(judge: RemoteJudge) -> Iterator[JudgeSpec]:
    """Within the block the judge looks up what it was asked before, and keeps what it is told."""
    spec = judge.spec
    judge.keep_answers(kept_answers(spec))
    try:
        yield spec
    finally:
        judge.keep_answers(None)
