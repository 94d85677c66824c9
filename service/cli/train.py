"""`train`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.output import Json, bar, put, put_json, say
from service.cli.panels import tell_bad
from service.cli.prepare import TaskName

if TYPE_CHECKING:
    from ensemble.artifacts import Artifact
    from ensemble.rows import BadRow
    from ensemble.training.gather import Gathered
    from ensemble.training_record import DataRecord, OperatingPoint

SHOWN = 20
"""Rows left out that are told one by one; the rest is counted."""

FEW_GROUPS = 5
"""Groups in a held-out split below which a person is told so."""


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(train)


def train(
    data: Annotated[str, typer.Option("--data", help="Labelled rows, a few hundred or more.", metavar="FILE")],
    task: TaskName = "injury",
    split_by: Annotated[
        str | None,
        typer.Option(
            "--split-by",
            help="Field of what no split may tear apart: document, author, event. Else groups of similar texts.",
            metavar="META_FIELD",
        ),
    ] = None,
    fnr: Annotated[
        float, typer.Option("--fnr", help="Share of yes texts that may be passed; chooses the threshold.")
    ] = 0.05,
    test_share: Annotated[
        float,
        typer.Option("--test-share", help="Share of the rows kept aside to measure on; 0 if you have others for that."),
    ] = 0.2,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of splits and of all that is drawn.")] = 0,
    label: Annotated[
        str, typer.Option("--label", help="Where the label stands: `label`, or a field of meta.", metavar="FIELD")
    ] = "label",
    config: Annotated[
        Path | None, typer.Option("--config", help="YAML file whose panel to train.", metavar="FILE")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Also what was done before with the same inputs.")] = False,
    as_json: Json = False,
) -> None:
    """Fit a task's members on labelled rows, choose the threshold, and put the sealed artifact into use.

    A run that was stopped goes on where it was when it is started again with the same inputs.
    """
    from ensemble.tasks.task import load_task
    from ensemble.training.train import train as fit
    from service.config import load_config
    from service.supervisor.prepare import alone

    found, panel = load_task(task), load_config(config).panel
    gathered = _gathered(data, label, split_by)
    with alone(), bar("training", 1.0) as tell:
        artifact = fit(
            found,
            gathered,
            panel,
            wanted_fnr=fnr,
            test_share=test_share,
            seed=seed,
            force=force,
            progress=lambda step, done: tell(done, step),
        )
    if as_json:
        put_json(_as_json(artifact))
    else:
        _show(artifact)


def _gathered(data: str, label: str, split_by: str | None) -> Gathered:
    """The rows of a file, and what is wrong with others said."""
    from ensemble.training.gather import gather

    telling = _Telling()
    say("reading the rows")
    found = gather(data, label=label, split_by=split_by, on_bad=telling)
    telling.end()
    say(f"{len(found.rows):,} rows to train on, {sum(row.label for row in found.rows):,} of them yes")
    return found


class _Telling:
    """Tells the first rows that are left out one by one, and in the end how many more there were."""

    def __init__(self) -> None:
        self._count = 0

    def __call__(self, row: BadRow) -> None:
        self._count += 1
        if self._count <= SHOWN:
            tell_bad(row)

    def end(self) -> None:
        if self._count > SHOWN:
            say(f"and {self._count - SHOWN:,} more rows like these")


def _as_json(artifact: Artifact) -> dict[str, object]:
    manifest = artifact.manifest
    members = {m.name: m.version for group in artifact.groups for m in artifact.members(group)}
    training = manifest.training.model_dump(mode="json") if manifest.training else {}
    named = {"task": manifest.task, "artifact": str(artifact.path), "id": artifact.path.name, "members": members}
    return {**training, **named, "metrics": manifest.metrics}  # of the two `members`, names and versions are told


def _show(artifact: Artifact) -> None:
    training = artifact.manifest.training
    if training is not None:
        for line in (*_data_lines(training.data), _operating_line(training.operating)):
            put(line)
        for line in few_groups(training.data):
            say(line)
    panel = artifact.manifest.metrics["panel"]
    low, high = panel["fnr_interval"]
    on = "on the test split" if training is None or "test" in training.data.splits else "on rows held out in turn"
    put(
        f"{on}: panel AUC {panel['auc']:.3f}, FNR {panel['fnr']:.3f} (95 %: {low:.3f} to {high:.3f}), "
        f"FPR {panel['fpr']:.3f}, calibration error {panel['ece']:.3f}"
    )
    put(f"artifact {artifact.path.name} is in use: {artifact.path}")


def _data_lines(data: DataRecord) -> list[str]:
    """What was read and left out, and the splits."""
    left_out = {
        "bad": data.bad,
        "without a label": data.unlabelled,
        f"without {data.split_by}": data.ungrouped,
        "repeated": data.exact_duplicates,
        "nearly repeated": data.near_duplicates,
        "labelled both 0 and 1": data.contradictions,
        "like a held-out text": data.held_back,
        "marked hold-out or regression": data.marked,
    }
    told = ", ".join(f"{count:,} {why}" for why, count in left_out.items() if count)
    sizes = ", ".join(
        f"{name} {size.rows:,} rows ({size.positives:,} yes) in {size.groups:,} groups"
        for name, size in data.splits.items()
    )
    twins = f"; {data.twins:,} pairs nearly alike with different labels kept: are they meant?" if data.twins else ""
    return [f"{data.read:,} rows read; left out: {told or 'none'}{twins}", sizes]


def few_groups(data: DataRecord) -> list[str]:
    """A warning for each split of so few groups that its numbers say little about other groups."""
    few = [(name, size.groups) for name, size in data.splits.items() if size.groups < FEW_GROUPS]
    return [
        f"note: {name} holds {count} value{'s' * (count > 1)} of {data.split_by}; its intervals count rows and do not "
        "know how much groups differ"
        for name, count in few
        if data.split_by
    ]


def _operating_line(point: OperatingPoint) -> str:
    low, high = point.fnr_interval
    return (
        f"threshold {point.threshold:.4f} for an FNR of {point.wanted_fnr:g}: on {point.positives:,} yes rows held out "
        f"it passes {point.fnr:.3f} (95 %: {low:.3f} to {high:.3f}), "
        f"and it flags {point.fpr:.3f} of {point.negatives:,} no rows"
    )
