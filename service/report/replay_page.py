"""A back-test as a page: the sentence, the curves, the figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.etree.ElementTree import Element

from miners.replay_report import OURS, Found, Replay, saving
from service.cli.replaying import facts, ranking, reached
from service.report.chart import Chart, Scale
from service.report.markup import Node, document, tag
from service.report.tables import table

_MOST_SERIES = 8
_DASH = "\u2013"


def replay_page(report: Replay, data: str) -> str:
    """The page: one HTML document with everything in it.

    Args:
        report: what was found.
        data: where the rows came from, as it is shown.
    """
    style = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
    series = _series(report)
    body = tag(
        "body",
        tag("h1", "Back-test of ", tag("bdi", report.deployed)),
        tag("p", tag("bdi", data), class_="aside"),
        tag("p", saving(report)),
        tag("ul", *(tag("li", fact) for fact in facts(report))),
        tag("h2", "Failures found per label"),
        _legend(series),
        tag("figure", _curves(report, series), tag("figcaption", _CAPTION), class_="slices"),
        _figures(report),
    )
    return document(f"Back-test of {report.deployed}", style, body)


_CAPTION = "Higher is better. Bars are 95 % intervals; the dotted lines are a perfect ranking and picking at random."


def _series(report: Replay) -> dict[str, str]:
    """Colour and dashes by name; ours in ink."""
    others = [name for name, _ in ranking(report) if name != OURS]
    found = {name: f"m{number % _MOST_SERIES}" for number, name in enumerate(others)}
    return {**({OURS: "panel"} if OURS in report.strategies else {}), **found}


def _legend(series: dict[str, str]) -> Element:
    entries = (tag("li", _swatch(of), tag("bdi", name)) for name, of in series.items())
    return tag("ul", *entries, class_="legend")


def _swatch(of: str) -> Element:
    line = tag("line", x1=1, y1=6, x2=27, y2=6, class_=f"line {of}")
    return tag("svg", line, viewBox="0 0 28 12", aria_hidden="true", class_="swatch")


def _curves(report: Replay, series: dict[str, str]) -> Element:
    highest = max(1.0, *(high for found in report.strategies.values() for _, high in found.interval.values()))
    chart = Chart(
        "Failures found against labels spent", _counts(report.labels), _counts(highest), x_label="labels spent",
        y_label="failures found",
    )  # fmt: skip
    corner = min(float(report.failures), highest, float(report.labels))
    chart.rule((0, 0), (corner, corner))
    chart.rule((0, 0), (report.labels, report.labels * report.base_rate))
    for name, of in reversed(series.items()):
        found = report.strategies[name]
        chart.line([x for x, _ in found.curve], [y for _, y in found.curve], of)
        for budget, (low, high) in found.interval.items():
            chart.whisker((float(budget), low), (float(budget), high), of)
    return chart.element


def _counts(highest: float) -> Scale:
    """From 0 to a number, with a handful of round ticks."""
    step = next(s for s in (10**e * m for e in range(9) for m in (1, 2, 5)) if highest / s <= 6)
    ticks = tuple(float(step * i) for i in range(int(highest / step) + 1))
    return Scale(lambda value: min(max(value / highest, 0.0), 1.0), ticks, lambda value: f"{value:,.0f}")


def _figures(report: Replay) -> Element:
    columns = ("", *(f"{int(budget):,} labels" for budget in report.budgets), "labels for 80 %")
    rows: list[Sequence[Node]] = [
        (name, *(_cell(found, budget) for budget in report.budgets), reached(report, found))
        for name, found in ranking(report)
    ]
    return table(columns, rows)


def _cell(found: Found, budget: str) -> Element:
    low, high = found.interval[budget]
    interval = tag("span", f"{low:.0f} {_DASH} {high:.0f}", class_="interval")
    return tag("td", tag("b", f"{found.found[budget]:.4g}"), " ", interval)
