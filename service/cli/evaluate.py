"""`evaluate`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.output import Json, bar, put, say
from service.cli.pages import check_writable, write_page
from service.cli.panels import loaded_panel, tell_bad
from service.cli.prepare import TaskName

if TYPE_CHECKING:
    from ensemble.evaluation.evaluate import Report
    from ensemble.row_checks import Row
    from ensemble.text import LabelledText


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(evaluate)


def evaluate(
    data: Annotated[str | None, typer.Option("--data", help="Labelled rows.", metavar="FILE")] = None,
    task: TaskName = "injury",
    label: Annotated[
        str, typer.Option("--label", help="Where the label stands: `label`, or a field of meta.", metavar="FIELD")
    ] = "label",
    slices: Annotated[
        list[str] | None,
        typer.Option("--slice", help="Also by the values of this field of meta; may be repeated.", metavar="FIELD"),
    ] = None,
    fprs: Annotated[
        list[float] | None,
        typer.Option(
            "--fpr",
            help="Misses where this share of false alarms is allowed; may be repeated. [default: 0.01, 0.05]",
            metavar="SHARE",
        ),
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", help="Also write a page with plots, complete in itself.", metavar="FILE")
    ] = None,
    adjudicated: Annotated[
        bool,
        typer.Option("--adjudicated", help="Only independence, on what raters of the running service have labelled."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Measure how good the members are, and how independent of each other, on labelled rows."""
    fields, targets = list(dict.fromkeys(slices or ())), sorted(set(fprs or ()))
    if adjudicated:
        _refuse(data, html, fields, targets)
        _adjudicated(as_json=as_json)
        return
    if html is not None:
        check_writable(html)
    report = _measured(_named(data), task, label, fields, targets)
    if html is not None:
        write_page(html, _page(report, task, _named(data)))
    if as_json:
        put(report.model_dump_json())
    else:
        from service.cli.evaluation import show

        show(report)


def _measured(data: str, task: str, label: str, fields: list[str], fprs: list[float]) -> Report:
    from ensemble.evaluation.evaluate import evaluate as measure
    from ensemble.evaluation.operating import DEFAULT_FPRS

    targets = fprs or sorted(DEFAULT_FPRS)
    rows = _labelled(data, label)
    _check(rows, fields, targets)
    with loaded_panel(task) as panel, bar("scored", len(rows)) as tell:
        return measure(
            panel,
            rows,
            progress=lambda done: tell(done, f"{done:,} of {len(rows):,} texts"),
            fprs=targets,
            slices=fields,
            curves=True,
        )


def _named(data: str | None) -> str:
    """The file of rows.

    Raises:
        InputError: none was named.
    """
    from ensemble.errors import InputError

    if data is None:
        raise InputError("--data is missing: name a file of labelled rows, or say --adjudicated", field="--data")
    return data


def _refuse(*given: object) -> None:
    """Refuses what has no meaning beside `--adjudicated`.

    Raises:
        InputError: something was given.
    """
    from ensemble.errors import InputError

    if any(given):
        raise InputError("--adjudicated takes no --data, --html, --slice or --fpr", field="--adjudicated")


def _adjudicated(*, as_json: bool) -> None:
    from service.cli.adjudicated import fetch, show
    from service.runtime_state import require_running

    found = fetch(require_running())
    if as_json:
        put(found.model_dump_json())
    else:
        show(found)


def _check(rows: list[LabelledText], fields: list[str], fprs: list[float]) -> None:
    """Finds what is wrong with the options before the members are loaded."""
    from ensemble.evaluation.fields import slice_names
    from ensemble.evaluation.metrics import check_fprs

    check_fprs(fprs)
    for field in fields:
        slice_names([row.meta for row in rows], field)


def _page(report: Report, task: str, data: str) -> str:
    from datetime import UTC, datetime

    from ensemble.tasks.task import load_task
    from service.report.page import Heading, page

    name = "standard input" if data == "-" else Path(data).name
    when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return page(report, Heading(task=load_task(task).name, data=name, when=when))


def _labelled(source: str, label: str) -> list[LabelledText]:
    """The rows that carry a label; the others are reported and counted.

    Raises:
        Exit: with 1, where there is none.
    """
    from ensemble.rows import BadRow, RowReader

    reader, labelled = RowReader([source], on_bad=tell_bad), []
    for row in reader:
        value = _label(row, label)
        if value is None:
            tell_bad(BadRow(row.file, row.line, f"has no {label}"))
        elif value not in (0, 1) or not isinstance(value, int | float):
            tell_bad(BadRow(row.file, row.line, f"{label} must be 0 or 1, not {value!r}"))
        else:
            labelled.append(replace(row, label=int(value)).labelled())
    say(f"{len(labelled):,} labelled rows, {reader.bad + reader.good - len(labelled):,} skipped")
    if not labelled:
        raise typer.Exit(1)
    return labelled


def _label(row: Row, path: str) -> object:
    """What stands at `label`, or at a dotted path within the row's other fields."""
    from ensemble.evaluation.fields import look_up

    return row.label if path == "label" else look_up(row.meta, path)
