"""`hungjury drill`: plant known failures and count who finds them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from service.cli.mine import check_strategy
from service.cli.output import Json, bar, printable, put, put_json, say
from service.cli.panels import loaded_panel, tell_bad
from service.cli.prepare import TaskName

if TYPE_CHECKING:
    from ensemble.panel import Panel
    from ensemble.text import LabelledText, Text
    from miners.drills.blind_spot import BlindSpot
    from miners.drills.drill import Ground, Settings
    from miners.drills.planting import Planted

SPOTS = 10
"""Blind spots where none is named."""

group = typer.Typer(
    invoke_without_command=True,
    help="Plant known failures and count who finds them: the miner, the ranking, the raters.",
)


def add_to(app: typer.Typer) -> None:
    """Adds the commands."""
    app.add_typer(group, name="drill")


Data = Annotated[
    Path | None,
    typer.Option("--data", help="Labelled rows that no member was fitted on; default: the task's.", metavar="FILE"),
]


@group.callback()
def drill(
    context: typer.Context,
    task: TaskName = "injury",
    spots: Annotated[
        list[str] | None,
        typer.Option("--blind-spot", help="harm=VALUE, style=VALUE or trigger=WORD|WORD; again for more.", metavar="S"),
    ] = None,
    data: Data = None,
    inputs: Annotated[
        list[Path] | None,
        typer.Option("--input", "-i", help="Texts among which plants hide; default: rows labelled no.", metavar="FILE"),
    ] = None,
    how: Annotated[
        Literal["wrapped", "trained"],
        typer.Option(
            "--how",
            help="wrapped: the copy gives the spot's texts calm numbers, at no cost. trained: a copy of the encoder is "
            "fine-tuned to pass them, about five minutes a blind spot on two cores; words are learned best.",
        ),
    ] = "wrapped",
    pool: Annotated[int, typer.Option("--pool", min=50, help="How many of these at most.")] = 2_000,
    labels: Annotated[int, typer.Option("--labels", min=1, help="Labels to be had.")] = 500,
    strategy: Annotated[
        str, typer.Option("--strategy", help="How the campaign selects: ranked, or adaptive (without answers yet).")
    ] = "ranked",
    sensitivity: Annotated[
        float, typer.Option("--sensitivity", min=0, max=1, help="Share of yes texts a simulated rater calls yes.")
    ] = 0.95,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of all that is drawn.")] = 0,
    as_json: Json = False,
) -> None:
    """Blind a copy of the deployed member, hide what it misses among other texts, and count who finds it.

    A blind spot is a kind of text that the copy passes although the answer is yes: one harm, one style, or certain
    words. Campaign, queue and raters are simulated in memory, and nothing is kept; the members are the real ones.
    `drill plant` tests the real raters.
    """
    if context.invoked_subcommand is not None:
        return
    from miners.drills.drill import Settings
    from service.cli.drilling import hold, show

    check_strategy(strategy)
    settings = Settings(labels=labels, sensitivity=sensitivity, seed=seed, strategy=strategy)
    rows = _rows(task, data)
    rows, teaching = _apart(task, data, rows, seed) if how == "trained" else (rows, [])
    chosen = _spots(spots, rows)
    ground, encoder = _ground(task, rows, chosen, inputs or [], pool, settings, trained=how == "trained")
    report = hold(ground, chosen, settings, encoder=encoder, teaching=teaching)
    if as_json:
        put(report.model_dump_json())
    else:
        show(report, ground.joint.deployed)


def _apart(
    task: str, data: Path | None, rows: list[LabelledText], seed: int
) -> tuple[list[LabelledText], list[LabelledText]]:
    """Rows that may be planted, and others to teach a copy: the task's train split, or half of the rows given."""
    from ensemble.tasks.task import load_task
    from miners.drills.trained import halves

    if data is None:
        return rows, load_task(task).rows("train")
    teaching, rest = halves(rows, seed)
    return rest, teaching


def _rows(task: str, data: Path | None) -> list[LabelledText]:
    """Labelled rows that no member was fitted on: of a file, or the task's test split.

    Raises:
        InputError: none of them is labelled yes, or none no.
    """
    from ensemble.errors import InputError
    from ensemble.rows import RowReader
    from ensemble.tasks.task import load_task

    if data is None:
        found = load_task(task).rows("test")
    else:
        found = [row.labelled() for row in RowReader([data], on_bad=tell_bad) if row.label is not None]
    if len({row.label for row in found}) < 2:
        raise InputError("a drill needs rows of both labels that no member was fitted on; give them by --data")
    return found


def _spots(named: list[str] | None, rows: list[LabelledText]) -> list[BlindSpot]:
    from ensemble.errors import InputError
    from miners.drills.blind_spot import FEWEST_PLANTS, BlindSpot, blind_spots

    found = [BlindSpot.parse(text) for text in named] if named else blind_spots(rows, SPOTS)
    if not found:
        raise InputError(f"no harm, style or word stands in {FEWEST_PLANTS} rows labelled yes; give more by --data")
    for spot in found:
        spot.within(rows)
    return found


