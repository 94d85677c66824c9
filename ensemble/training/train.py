"""Training a task's members on labelled rows of the caller's: from the rows to a sealed artifact."""

from __future__ import annotations

import json
import shutil
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from ensemble.artifacts import JOINT, Artifact, all_artifacts, seal, use
from ensemble.errors import InputError
from ensemble.home import artifacts_dir
from ensemble.members.hashing import file_sha256, version_of
from ensemble.members.prompts import PROMPTS_FILE
from ensemble.members.specs import DEFAULT_MEMBERS, MemberSpecs
from ensemble.panel import Joint
from ensemble.tasks.task import GivenRows, Task
from ensemble.text import LabelledText
from ensemble.training.examples import as_few_shot, choose_examples
from ensemble.training.gather import Gathered
from ensemble.training.held_out import posterior_of
from ensemble.training.prepare import (
    RECIPE,
    Fitted,
    Progress,
    fit_members,
    fit_panel,
    held_out_step,
    manifest_of,
    measured,
    packages,
)
from ensemble.training.splitting import TEST_SHARE, split
from ensemble.training.steps import Steps
from ensemble.training_record import OperatingPoint, TrainingRecord, operating_point

WANTED_FNR = 0.05

TRAINING_RECIPE = 3
"""Raised whenever the way of splitting or choosing changes, so that the same rows are trained on anew."""

SPLITS = "splits.json"
"""In the artifact: identities of the rows of each split, so that a measurement can leave out what was fitted on."""

HELD_OUT = "held_out.json"
"""In the artifact: by group, P(yes) of the rows that calibrated, so that another threshold needs no fit."""

_PARTIAL = ".training-"
_READ_BY_FITS = ("task.json", "lexicon.json", PROMPTS_FILE)


def train(
    task: Task,
    gathered: Gathered,
    specs: MemberSpecs = DEFAULT_MEMBERS,
    *,
    wanted_fnr: float = WANTED_FNR,
    test_share: float = TEST_SHARE,
    progress: Progress = lambda _step, _share: None,
    seed: int = 0,
    force: bool = False,
) -> Artifact:
    """Splits the rows by group, fits every member, chooses the threshold, measures, and seals it all into an artifact.

    Members are fitted on the train rows; calibration, the panel's rule and the threshold on scores of rows by models
    that did not see them, see `held_out`; test rows only measure. What a killed run had finished is taken over by the
    next one with the same arguments.

    Args:
        task: question, lexicon and prompts; its seed rows are not used.
        gathered: the rows.
        specs: which members, and which language model.
        wanted_fnr: largest share of the held-out yes rows that the threshold may pass, in [0, 1).
        test_share: share of the rows that only measure, in [0, 0.5]; 0 = the held-out scores measure.
        progress: see `Progress`.
        seed: fixes the splits and all else that is drawn at random.
        force: fit everything anew, also where it was done before.

    Returns:
        The artifact, in use and pinned; at once where one from the same inputs is there.

    Raises:
        InputError: `wanted_fnr` or `test_share` is out of range, or the rows cannot be split.
        ArtifactError: a step cannot be done; the message says what to do.
    """
    if not 0 <= wanted_fnr < 1:
        raise InputError(f"must be at least 0 and below 1, not {wanted_fnr:g}", field="--fnr")
    data = split(gathered, seed=seed, test_share=test_share)
    members = _fingerprint(task, data, specs, seed)
    fingerprint = version_of([members, wanted_fnr])
    existing = None if force else _finished(task.name, fingerprint)
    if existing is not None:
        return existing
    examples = choose_examples([row for row in data.rows if row.meta["split"] == "train"], seed=seed)
    given = GivenRows(task.path, task.header, given=data.rows, examples=as_few_shot(examples))
    directory = _working_folder(task.name, members, force=force)
    fitted = fit_members(directory, given, specs, seed=seed, progress=progress)
    joint, operating, votes = _ruled(given, fitted, specs.deployed, wanted_fnr, progress)
    steps = Steps(directory)
    scores = {group: steps.recall(held_out_step(group)) for group in fitted.scorers}
    (directory / HELD_OUT).write_text(json.dumps(scores), encoding="utf-8")
    (directory / JOINT).write_text(joint.model_dump_json(indent=1), encoding="utf-8")
    (directory / SPLITS).write_text(json.dumps(_identities(data.rows), indent=1), encoding="utf-8")
    metrics = measured(fitted, joint, given, progress)
    shown = tuple(row.id for row in examples)
    record = TrainingRecord(members=members, data=data.record, operating=operating, votes=votes, examples=shown)
    manifest = manifest_of(given, fitted, specs, fingerprint=fingerprint, seed=seed, metrics=metrics, training=record)
    steps.clear()
    artifact = seal(directory, manifest, pinned=True)
    _remove_partial(task.name)
    return artifact


