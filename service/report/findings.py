"""What an evaluation says, in a few sentences; the same on the page and in the terminal."""

from __future__ import annotations

from ensemble.evaluation.evaluate import Report
from ensemble.evaluation.metrics import Quality

_FEW_ERRORS = 10


def findings(report: Report) -> list[str]:
    """Sentences, the most important first, with what limits them."""
    return [*_limits(report), *_panel(report), *_misses(report), *_votes(report), *_capture(report)]


def _limits(report: Report) -> list[str]:
    found = []
    if report.positives == 0:
        found.append("No row is labelled yes: misses, AUC and average precision cannot be measured.")
    if report.positives == report.rows:
        found.append("No row is labelled no: false alarms and AUC cannot be measured.")
    negatives = report.rows - report.positives
    found += [
        f"With {negatives:,} rows labelled no, an FPR of at most {100 * at.target:g} % means none flagged."
        for at in report.panel.at_fpr
        if 0 < negatives * at.target < 1
    ]
    return found


def _panel(report: Report) -> list[str]:
    known = {name: each.auc for name, each in report.members.items() if each.auc is not None}
    if report.panel.auc is None or not known:
        return []
    best = max(known, key=lambda name: known[name])
    difference = report.panel.auc - known[best]
    word = "above" if difference > 0.0005 else "below" if difference < -0.0005 else "equal to"
    return [
        f"The panel's AUC is {report.panel.auc:.3f}{_between(report.panel.auc_interval)}, {word} that of the best"
        f" member, {best}, at {known[best]:.3f}."
    ]


def _misses(report: Report) -> list[str]:
    return [
        f"{who} passes {quality.misses:,} of {quality.positives:,} yes rows, FNR {quality.fnr:.3f}"
        f"{_between(quality.fnr_interval)}."
        for who, quality in ((report.deployed, report.members[report.deployed]), ("The panel", report.panel))
        if quality.fnr is not None
    ]


def _votes(report: Report) -> list[str]:
    found, members = report.independence, len(report.members)
    if members < 2:
        return []
    if found.n_eff is None:
        return ["How alike the members' errors are cannot be said: no two members err."]
    told = f"By their errors the {members} members are worth {found.n_eff:.2f} independent votes"
    thin = [name for name, each in report.members.items() if _errors(each) < _FEW_ERRORS]
    doubt = f" Hardly known: {', '.join(thin)} err on fewer than {_FEW_ERRORS} rows." if thin else ""
    return [f"{told}{_between(found.n_eff_interval, digits=2)}.{doubt}"]


def _errors(quality: Quality) -> int:
    return quality.misses + quality.false_alarms


def _capture(report: Report) -> list[str]:
    found = report.independence
    if len(report.members) < 2:
        return []
    differ = f"Votes differ on {100 * found.disagreeing_share:.1f} % of all rows"
    if found.capture is None:
        return [f"{differ}; {report.deployed} misses nothing that others could catch."]
    most = max(found.unique_catches, key=lambda name: found.unique_catches[name])
    alone = found.unique_catches[most]
    return [
        f"{differ}, and on {100 * found.capture:.1f} % of {report.deployed}'s misses another member votes yes"
        f" ({found.captured:,} of {found.misses:,}).",
        f"Without {most}, {alone:,} of these misses would be seen by nobody."
        if alone
        else "No member is the only one to see a miss.",
    ]


def _between(interval: tuple[float, float] | None, digits: int = 3) -> str:
    return "" if interval is None else f" ({interval[0]:.{digits}f} to {interval[1]:.{digits}f})"
