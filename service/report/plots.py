"""The plots of an evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from xml.etree.ElementTree import Element

from ensemble.evaluation.evaluate import Report
from ensemble.evaluation.metrics import Quality
from ensemble.evaluation.operating import Curve
from ensemble.evaluation.slices import FEW, SIGNIFICANT, Slice, SliceRates, Slicing
from service.report.chart import WIDTH, Chart, linear, percent, probit
from service.report.markup import tag

PANEL = "panel"
"""Series of the panel; members are m0, m1, ..."""

_LOWEST = 0.0005
_ROW, _LABEL_CHARS = 46.0, 34


def series(report: Report) -> dict[str, str]:
    """The series, by name of member."""
    return {name: f"m{number}" for number, name in enumerate(report.members)}


def legend(report: Report) -> Element:
    """Which line is whose."""
    entries = [*series(report).items(), ("panel", PANEL)]
    return tag("ul", *(tag("li", _swatch(of), tag("bdi", name)) for name, of in entries), class_="legend")


def _swatch(of: str) -> Element:
    line = tag("line", x1=1, y1=6, x2=27, y2=6, class_=f"line {of}")
    return tag("svg", line, viewBox="0 0 28 12", aria_hidden="true", class_="swatch")


def trade_off(report: Report) -> Element | None:
    """Misses against false alarms on the scale of the normal quantile (DET), with the threshold in use marked."""
    columns = _columns(report)
    if not columns:
        return None
    scale = probit(_LOWEST, 0.995)
    chart = Chart("Misses against false alarms", scale, scale, x_label="false alarms (FPR)", y_label="misses (FNR)")
    for of, quality, curve in columns:
        chart.line((0.0, *curve.fpr), (1.0, *curve.fnr), of)
        if quality.fnr is not None and quality.fpr is not None:
            chart.dot(quality.fpr, quality.fnr, of)
    return chart.element


def precision_recall(report: Report) -> Element | None:
    """Share of flagged rows that are yes against share of yes rows that are flagged."""
    columns = _columns(report)
    if not columns:
        return None
    chart = Chart("Precision against recall", linear(), linear(), x_label="recall (1 - FNR)", y_label="precision")
    base = report.positives / report.rows
    chart.rule((0, base), (1, base))
    for of, quality, curve in columns:
        chart.line([1 - fnr for fnr in curve.fnr], curve.precision, of)
        flagged = quality.positives - quality.misses + quality.false_alarms
        if quality.fnr is not None and flagged:
            chart.dot(1 - quality.fnr, (quality.positives - quality.misses) / flagged, of)
    return chart.element


def _columns(report: Report) -> list[tuple[str, Quality, Curve]]:
    """Series, quality and curve of whatever has a curve; the panel last, so that it is drawn on top."""
    if report.curves is None:
        return []
    found = [(of, report.members[name], report.curves.members[name]) for name, of in series(report).items()]
    found.append((PANEL, report.panel, report.curves.panel))
    return [(of, quality, curve) for of, quality, curve in found if curve is not None]


def reliability(name: str, quality: Quality, of: str) -> Element:
    """Observed share of yes against stated probability, with intervals."""
    chart = Chart(
        f"Reliability of {name}", linear(), linear(), x_label="stated probability", y_label="observed share of yes"
    )
    chart.rule((0, 0), (1, 1))
    chart.line([each.stated for each in quality.reliability], [each.observed for each in quality.reliability], of)
    for each in quality.reliability:
        chart.whisker((each.stated, each.interval[0]), (each.stated, each.interval[1]), of)
        chart.dot(each.stated, each.observed, of, radius=3.5)
    return chart.element


def slice_plot(slicing: Slicing, report: Report) -> Element:
    """Misses with intervals by slice, deployed member above, panel below; a slice without a yes is left out."""
    shown = [each for each in slicing.slices if each.yes]
    height = _ROW * len(shown) + 34
    plot = tag(
        "svg",
        tag("title", f"Misses by {slicing.field}"),
        viewBox=f"0 0 {WIDTH:g} {height:g}",
        role="img",
        class_="chart",
    )
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        left = _place(tick)
        plot.append(tag("line", x1=left, y1=0, x2=left, y2=height - 30, class_="grid"))
        plot.append(tag("text", percent(tick), x=left, y=height - 16, text_anchor="middle"))
    plot.append(tag("text", "misses (FNR)", x=WIDTH / 2, y=height - 2, text_anchor="middle", class_="axis"))
    of = {"deployed": series(report)[report.deployed], "panel": PANEL}
    for number, each in enumerate(shown):
        plot.extend(_slice_row(each, _ROW * number, of))
    return plot


def _slice_row(each: Slice, top: float, of: Mapping[str, str]) -> Sequence[Element]:
    name = each.name if len(each.name) <= _LABEL_CHARS else each.name[: _LABEL_CHARS - 1] + "…"
    counts = f"{each.yes:,} yes of {each.rows:,}"
    return [
        tag("text", name, x=4, y=top + 14, class_="name"),
        tag("text", counts, x=WIDTH - 4, y=top + 14, text_anchor="end"),
        *_interval(each.deployed, top + 24, of["deployed"]),
        *_interval(each.panel, top + 35, of["panel"]),
    ]


def _interval(rates: SliceRates, y: float, of: str) -> Sequence[Element]:
    """Interval and point; faint where hardly any row is behind it, ringed where it differs beyond chance."""
    if rates.fnr is None or rates.fnr_interval is None:
        return []
    faint = " faint" if rates.positives < FEW else ""
    low, high = rates.fnr_interval
    marks = [
        tag("line", x1=_place(low), y1=y, x2=_place(high), y2=y, class_=f"whisker {of}{faint}"),
        tag("circle", cx=_place(rates.fnr), cy=y, r=4, class_=f"dot {of}{faint}"),
    ]
    if differs(rates.fnr_differs):
        marks.append(tag("circle", cx=_place(rates.fnr), cy=y, r=6.5, class_=f"ring {of}"))
    return marks


def differs(adjusted: float | None) -> bool:
    """Whether a slice may be said to differ from all other rows."""
    return adjusted is not None and adjusted < SIGNIFICANT


def _place(share: float) -> float:
    return 20 + share * (WIDTH - 40)