def _ruled(
    given: GivenRows, fitted: Fitted, deployed: str, wanted_fnr: float, progress: Progress
) -> tuple[Joint, OperatingPoint, dict[str, OperatingPoint]]:
    """The panel's rule with all thresholds chosen, and how panel and members do at them on the held-out rows."""
    joint = fit_panel(fitted, deployed, threshold=given.header.threshold, progress=progress)
    held = fitted.held_out.complete  # a judge that costs money was asked a sample
    operating = operating_point(posterior_of(held, joint), held.labels, wanted_fnr)
    columns = zip(held.members, held.scores.T, strict=True)
    votes = {name: operating_point(column, held.labels, wanted_fnr) for name, column in columns}
    thresholds = {name: vote.threshold for name, vote in votes.items()}
    return joint.model_copy(update={"threshold": operating.threshold, "votes": thresholds}), operating, votes


def _working_folder(task: str, members: str, *, force: bool) -> Path:
    """The folder of members fitted to these inputs, with what is done of them already unless `force`."""
    directory = artifacts_dir(task) / f"{_PARTIAL}{members}"
    if force:
        shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(exist_ok=True)
    if not force:
        _take_over(Steps(directory), task, members)
    return directory


def _fingerprint(task: Task, data: Gathered, specs: MemberSpecs, seed: int) -> str:
    """Everything that the members depend on."""
    files = {name: file_sha256(task.path / name) for name in _READ_BY_FITS if (task.path / name).is_file()}
    recipe = [RECIPE, TRAINING_RECIPE]
    return version_of([recipe, files, data.record.fingerprint, specs.fitted_by(), seed, packages()])


def _finished(task: str, fingerprint: str) -> Artifact | None:
    """An intact artifact from the same inputs, put into use; None where there is none."""
    for artifact in all_artifacts(task):
        if artifact.manifest.fingerprint == fingerprint and artifact.is_intact:
            use(artifact)
            return artifact
    return None


def _take_over(steps: Steps, task: str, members: str) -> None:
    """Copies the members of an intact artifact that were fitted to the same inputs, for another threshold."""
    for artifact in all_artifacts(task):
        training = artifact.manifest.training
        if training is None or training.members != members or not artifact.is_intact:
            continue
        held_out = json.loads((artifact.path / HELD_OUT).read_bytes())
        for group in artifact.groups:
            if not steps.is_done(group):
                steps.record(held_out_step(group), held_out[group])
                shutil.copytree(artifact.path / group, steps.begin(group))
                steps.finish(group)
        steps.record("judges", {"language_model": artifact.manifest.language_model})
        return


def _identities(rows: Sequence[LabelledText]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        found[row.meta["split"]].append(row.id)
    return found


def _remove_partial(task: str) -> None:
    """Removes what killed runs of other inputs left behind; nobody else is training while this one holds the lock."""
    for path in Path(artifacts_dir(task)).glob(f"{_PARTIAL}*"):
        shutil.rmtree(path, ignore_errors=True)
