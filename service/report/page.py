"""Putting an evaluation's page together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element

from ensemble.evaluation.evaluate import Report
from ensemble.evaluation.slices import FEW, MIN_ROWS, Slicing
from ensemble.kinds import KINDS
from service.report import plots, tables
from service.report.findings import findings
from service.report.markup import document, tag


@dataclass(frozen=True)
class Heading:
    """What was evaluated.

    Attributes:
        task: name of the task.
        data: where the rows came from.
        when: time of the evaluation, as it is shown.
    """

    task: str
    data: str
    when: str


def page(report: Report, heading: Heading) -> str:
    """The page: one HTML document with everything in it.

    Args:
        report: with curves, where curves are to be drawn.
        heading: shown above.
    """
    style = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
    body = tag("body", *_intro(report, heading))
    for section in (_quality, _calibration, _independence, _slices, _reading):
        body.extend(section(report))
    return document(f"Evaluation of {heading.task}", style, body)


def _intro(report: Report, heading: Heading) -> list[Element]:
    facts = f"{report.rows:,} rows, {report.positives:,} of them yes; deployed: "
    return [
        tag("h1", "Evaluation of ", tag("bdi", heading.task)),
        tag("p", tag("bdi", heading.data), f", {heading.when}", class_="aside"),
        tag("p", facts, tag("bdi", report.deployed), class_="aside"),
        tag("ul", *(tag("li", text) for text in findings(report))),
    ]


def _quality(report: Report) -> list[Element]:
    told = "FNR and FPR at each one's threshold; below each figure its 95 % interval and counts."
    found = [tag("h2", "Members and panel"), tag("p", told, class_="aside"), tables.quality_table(report)]
    if report.panel.at_fpr:
        found.append(tables.fixed_fpr_table(report))
    trade_off, precision = plots.trade_off(report), plots.precision_recall(report)
    if trade_off is not None and precision is not None:
        first = (
            "Nearer the lower left corner is better. The dot is the threshold in use. Scales of the normal quantile."
        )
        second = "Nearer the upper right corner is better. The dotted line is what flagging at random would give."
        found += [
            plots.legend(report),
            tag("div", _figure(trade_off, first), _figure(precision, second), class_="pair"),
        ]
    return found


def _calibration(report: Report) -> list[Element]:
    members = [(name, report.members[name], of) for name, of in plots.series(report).items()]
    everyone = [*members, ("panel", report.panel, plots.PANEL)]
    figures = [_figure(plots.reliability(*each), tag("bdi", each[0])) for each in everyone]
    told = (
        "Each point is a tenth of the rows. On the diagonal, of the rows given 30 %, 30 % are yes; below it the member"
        " says yes too strongly. Bars are 95 % intervals."
    )
    return [
        tag("h2", "Calibration"),
        tag("p", told, class_="aside"),
        tables.calibration_table(report),
        tag("div", *figures, class_="small"),
    ]


def _independence(report: Report) -> list[Element]:
    found = report.independence
    faults = [value for row, others in found.double_fault.items() for other, value in others.items() if row != other]
    highest = max([value for value in faults if value is not None], default=0.0)
    correlation = tag("div", tag("h3", "Correlation of errors"), tables.heat_map(found.error_correlation, highest=1.0))
    double = tag(
        "div", tag("h3", "Double faults, share of rows"), tables.heat_map(found.double_fault, highest=highest, digits=3)
    )
    return [
        tag("h2", "Independence"),
        tag("div", correlation, double, class_="pair"),
        tag("h3", "What would be missed without it"),
        tag("p", "Rows labelled yes that ", tag("bdi", report.deployed), " passes, by who else votes:", class_="aside"),
        tables.contribution_table(report),
        tag("h3", "Kinds of disagreement"),
        tag("p", "By votes; a row can be of several kinds.", class_="aside"),
        tables.kinds_table(report),
        tag("dl", *(tag(name, text) for kind, told in KINDS.items() for name, text in (("dt", kind), ("dd", told)))),
    ]


def _slices(report: Report) -> list[Element]:
    if not report.slices:
        return []
    told = (
        f"A ring (in the table {tables.DIFFERS}) marks what differs from all other rows beyond chance, corrected for"
        f" the number of slices; faint (in the table {tables.FEW_MARK}) is what has fewer than {FEW} rows behind it."
        f" Values with fewer than {MIN_ROWS} rows are put together."
    )
    found = [tag("h2", "Slices"), tag("p", told, class_="aside")]
    for slicing in report.slices:
        found += _slicing(slicing, report)
    return found


def _slicing(slicing: Slicing, report: Report) -> list[Element]:
    found = [tag("h3", "By ", tag("bdi", slicing.field))]
    if slicing.overlapping:
        found.append(tag("p", "Rows with several values count in several slices.", class_="aside"))
    if any(each.yes for each in slicing.slices):
        caption = tag("span", "Above ", tag("bdi", report.deployed), ", below the panel; lines are 95 % intervals.")
        found.append(_figure(plots.slice_plot(slicing, report), caption, class_="slices"))
    details = tag("details", tag("summary", "All figures"), tables.slice_table(slicing, report.deployed))
    return [*found, details]


def _figure(plot: Element, caption: Element | str, *, class_: str | None = None) -> Element:
    return tag("figure", plot, tag("figcaption", caption), class_=class_)


_WORDS = {
    "FNR, FPR": "Share of yes rows that are passed (misses), and of no rows that are flagged (false alarms). Intervals"
    " are exact (Clopper and Pearson), at 95 %.",
    "FNR at a fixed FPR": "At the lowest threshold that keeps false alarms on these rows within the limit. It is read"
    " off the same rows, so the true rate is a little worse on average.",
    "AUC": "Chance that a random yes is scored above a random no; 0.5 is a coin. Intervals after Newcombe,"
    " approximate.",
    "Average precision": "Area under precision against recall; the share of yes rows is what chance gives. Intervals"
    " after Boyd, Eng and Page, approximate.",
    "Calibration error": "Mean gap between stated probability and observed share of yes over ten bins of equal count."
    " Even perfect probabilities show the error given as by chance.",
    "Effective votes": "Members squared by the sum of their error correlations (Kish): what that many independent"
    " members of the same quality would be worth. Interval by bootstrap.",
    "Double fault": "Share of rows on which both members are wrong; on the diagonal, on which one is.",
    "Capture": "Share of the deployed member's misses on which another member votes yes. Worth something where it is"
    " well above the share of all rows on which votes differ.",
}


def _reading(_: Report) -> list[Element]:
    entries = [tag(name, text) for word, meaning in _WORDS.items() for name, text in (("dt", word), ("dd", meaning))]
    return [tag("h2", "How to read this"), tag("dl", *entries)]
