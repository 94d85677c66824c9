"""`gold`: texts of known label that raters are served now and then."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.auditing import note
from service.cli.data import open_queue
from service.cli.output import Json, printable, put, put_json, table
from service.cli.panels import loaded_panel, tell_bad

if TYPE_CHECKING:
    from miners.gold import GoldRow

group = typer.Typer(no_args_is_help=True, help="Texts of known label, served to every rater now and then, unmarked.")


def add_to(app: typer.Typer) -> None:
    """Adds the commands."""
    app.add_typer(group, name="gold")


@group.command()
def add(
    files: Annotated[list[Path], typer.Argument(help="Rows with text and label; anything `import` reads.")],
    as_json: Json = False,
) -> None:
    """Make labelled texts gold: a share `queue.gold_share` of what is served to raters, each text once to each rater.

    Take texts about which there is no doubt. `hungjury raters` shows who fails them.
    """
    from ensemble.errors import InputError
    from ensemble.rows import RowReader
    from ensemble.tasks.task import load_task
    from ensemble.text import LabelledText
    from miners.gold import add_gold
    from service.runtime_state import require_running

    state = require_running()
    read = RowReader(files, on_bad=tell_bad)
    rows = [LabelledText(row.text, row.context, row.label) for row in read if row.label is not None]
    if not rows:
        raise InputError("no row with a text and a label 0 or 1", field="files")
    with loaded_panel(state.task) as panel:
        verdicts, deployed = panel.verdicts(rows), panel.joint.deployed
    task = load_task(state.task).name
    with open_queue() as queue:
        added = add_gold(queue, rows, verdicts, task=task, deployed=deployed, needed=state.answers_per_item)
    note("gold added", count=added)
    if as_json:
        put_json({"rows": len(rows), "added": added})
    else:
        put(f"{added:,} of {len(rows):,} texts are gold now" + ("" if added else ": the others are queued already"))


@group.command("list")
def list_(as_json: Json = False) -> None:
    """Show all gold, and what raters made of it."""
    from miners.gold import gold

    with open_queue() as queue:
        rows = list(gold(queue))
    if as_json:
        put_json([row.model_dump() for row in rows])
    elif not rows:
        put("there is no gold; `hungjury gold add FILE` takes labelled texts")
    else:
        table("", ("item", "label", "answers", "wrong", "unsure", "", "text"), map(_cells, rows), wide=("text",))


@group.command()
def retire(
    items: Annotated[list[str], typer.Argument(help="Ids of items, as `gold list` shows them.")],
    as_json: Json = False,
) -> None:
    """Serve gold no more; what raters said of it measures them no longer."""
    from ensemble.errors import InputError

    with open_queue() as queue:
        no_gold = [item for item in items if not queue.retire(item)]
    note("gold retired", count=len(items) - len(no_gold))
    if no_gold:
        raise InputError(f"no gold: {', '.join(map(printable, no_gold))}", field="items")
    if as_json:
        put_json({"retired": items})
    else:
        put(f"{len(items):,} retired")


def _cells(row: GoldRow) -> list[str]:
    shown = printable(row.text if len(row.text) <= 60 else f"{row.text[:59]}…")
    counts = (f"{count:,}" for count in (row.answers, row.wrong, row.unsure))
    return [row.id, row.label, *counts, "retired" if row.retired else "", shown]
