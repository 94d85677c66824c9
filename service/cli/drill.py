"""`hungjury drill`: plant known failures and count who finds them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.output import Json, printable, put, put_json, say, table
from service.cli.panels import loaded_panel, tell_bad
from service.cli.prepare import TaskName

if TYPE_CHECKING:
    from ensemble.text import LabelledText, Text
    from miners.drills.blind_spot import BlindSpot
    from miners.drills.drill import Ground, Settings
    from miners.drills.planting import Planted
    from miners.drills.report import Caught, DrillReport

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
    pool: Annotated[int, typer.Option("--pool", min=50, help="How many of these at most.")] = 2_000,
    labels: Annotated[int, typer.Option("--labels", min=1, help="Labels to be had.")] = 500,
    sensitivity: Annotated[
        float, typer.Option("--sensitivity", min=0, max=1, help="Share of yes texts a simulated rater calls yes.")
    ] = 0.95,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of all that is drawn.")] = 0,
    as_json: Json = False,
) -> None:
    """Blind a copy of the deployed member, hide what it misses among other texts, and count who finds it.

    Campaign, queue and raters are simulated in memory; the members are the real ones. `drill plant` plants before the
    real raters.
    """
    if context.invoked_subcommand is not None:
        return
    from miners.drills.drill import Settings
    from miners.drills.drill import drill as hold
    from miners.drills.report import DrillReport

    settings = Settings(labels=labels, sensitivity=sensitivity, seed=seed)
    rows = _rows(task, data)
    chosen = _spots(spots, rows)
    ground = _ground(task, rows, chosen, inputs or [], pool, settings)
    found = tuple(hold(ground, spot, settings) for spot in chosen)
    report = DrillReport(pool=len(ground.pool), sensitivity=sensitivity, spots=found)
    if as_json:
        put(report.model_dump_json())
    else:
        _show(report)


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
    task: str, rows: list[LabelledText], spots: list[BlindSpot], inputs: list[Path], most: int, settings: Settings
) -> Ground:
    """Pool and plants, scored by the members in use."""
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
        return Ground(
            pool=pool,
            pool_scores=score_all(panel, pool),
            unsafe=unsafe,
            unsafe_scores=score_all(panel, unsafe),
            joint=panel.joint,
            members=panel.members,
        )


def _texts(inputs: list[Path]) -> list[Text]:
    from ensemble.rows import RowReader
    from ensemble.text import Text

    return [Text(row.text, row.context) for row in RowReader(inputs, on_bad=tell_bad)]


def _show(report: DrillReport) -> None:
    rows = [
        (
            printable(spot.blind_spot),
            str(spot.miner.plants),
            _share(spot.miner),
            _first(spot.miner),
            _share(spot.ranking),
            _first(spot.ranking),
            _share(spot.raters),
        )
        for spot in report.spots
    ]
    total = ("all", str(report.miner.plants), _share(report.miner), "", _share(report.ranking), "")
    rows.append((*total, _share(report.raters)))
    labels = report.spots[0].labels
    columns = ("blind spot", "plants", "miner", "first label", "ranking", "first label", "raters")
    table(f"Caught within {labels:,} labels, of plants among {report.pool:,} texts", columns, rows)
    put(f"raters are simulated: each calls {100 * report.sensitivity:g} % of the plants yes, a tie is yes")


def _share(found: Caught) -> str:
    low, high = found.interval
    return f"{100 * found.share:.0f} % ({100 * low:.0f}-{100 * high:.0f})"


def _first(found: Caught) -> str:
    return "-" if found.first is None else f"{found.first:,}"


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
        put("nothing is planted in the queue; `hungjury drill plant` does it")
    for one in found:
        put(_line(one))
        for text in one.missed:
            put(f"  missed: {printable(text, 160)}")


def _line(one: Planted) -> str:
    caught = (
        "none has a label yet" if one.raters is None else f"raters caught {_share(one.raters)} of {one.raters.plants}"
    )
    return f"{printable(one.name)}: {one.plants:,} planted, {one.waiting:,} wait for a label, {caught}"
