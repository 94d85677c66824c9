"""What a campaign did, as `mine`, `campaigns` and `demo` print it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.cli.output import printable, put, say, seconds

if TYPE_CHECKING:
    from miners.campaigns.spec import Summary

OPERATORS = 8
"""Rewriting operators shown, those with the most texts queued."""

SHOWN = 100
"""Characters shown of the best text of a niche."""


def show_summary(summary: Summary) -> None:
    """Prints what a campaign did, what it cost, and how to go on."""
    _work(summary)
    _left_out(summary)
    _origins(summary)
    _rewrites(summary)
    for source, why in summary.benched.items():
        put(f"  {printable(source)} was taken out: {printable(why)}")
    _niches(summary)
    for example in summary.bad_examples[:3]:
        say(printable(example))
    _what_next(summary)


def _work(summary: Summary) -> None:
    put(
        f"{summary.campaign}: {summary.ended} after {summary.rounds} rounds and {seconds(summary.seconds)}; "
        f"{summary.proposed:,} proposed, {summary.scored:,} scored with {summary.member_calls:,} member calls"
        f"{f' ({summary.spared:,} spared)' if summary.spared else ''}, "
        f"{summary.queued:,} queued"
        f"{f', {summary.ordered:,} further answers ordered' if summary.ordered else ''}"
    )
    put(
        f"spent: {summary.spent:,} of {summary.budget:,} calls"
        f"{f', {summary.gradient_passes:,} gradient passes at two among them' if summary.gradient_passes else ''}, "
        f"and {summary.cpu_seconds:.1f} CPU seconds of proposers"
    )
    if summary.model_texts:
        put(f"for rewrites the language model read or wrote {summary.model_texts:,} texts, beside the calls")


def _left_out(summary: Summary) -> None:
    counts = {
        "exact duplicates": summary.exact_duplicates,
        "near duplicates": summary.near_duplicates,
        "unreadable texts": summary.refused,
        "bad rows": summary.bad_rows,
        "repeated rows": summary.repeated_rows,
        "degraded verdicts": summary.degraded,
        "texts given up": summary.left_out,
        "texts that the budget did not reach": summary.unpaid,
        "texts that another campaign queued meanwhile": summary.withdrawn,
    }
    if said := ", ".join(f"{count:,} {what}" for what, count in counts.items() if count):
        put(f"left out or noted: {said}")


def _origins(summary: Summary) -> None:
    """By source, operator and kind of disagreement."""
    for source, effort in summary.by_source.items():
        put(
            f"  {printable(source)}: {effort.queued:,} queued of {effort.scored:,} scored for {effort.calls:,.0f} calls"
        )
    operators = sorted(summary.by_operator.items(), key=lambda one: (-one[1].queued, -one[1].scored, one[0]))
    for operator, effort in operators[:OPERATORS]:
        put(f"  by {printable(operator)}: {effort.queued:,} queued of {effort.scored:,} scored")
    if len(operators) > OPERATORS:
        put(f"  and by {len(operators) - OPERATORS} operators more, see --json")
    for kind, count in sorted(summary.kinds.items()):
        put(f"  {kind}: {count:,} scored, {summary.queued_kinds.get(kind, 0):,} queued")


def _rewrites(summary: Summary) -> None:
    from miners.rewrite_counts import rewrite_lines

    if lines := rewrite_lines(summary.rewrites):
        put("rewrites whose label is known by construction, as the deployed member votes:")
        for line in lines:
            put(f"  {printable(line)}")


def _niches(summary: Summary) -> None:
    if niches := summary.notes.get("search", {}).get("niches"):
        put(f"  search: {niches['filled']:,} of {niches['cells']:,} niches filled, best first")
        for best in niches["best"]:
            put(f"    {best['worth']:.2f} {printable(best['niche'])}: {printable(best['text'][:SHOWN])}")


def _what_next(summary: Summary) -> None:
    if summary.findings.labelled:
        found = summary.findings
        put(f"people have labelled {found.labelled:,} of its texts so far: {found.fn:,} FN, {found.fp:,} FP")
    again = "resume" if summary.ended == "stopped" else "show"
    what = "goes on with it" if summary.ended == "stopped" else "tells what people find in it"
    say(f"`hungjury campaigns {again} {printable(summary.campaign)}` {what}")
