"""Findings in numbers, for plots: by severity, who was fooled, harm, style, source, operator, mark and week."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from functools import lru_cache

from pydantic import BaseModel

from miners.found import Found
from miners.queue.types import FindingKind, Mark
from miners.search.niches import UNKNOWN

MOST_NAMES = 50
"""Names that a breakdown lists; the rarest are left out, and counted."""

DAY_MS = 86_400_000


class Counted(BaseModel):
    """How many findings have something in common."""

    name: str
    fn: int
    fp: int


class Breakdown(BaseModel):
    """Findings by one of their properties: the most frequent names first, or in order where the names have one.

    Attributes:
        left_out: names that are not listed, and not their findings.
    """

    counts: list[Counted]
    left_out: int = 0


class FoundSummary(BaseModel):
    """Findings in numbers.

    Attributes:
        total, fn, fp: those asked for.
        known: findings that are searched at all.
        by: severity (rounded), fooled, harm, style, source, operator (a chain counts under each), mark, week (Monday).
    """

    total: int
    fn: int
    fp: int
    known: int
    by: dict[str, Breakdown]


def summarise(found: Sequence[Found], marks: Mapping[str, Mark], known: int) -> FoundSummary:
    """The findings in numbers; `known` of them are searched at all."""
    fn = sum(one.kind == "FN" for one in found)
    names: dict[str, Iterable[tuple[str, FindingKind]]] = {
        "severity": ((_rounded(one.severity), one.kind) for one in found),
        "fooled": ((one.fooled, one.kind) for one in found),
        "harm": ((one.harm, one.kind) for one in found),
        "style": ((one.style, one.kind) for one in found),
        "source": ((one.source, one.kind) for one in found),
        "operator": ((name, one.kind) for one in found for name in dict.fromkeys(one.operators)),
        "mark": ((marks.get(one.family, "none"), one.kind) for one in found),
        "week": ((_monday((one.at // DAY_MS + 3) // 7), one.kind) for one in found),
    }
    by = {name: _breakdown(pairs, in_order=name in {"severity", "week"}) for name, pairs in names.items()}
    return FoundSummary(total=len(found), fn=fn, fp=len(found) - fn, known=known, by=by)


def _breakdown(pairs: Iterable[tuple[str, FindingKind]], *, in_order: bool) -> Breakdown:
    counts = Counter(pairs)
    totals = Counter[str]()
    for (name, _), count in counts.items():
        totals[name] += count
    if in_order:
        names = sorted(totals)[-MOST_NAMES:]
    else:
        names = sorted(totals, key=lambda name: (-totals[name], name))[:MOST_NAMES]
    listed = [Counted(name=name, fn=counts[name, "FN"], fp=counts[name, "FP"]) for name in names]
    return Breakdown(counts=listed, left_out=len(totals) - len(listed))


def _rounded(severity: float | None) -> str:
    return UNKNOWN if severity is None else str(int(severity + 0.5))


@lru_cache(maxsize=10_000)
def _monday(week: int) -> str:
    """The day on which a week begins; the first of them, in which the epoch lies, is 0."""
    return (date(1969, 12, 29) + timedelta(weeks=week)).isoformat()
