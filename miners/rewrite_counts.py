"""Misses and false alarms of the deployed member on rewrites, by operator and by style.

A disguise that is passed where it hides a yes says little as long as nobody knows what the same disguise does to a no
text: a member that flags every sneaky-looking text misses nothing. So both are counted, over all rewrites whose label
is known by construction, queued or not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import BaseModel, ConfigDict

from miners.candidate import Scored


class RewriteCounts(BaseModel):
    """Verdicts of the deployed member on rewrites of one kind.

    Attributes:
        yes: rewrites that are yes by construction.
        passed: those of them that the deployed member passed.
        no: rewrites that are no by construction.
        flagged: those of them that it flagged.
        unknown: rewrites whose label is not known by construction.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    yes: int = 0
    passed: int = 0
    no: int = 0
    flagged: int = 0
    unknown: int = 0

    def plus(self, expected: int | None, *, flag: bool) -> RewriteCounts:
        """These counts and one rewrite more."""
        return RewriteCounts(
            yes=self.yes + (expected == 1),
            passed=self.passed + (expected == 1 and not flag),
            no=self.no + (expected == 0),
            flagged=self.flagged + (expected == 0 and flag),
            unknown=self.unknown + (expected is None),
        )


def counted_rewrites(
    before: Mapping[str, RewriteCounts], scored: Sequence[Scored], deployed: str
) -> dict[str, RewriteCounts]:
    """Counts with these texts added, under "operator:NAME" and "style:NAME"; texts that are no rewrites do not count.

    A chain of operators counts under the last, which wrote what the member read. Verdicts without the deployed member's
    answer are left out.
    """
    counts = dict(before)
    for item in scored:
        provenance, member = item.candidate.provenance, item.verdict.members.get(deployed)
        if not provenance.operators or member is None:
            continue
        style = provenance.meta.get("style")
        for key in (f"operator:{provenance.operators[-1]}", *((f"style:{style}",) if style else ())):
            counts[key] = counts.get(key, RewriteCounts()).plus(provenance.expected_label, flag=member.vote == "yes")
    return counts


def rewrite_lines(counts: Mapping[str, RewriteCounts], *, most: int = 5) -> list[str]:
    """Lines for people: each style, and the `most` operators with most misses, then most false alarms, on top."""
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1].passed, -pair[1].flagged, pair[0]))
    styles = [_said(key, found) for key, found in ordered if key.startswith("style:")]
    operators = [_said(key, found) for key, found in ordered if key.startswith("operator:")]
    left = len(operators) - most
    return [*styles, *operators[:most], *([f"and {left:,} more, see --json"] if left > 0 else [])]


def _said(key: str, found: RewriteCounts) -> str:
    parts = [
        f"passed {found.passed:,} of {found.yes:,} yes" if found.yes else "",
        f"flagged {found.flagged:,} of {found.no:,} no" if found.no else "",
        f"{found.unknown:,} of unknown label" if found.unknown else "",
    ]
    return f"{key.replace(':', ' ', 1)}: {', '.join(part for part in parts if part)}"