def _ground(
    task: str,
    rows: list[LabelledText],
    spots: list[BlindSpot],
    inputs: list[Path],
    most: int,
    settings: Settings,
    *,
    trained: bool,
) -> tuple[Ground, Path | None]:
    """Pool and plants, scored by the members in use; and the folder of the encoder where copies of it are trained.

    Raises:
        InputError: the deployed member is none that could be trained.
    """
    import numpy as np

    from ensemble.evaluation.evaluate import score_all
    from miners.drills.drill import Ground

    unsafe = [row for row in rows if row.label == 1 and any(spot.covers(row) for spot in spots)]
    texts: list[Text] = _texts(inputs) or [row for row in rows if row.label == 0]
    hidden = {row.id for row in unsafe}
    texts = [text for text in {text.id: text for text in texts}.values() if text.id not in hidden]
    order = np.random.default_rng(settings.seed).permutation(len(texts))[:most]
    pool = [texts[i] for i in order]
    say(f"scoring {len(pool):,} texts of the pool and {len(unsafe):,} that will be planted")
    with loaded_panel(task) as panel:
        encoder = _encoder(task, panel) if trained else None
        with bar("scoring", len(pool) + len(unsafe)) as tell:
            pool_scores = score_all(panel, pool, lambda done: tell(done, "the pool"))
            unsafe_scores = score_all(panel, unsafe, lambda done: tell(len(pool) + done, "what is planted"))
        ground = Ground(pool, pool_scores, unsafe, unsafe_scores, panel.joint, panel.members)
    return ground, encoder


def _encoder(task: str, panel: Panel) -> Path:
    """The deployed encoder's folder.

    Raises:
        InputError: another kind of member is deployed.
    """
    from ensemble.artifacts import current_artifact
    from ensemble.errors import InputError
    from ensemble.members.encoder import KIND
    from ensemble.tasks.task import load_task

    kind = next(member.kind for member in panel.members if member.name == panel.joint.deployed)
    if kind != KIND:
        raise InputError(
            f"{panel.joint.deployed} is deployed, a member of kind {kind}, and only an encoder can be trained; use "
            "--how wrapped",
            field="--how",
        )
    return current_artifact(load_task(task).name).path / panel.joint.deployed


def _texts(inputs: list[Path]) -> list[Text]:
    from ensemble.rows import RowReader
    from ensemble.text import Text

    return [Text(row.text, row.context) for row in RowReader(inputs, on_bad=tell_bad)]


@group.command()
def plant(
    count: Annotated[int, typer.Option("--count", "-n", min=1, max=10_000, help="Texts to plant.")] = 20,
    name: Annotated[str, typer.Option("--name", help="To report them under.")] = "drill",
    data: Data = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the draw.")] = 0,
) -> None:
    """Slip texts known to be yes into the labelers' queue, unmarked."""
    import numpy as np

    from ensemble.tasks.task import load_task
    from miners.drills.planting import plant as slip
    from service.cli.auditing import note
    from service.cli.data import open_queue
    from service.runtime_state import require_running

    state = require_running()
    rng = np.random.default_rng(seed)
    rows = [row for row in _rows(state.task, data) if row.label == 1]
    chosen = [rows[i] for i in rng.permutation(len(rows))[:count]]
    with loaded_panel(state.task) as panel:
        verdicts, deployed = panel.verdicts(chosen), panel.joint.deployed
    task = load_task(state.task).name
    with open_queue() as queue:
        wanted = state.answers_per_item
        added = slip(queue, chosen, verdicts, task=task, deployed=deployed, name=name, needed=wanted, rng=rng)
    note("drill plant", name, added)
    put(f"{added:,} texts planted as {printable(name)!r}; `hungjury drill report` says what raters made of them")


@group.command()
def report(as_json: Json = False) -> None:
    """What raters made of the texts planted in the queue."""
    from miners.drills.planting import planted
    from service.cli.data import open_queue

    with open_queue() as queue:
        found = planted(queue)
    if as_json:
        put_json([one.model_dump(mode="json") for one in found])
        return
    if not found:
        put("nothing is planted in the queue; `hungjury drill plant` slips texts in whose answer is known to be yes")
    for one in found:
        _tell(one)


def _tell(one: Planted) -> None:
    """One drill in words, what raters missed, and what to do about it."""
    from service.cli.drilling import share

    put(f"{printable(one.name)}: {one.plants:,} texts planted whose answer is yes, {one.waiting:,} still unlabelled")
    if one.raters is None:
        put("  raters have labelled none yet; they come up at the priorities that real texts have, so go on labelling")
        return
    put(f"  raters labelled {one.raters.plants:,} of them, and caught {share(one.raters)} by the label yes")
    if one.missed:
        put("  missed, as they were labelled no or unsure; talk about these with the raters, or sharpen the guideline:")
    for text in one.missed:
        put(f"    {printable(text, 160)}")
