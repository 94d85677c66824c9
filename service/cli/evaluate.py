"""`evaluate`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.output import Json, bar, put, say, table
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
    data: Annotated[str, typer.Option("--data", help="Labelled rows.", metavar="FILE")],
    task: TaskName = "injury",
    label: Annotated[
        str, typer.Option("--label", help="Where the label stands: `label`, or a field of meta.", metavar="FIELD")
    ] = "label",
    as_json: Json = False,
) -> None:
    """Measure how good the members are, and how independent of each other, on labelled rows."""
    from ensemble.evaluation.evaluate import evaluate as measure

    rows = _labelled(data, label)
    with loaded_panel(task) as panel, bar("scored", len(rows)) as tell:
        report = measure(panel, rows, progress=lambda done: tell(done, f"{done:,} of {len(rows):,} texts"))
    if as_json:
        put(report.model_dump_json())
    else:
        _show(report)


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
        elif value not in (0, 1) or not isinstance(value, int):
            tell_bad(BadRow(row.file, row.line, f"{label} must be 0 or 1, not {value!r}"))
        else:
            labelled.append(replace(row, label=value).labelled())
    say(f"{len(labelled):,} labelled rows, {reader.bad + reader.good - len(labelled):,} skipped")
    if not labelled:
        raise typer.Exit(1)
    return labelled


def _label(row: Row, path: str) -> object:
    """What stands at `label`, or at a dotted path within the row's other fields."""
    if path == "label":
        return row.label
    found: object = row.meta
    for part in path.removeprefix("meta.").split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def _show(report: Report) -> None:
    columns = ("member", "AUC", "avg. precision", "FNR", "95 %", "FPR", "calibration error")
    named = [*report.members.items(), ("panel", report.panel)]
    rows = [
        (
            name,
            _number(quality.auc),
            _number(quality.average_precision),
            _number(quality.fnr),
            " to ".join(map(_number, quality.fnr_interval)) if quality.fnr_interval else "-",
            _number(quality.fpr),
            _number(quality.ece),
        )
        for name, quality in named
    ]
    table(f"{report.rows:,} rows, {report.positives:,} of them yes", columns, rows)
    found = report.independence
    put(f"effective votes: {_number(found.n_eff)} of {len(report.members)}")
    put(f"misses of the deployed member on which another votes yes: {_number(found.capture)}")
    put(f"rows on which votes differ: {_number(found.disagreeing_share)}")
    names = list(report.members)
    for title, matrix in (("error correlation", found.error_correlation), ("double fault", found.double_fault)):
        table(title, ("", *names), [(a, *(_number(matrix.get(a, {}).get(b)) for b in names)) for a in names])


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
