"""A back-test in the terminal."""

from __future__ import annotations

from textwrap import fill

from miners.replay_report import Found, Replay, saving
from service.cli.output import console, printable, put, table

_BARS = " ▁▂▃▄▅▆▇█"
_WIDTH = 24
_DASH = "\u2013"


def show(report: Replay) -> None:
    """Prints a back-test: the sentence first, then what every strategy finds, the best first."""
    width = console().width
    put(fill(printable(saving(report)), width))
    for line in facts(report):
        put(fill(printable(line), width, initial_indent="- ", subsequent_indent="  "))
    put("")
    budgets = report.budgets
    rows = [
        (
            name,
            *(_figure(found, budget) for budget in budgets),
            reached(report, found),
            _sparkline(found, report.failures),
        )
        for name, found in ranking(report)
    ]
    rows.append(("perfect ranking", *(str(min(int(b), report.failures)) for b in budgets), _most(report), ""))
    columns = ("failures found after labels", *(f"{int(budget):,}" for budget in budgets), "labels for 80 %", "curve")
    table("", columns, rows)


def facts(report: Replay) -> list[str]:
    """What was replayed, for a person."""
    seeds = f"{report.seeds} seed{'s' if report.seeds > 1 else ''}"
    return [
        f"{report.rows:,} rows; {report.deployed} passes {report.passed:,} at threshold {report.threshold:.4g},"
        f" {report.failures:,} of these are failures ({100 * report.base_rate:.2g} %, one in"
        f" {round(1 / report.base_rate):,})",
        f"means over {seeds}, intervals at 95 %; batches of {report.batch}; posterior: {report.posterior};"
        f" text features: {report.features}",
    ]


def ranking(report: Replay) -> list[tuple[str, Found]]:
    """Strategies by what they find with all labels, most first."""
    return sorted(report.strategies.items(), key=lambda pair: -pair[1].found[str(report.labels)])


def reached(report: Replay, found: Found) -> str:
    """Labels for 80 % of the failures, as far as they are known."""
    return f"> {report.labels:,}" if found.labels_for_80 is None else f"{found.labels_for_80:,.0f}"


def _most(report: Replay) -> str:
    return f"{-(-4 * report.failures // 5):,}"


def _figure(found: Found, budget: str) -> str:
    low, high = found.interval[budget]
    return f"{found.found[budget]:.3g} ({low:.0f}{_DASH}{high:.0f})"


def _sparkline(found: Found, failures: int) -> str:
    """Share of the failures found, from no label to the last, in eighths of a line's height."""
    last = len(found.curve) - 1
    values = [found.curve[round(i * last / (_WIDTH - 1))][1] for i in range(_WIDTH)]
    return "".join(_BARS[round(8 * value / failures)] for value in values)
