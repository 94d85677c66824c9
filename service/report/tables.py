"""The tables of an evaluation's page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from xml.etree.ElementTree import Element

from ensemble.evaluation.evaluate import Report
from ensemble.evaluation.independence import Matrix
from ensemble.evaluation.metrics import Quality
from ensemble.evaluation.slices import FEW, SliceRates, Slicing
from service.report.markup import Node, tag
from service.report.plots import differs

Interval = tuple[float, float] | None

DIFFERS, FEW_MARK = "*", "?"

_DASH = "\u2013"


def number(value: float | None) -> str:
    """Three decimals, or a dash where nothing could be measured."""
    return _DASH if value is None else f"{value:.3f}"


def table(columns: Sequence[str], rows: Iterable[Sequence[Node]], *, class_: str | None = None) -> Element:
    """A table that scrolls by itself where it is wider than the page; the first cell of a row is its heading."""
    head = tag("thead", tag("tr", *(tag("th", column, scope="col") for column in columns)))
    body = tag("tbody", *(_row(cells) for cells in rows))
    # Scrollable by keyboard only if it can have the focus.
    return tag("div", tag("table", head, body, class_=class_), class_="scroll", tabindex=0)


def _row(cells: Sequence[Node]) -> Element:
    first = tag("th", tag("bdi", cells[0]), scope="row")
    rest = (cell if isinstance(cell, Element) and cell.tag == "td" else tag("td", cell) for cell in cells[1:])
    return tag("tr", first, *rest)


def measured(value: float | None, interval: Interval, hits: int | None = None, trials: int | None = None) -> Element:
    """A figure, its interval, and the counts behind it."""
    lines: list[Node] = [tag("b", number(value))]
    if interval is not None:
        lines += [" ", tag("span", f"{interval[0]:.3f} {_DASH} {interval[1]:.3f}", class_="interval")]
    if hits is not None and trials:
        lines += [" ", tag("span", f"{hits:,} of {trials:,}", class_="counts")]
    return tag("td", *lines)


def quality_table(report: Report) -> Element:
    """Order and errors of every member and of the panel."""
    columns = ("", "AUC", "Average precision", "Threshold", "FNR", "FPR")
    return table(columns, [_quality_row(name, quality) for name, quality in everyone(report)])


def everyone(report: Report) -> list[tuple[str, Quality]]:
    """Members in their order, then the panel."""
    return [*report.members.items(), ("panel", report.panel)]


def _quality_row(name: str, quality: Quality) -> Sequence[Node]:
    return (
        name,
        measured(quality.auc, quality.auc_interval),
        measured(quality.average_precision, quality.average_precision_interval),
        number(quality.threshold),
        measured(quality.fnr, quality.fnr_interval, quality.misses, quality.positives),
        measured(quality.fpr, quality.fpr_interval, quality.false_alarms, quality.negatives),
    )


def fixed_fpr_table(report: Report) -> Element:
    """Misses where only so many false alarms are allowed."""
    targets = [f"FNR at FPR ≤ {100 * each.target:g} %" for each in report.panel.at_fpr]
    rows: list[Sequence[Node]] = [
        (name, *(measured(at.fnr, at.fnr_interval, at.misses, quality.positives) for at in quality.at_fpr))
        for name, quality in everyone(report)
    ]
    return table(("", *targets), rows)


def calibration_table(report: Report) -> Element:
    """Calibration error, and what chance alone would show."""
    rows = [(name, number(each.ece), number(each.ece_by_chance)) for name, each in everyone(report)]
    return table(("", "Calibration error", "By chance alone"), rows)


def heat_map(matrix: Matrix, *, highest: float, digits: int = 2) -> Element:
    """A matrix as a table whose cells are the warmer the higher they are, and cold below 0.

    Args:
        matrix: by row, by column.
        highest: value of the warmest cell.
        digits: decimals shown.
    """
    rows: list[Sequence[Node]] = [
        (name, *(_heat(row[other], highest, digits) for other in matrix)) for name, row in matrix.items()
    ]
    return table(("", *matrix), rows, class_="heat")


def _heat(value: float | None, highest: float, digits: int) -> Element:
    if value is None:
        return tag("td", _DASH)
    share = min(abs(value) / highest, 1.0) if highest else 0.0
    return tag("td", f"{value:.{digits}f}", class_="cold" if value < 0 else "warm", style=f"--heat: {60 * share:.0f}%")


def contribution_table(report: Report) -> Element:
    """What each other member catches of the deployed member's misses, and what it alone catches."""
    found = report.independence
    rows = [
        (
            name,
            measured(found.catch_share[name], None, found.catches[name], found.misses),
            measured(found.unique_share[name], None, found.unique_catches[name], found.misses),
        )
        for name in found.catches
    ]
    return table(("", "Votes yes on", "Alone votes yes on"), rows)


def kinds_table(report: Report) -> Element:
    """How often each kind of disagreement occurs, and how often the deployed member is wrong there."""
    rows: list[Sequence[Node]] = [
        (
            each.kind,
            measured(each.share, None, each.rows, report.rows),
            measured(each.wrong_share, each.wrong_interval, each.wrong, each.rows),
            f"{each.misses:,}",
        )
        for each in report.kinds
    ]
    return table(("", "Share of rows", f"{report.deployed} is wrong", "Misses among them"), rows)


def slice_table(slicing: Slicing, deployed: str) -> Element:
    """All figures of every slice."""
    columns = ["", "Rows", "Yes"]
    columns += [f"{of}: {what}" for what in ("AUC", "FNR", "FPR") for of in (deployed, "panel")]
    rows: list[Sequence[Node]] = [
        (each.name, f"{each.rows:,}", f"{each.yes:,}", *_slice_cells(each.deployed, each.panel))
        for each in slicing.slices
    ]
    return table(columns, rows)


def _slice_cells(*columns: SliceRates) -> list[Element]:
    area = [
        _marked(measured(each.auc, each.auc_interval), min(each.positives, each.negatives), None) for each in columns
    ]
    missed = [
        _marked(measured(each.fnr, each.fnr_interval, each.misses, each.positives), each.positives, each.fnr_differs)
        for each in columns
    ]
    alarmed = [
        _marked(
            measured(each.fpr, each.fpr_interval, each.false_alarms, each.negatives), each.negatives, each.fpr_differs
        )
        for each in columns
    ]
    return [*area, *missed, *alarmed]


def _marked(cell: Element, trials: int, adjusted: float | None) -> Element:
    """With a mark behind the figure where it differs, or where hardly any row is behind it."""
    mark = DIFFERS if differs(adjusted) else FEW_MARK if 0 < trials < FEW else None
    if mark is not None:
        cell.insert(1, tag("sup", mark))
    if mark == FEW_MARK:
        cell.set("class", "faint")
    return cell
