"""An evaluation in the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import fill

from ensemble.evaluation.evaluate import Report
from ensemble.evaluation.independence import Independence, Matrix
from ensemble.evaluation.kinds import AGREEMENT, KindRates
from ensemble.evaluation.metrics import Quality
from ensemble.evaluation.slices import FEW, SIGNIFICANT, SliceRates, Slicing
from service.cli.output import console, printable, put, table
from service.report.findings import findings

_ROOM_FOR_INTERVALS = 120
"""Columns of a terminal from which slices show the intervals of their AUC."""

_SHORTEST_NAME, _LONGEST_NAME = 12, 44

_BETWEEN = 3
"""Columns of a terminal between two of a table."""

_DASH = "\u2013"

Interval = tuple[float, float] | None


def show(report: Report) -> None:
    """Prints a report: sentences first, then tables; rates with their 95 % intervals."""
    put(f"{report.rows:,} rows, {report.positives:,} of them yes")
    for sentence in findings(report):
        put(fill(printable(sentence), console().width, initial_indent="- ", subsequent_indent="  "))
    put(fill(_thresholds(report), console().width, initial_indent="- ", subsequent_indent="  "))
    put("")
    _quality(report)
    _at_fpr(report)
    show_independence(report.independence, report.deployed)
    show_kinds(report.kinds, report.deployed)
    for slicing in report.slices:
        _slices(slicing, report.deployed)
    if report.slices:
        put(f"* differs from all other rows beyond chance   ? fewer than {FEW} rows behind it")


def _quality(report: Report) -> None:
    areas = [
        (
            name,
            _figure(each.auc, each.auc_interval),
            _figure(each.average_precision, each.average_precision_interval),
            f"{_number(each.ece)} ({_number(each.ece_by_chance)} by chance)",
        )
        for name, each in _everyone(report)
    ]
    table("Order and calibration", ("", "AUC", "average precision", "calibration error"), areas)
    errors = [
        (
            name,
            _figure(each.fnr, each.fnr_interval),
            _counts(each.misses, each.positives),
            _figure(each.fpr, each.fpr_interval),
            _counts(each.false_alarms, each.negatives),
        )
        for name, each in _everyone(report)
    ]
    columns = ("", "FNR", "missed", "FPR", "false alarms")
    table("At the thresholds in use", columns, errors)


def _thresholds(report: Report) -> str:
    listed = ", ".join(f"{printable(name)} from {each.threshold:.3g}" for name, each in report.members.items())
    return f"votes yes: {listed}; the panel flags from {report.panel.threshold:.3g} on"


def _at_fpr(report: Report) -> None:
    targets = [f"at FPR <= {100 * at.target:g} %" for at in report.panel.at_fpr]
    rows = [(name, *(_figure(at.fnr, at.fnr_interval) for at in quality.at_fpr)) for name, quality in _everyone(report)]
    table("FNR where only so many false alarms are allowed", ("", *targets), rows)


def show_independence(found: Independence, deployed: str) -> None:
    """Prints both matrices, and what each member catches of the deployed one's misses."""
    _matrix("Correlation of errors", found.error_correlation)
    _matrix("Double faults, share of rows", found.double_fault)
    rows = [
        (
            name,
            _number(found.catch_share[name]),
            _counts(found.catches[name], found.misses),
            _number(found.unique_share[name]),
            _counts(found.unique_catches[name], found.misses),
        )
        for name in found.catches
    ]
    if rows:
        title = f"What would be missed without it: of {deployed}'s misses"
        table(title, ("", "votes yes on", "", "alone votes yes on", ""), rows)


def show_kinds(kinds: Sequence[KindRates], deployed: str) -> None:
    """Prints how often each kind of disagreement occurs, and how often the deployed member is wrong there."""
    rows = [
        (
            each.kind,
            f"{each.rows:,}",
            f"{each.wrong:,}",
            _figure(each.wrong_share, each.wrong_interval),
            f"{each.misses:,}",
        )
        for each in kinds
        if each.rows
    ]
    if any(kind != AGREEMENT for kind, *_ in rows):
        title = f"Kinds of disagreement, and how often {deployed} is wrong there"
        table(title, ("", "rows", "wrong", "share wrong", "misses"), rows)


def _matrix(title: str, matrix: Matrix) -> None:
    rows = [(name, *map(_number, row.values())) for name, row in matrix.items()]
    table(title, ("", *matrix), rows, wide=tuple(matrix))  # many members fit if their names may wrap


def _slices(slicing: Slicing, deployed: str) -> None:
    """Two lines a slice: the deployed member, and below it the panel."""
    width = console().width
    rows = []
    for each in slicing.slices:
        columns = ((deployed, each.deployed), ("panel", each.panel))
        first, second = ((who, *_rates(rates, wide=width >= _ROOM_FOR_INTERVALS)) for who, rates in columns)
        rows += [(each.name, *first), (f"  {each.yes:,}/{each.rows:,} yes", *second)]
    others = sum(max(len(row[i]) for row in rows) + _BETWEEN for i in range(1, 5))
    room = max(_SHORTEST_NAME, min(_LONGEST_NAME, width - others - _BETWEEN))
    note = "; rows with several values count in several" if slicing.overlapping else ""
    shown = [(printable(name, room), *rest) for name, *rest in rows]
    table(f"By {printable(slicing.field)}{note}", ("", "member", "AUC", "FNR", "FPR"), shown, wide=("",))


def _rates(rates: SliceRates, *, wide: bool) -> tuple[str, str, str]:
    return (
        _marked(
            _figure(rates.auc, rates.auc_interval if wide else None, 2), min(rates.positives, rates.negatives), None
        ),
        _marked(_figure(rates.fnr, rates.fnr_interval, 2), rates.positives, rates.fnr_differs),
        _marked(_figure(rates.fpr, rates.fpr_interval, 2), rates.negatives, rates.fpr_differs),
    )


def _marked(shown: str, trials: int, adjusted: float | None) -> str:
    if adjusted is not None and adjusted < SIGNIFICANT:
        return f"{shown} *"
    return f"{shown} ?" if 0 < trials < FEW else shown


def _everyone(report: Report) -> Sequence[tuple[str, Quality]]:
    return [*report.members.items(), ("panel", report.panel)]


def _figure(value: float | None, interval: Interval, digits: int = 3) -> str:
    between = "" if interval is None else f" ({interval[0]:.{digits}f}{_DASH}{interval[1]:.{digits}f})"
    return _number(value, digits) + between


def _counts(hits: int, trials: int) -> str:
    return f"{hits:,}/{trials:,}" if trials else "-"


def _number(value: float | None, digits: int = 3) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
