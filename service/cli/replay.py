"""`replay`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.output import Json, bar, put, say
from service.cli.pages import check_writable, write_page
from service.cli.panels import loaded_panel, tell_bad
from service.cli.prepare import TaskName

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from miners.acquisition.strategy import Strategy
    from miners.replay import Plan
    from miners.replay_report import Replay
    from miners.replay_rows import Gathered, Labelled, Table

CHUNK = 256
DEFAULT_THRESHOLD = 0.5
WORDS, EMBEDDINGS, NOTHING = "words of the texts", "embeddings of the rows", "none"
MEANING = "sentence embeddings of the texts"


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(replay)


def replay(
    pool: Annotated[str, typer.Option("--pool", help="Labelled rows.", metavar="FILE")],
    labels: Annotated[int, typer.Option("--labels", "-n", min=1, help="Labels to spend.")] = 300,
    strategy: Annotated[
        str, typer.Option("--strategy", help="Which to compare: names with commas between, or all.", metavar="NAME,...")
    ] = "all",
    seeds: Annotated[int, typer.Option("--seeds", min=1, max=1000, help="Runs of each strategy.")] = 5,
    deployed: Annotated[
        str | None,
        typer.Option(
            "--deployed", help="Whose failures are hunted. [default: as in the panel; of rows with members, the first]"
        ),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            "--threshold", min=0.0, max=1.0, help="P(yes) from which it flags. [default: the panel's; rows: 0.5]"
        ),
    ] = None,
    batch: Annotated[int, typer.Option("--batch", min=1, help="Labels between two looks at the answers.")] = 10,
    task: TaskName = "injury",
    embed: Annotated[
        bool, typer.Option("--embed", help="Learners know texts by sentence embeddings, not words; loads that model.")
    ] = False,
    html: Annotated[
        Path | None, typer.Option("--html", help="Also write a page with a plot, complete in itself.", metavar="FILE")
    ] = None,
    as_json: Json = False,
) -> None:
    """Back-test: how many failures each strategy would have found for how many labels, on rows whose labels are known.

    A failure is a row labelled yes that the deployed member passes. Rows that carry `members` ({name: P(yes)}) load no
    model; others are scored by the task's panel first. Rows may carry `posterior`, `embedding`, `severity`, `origin`.
    """
    from miners.acquisition.registry import chosen
    from miners.replay import Plan

    strategies, plan = chosen(strategy), Plan(labels, seeds, batch)
    if html is not None:
        check_writable(html)
    gathered = _gathered(pool)
    labelled, features = _prepared(gathered, task, deployed, threshold, strategies, embed=embed)
    report = _run(labelled, strategies, plan, features)
    if html is not None:
        from service.report.replay_page import replay_page

        write_page(html, replay_page(report, "standard input" if pool == "-" else Path(pool).name))
    if as_json:
        put(report.model_dump_json())
    else:
        from service.cli.replaying import show

        show(report)


def _gathered(source: str) -> Gathered:
    """The labelled rows of a file; others are reported and counted.

    Raises:
        Exit: with 1, where nothing can be read.
        InputError: rows can be read, and none has a label.
    """
    from ensemble.errors import InputError
    from ensemble.rows import BadRow, RowReader
    from miners.replay_rows import Gathered

    reader, gathered, unlabelled = RowReader([source], on_bad=tell_bad), Gathered(), 0
    for row in reader:
        if row.label is None:
            unlabelled += 1
            continue
        try:
            gathered.add(row)
        except InputError as error:
            reader.bad += 1
            tell_bad(BadRow(row.file, row.line, f"{error.field} {error}"))
    say(f"{len(gathered.labels):,} labelled rows, {unlabelled:,} without label, {reader.bad:,} bad rows skipped")
    if unlabelled and not gathered.labels:
        raise InputError(
            f"{source} has {unlabelled:,} rows and no label: replay needs `label` 0 or 1, what people would say",
            field="--pool",
        )
    if not gathered.labels:
        say(f"error: nothing to replay in {source}")
        raise typer.Exit(1)
    return gathered


def _prepared(
    gathered: Gathered,
    task: str,
    deployed: str | None,
    threshold: float | None,
    strategies: Sequence[Strategy],
    *,
    embed: bool,
) -> tuple[Labelled, str]:
    """The passed texts, and what is known of them beside the members' numbers."""
    from miners.acquisition.text_features import text_features
    from miners.replay_rows import carried, to_replay, with_features

    if all(gathered.members):
        table = carried(gathered, DEFAULT_THRESHOLD if threshold is None else threshold)
        name = deployed or table.members[0]
    else:
        table, name = _scored(gathered, task, deployed)
    labelled = to_replay(gathered, table, name, threshold)
    if not any(strategy.learns for strategy in strategies):
        return labelled, NOTHING
    if embed:
        return with_features(labelled, _embedded(labelled.texts, task)), MEANING
    if labelled.pool.features.shape[1]:
        return labelled, EMBEDDINGS
    return with_features(labelled, text_features(labelled.texts)), WORDS


def _embedded(texts: Sequence[str], task: str) -> NDArray[np.float32]:
    """Sentence embeddings by the model of the task's keyword member, shape (texts, width).

    Raises:
        ArtifactError: the task is not prepared, or without that member.
    """
    from ensemble.artifacts import current_artifact
    from ensemble.errors import ArtifactError
    from ensemble.members.meaning import meaning_of
    from ensemble.tasks.task import load_task
    from ensemble.text import Text

    artifact = current_artifact(load_task(task).name)
    meaning = meaning_of(artifact)
    if meaning is None:
        raise ArtifactError(f"{artifact.path} has no keyword member, whose embedder --embed needs; leave it out")
    say(f"embedding {len(texts):,} texts")
    return meaning([Text(text) for text in texts]).astype("float32")


def _scored(gathered: Gathered, task: str, deployed: str | None) -> tuple[Table, str]:
    """The panel's numbers of all rows; rows that carry their own are scored as well, so that all are of one kind."""
    import numpy as np

    from miners.replay_rows import PANEL, Table

    total, without = len(gathered.texts), sum(not row for row in gathered.members)
    if without < total:
        say(f"{without:,} of {total:,} rows carry no members, so the panel scores all rows")
    with loaded_panel(task) as panel, bar("scored", total) as tell:
        names = tuple(member.name for member in panel.members)
        pieces = []
        for start in range(0, total, CHUNK):
            pieces.append(panel.probabilities(gathered.texts[start : start + CHUNK]))
            tell(min(start + CHUNK, total), f"{min(start + CHUNK, total):,} of {total:,} texts")
        probabilities = np.vstack(pieces)
        joint = panel.joint
    table = Table(names, probabilities, joint.posterior(probabilities), PANEL, joint.vote_thresholds)
    return table, deployed or joint.deployed


def _run(labelled: Labelled, strategies: Sequence[Strategy], plan: Plan, features: str) -> Replay:
    from miners.replay import replay as back_test

    with bar("replayed", len(strategies) * plan.seeds) as tell:
        return back_test(labelled, strategies, plan, features=features, progress=tell)
