"""`raters`: how reliable the people are who answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from service.cli.auditing import note
from service.cli.data import open_queue
from service.cli.output import Json, printable, put, put_json, table

if TYPE_CHECKING:
    from miners.raters import RaterReport, RaterRow


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(raters)


def raters(as_json: Json = False) -> None:
    """Show how reliable the raters are: how often each is right about a yes and about a no, with 95 % intervals.

    Nobody's truth is known for certain: what everybody says of a text is weighed by how reliable they are. Texts that
    drills planted count as known. Raters never see this of each other; a mark is a reason to look, not a verdict.
    """
    from miners.raters import rater_report
    from service.supervisor.store import open_store

    with open_queue() as queue:
        report = rater_report(queue)
    note("raters", count=len(report.raters))
    with open_store() as store:
        names = {key.id: key.name for key in store.keys.list()}
    if as_json:
        put_json(
            {**report.model_dump(mode="json"), "names": {row.rater: names.get(row.rater) for row in report.raters}}
        )
    elif not report.raters:
        put("nobody has answered yet; `hungjury key create --role label --name NAME` makes a labeler's key")
    else:
        _show(report, names)


def _show(report: RaterReport, names: dict[str, str]) -> None:
    columns = ("rater", "answers", "right about yes", "right about no", "unsure", "known, wrong", "seconds", "look")
    table("", columns, [_cells(row, names) for row in report.raters], wide=("look",))
    if report.alpha is None or report.alpha_interval is None:
        put("agreement: no text has two answers yet that can be compared")
        return
    low, high = report.alpha_interval
    put(
        f"agreement beyond chance (Krippendorff's alpha): {report.alpha:.2f} (95 % {low:.2f} to {high:.2f}) "
        f"on {report.compared:,} texts with two answers or more"
    )


def _cells(row: RaterRow, names: dict[str, str]) -> tuple[str, ...]:
    return (
        printable(names.get(row.rater) or row.rater),
        f"{row.answers:,}",
        _share(row.sensitivity, row.sensitivity_interval),
        _share(row.specificity, row.specificity_interval),
        f"{row.unsure:.0%}",
        f"{row.known:,}, {row.wrong:,}" if row.known else "-",
        "-" if row.seconds is None else f"{row.seconds:.1f}",
        "; ".join(row.flags),
    )


def _share(mean: float, interval: tuple[float, float]) -> str:
    return f"{mean:.0%} ({interval[0]:.0%}-{interval[1]:.0%})"
