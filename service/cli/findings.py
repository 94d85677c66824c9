"""`findings`: what was found, by whom fooled, and what its families are for."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli.auditing import note
from service.cli.data import Count, open_queue
from service.cli.moments import ago
from service.cli.output import Json, printable, put, put_json, say, table

if TYPE_CHECKING:
    from miners.found_numbers import FoundSummary
    from miners.queue.types import Finding

TEXT_CHARS = 120
MOST_TOLD = 1_000


class KindName(StrEnum):
    """What a finding is."""

    FN = "FN"
    FP = "FP"


class MarkName(StrEnum):
    """What a family can be for; none takes the mark back."""

    train = "train"
    hold_out = "hold-out"
    regression = "regression"
    none = "none"


def add_to(app: typer.Typer) -> None:
    """Adds the commands."""
    group = typer.Typer(help="Findings, and what they are for; need the running service.")
    group.callback(invoke_without_command=True)(findings)
    group.command()(mark)
    app.add_typer(group, name="findings")


def findings(
    context: typer.Context,
    kind: Annotated[KindName | None, typer.Option("--kind", help="FN: passed, but yes. FP: flagged, but no.")] = None,
    severity_from: Annotated[
        float | None, typer.Option("--severity-from", min=0, max=4, help="Mean severity, at least.")
    ] = None,
    severity_to: Annotated[float | None, typer.Option("--severity-to", min=0, max=4, help="At most.")] = None,
    source: Annotated[str | None, typer.Option("--source", help="Where the text came from.")] = None,
    operator: Annotated[str | None, typer.Option("--operator", help="A rewriting operator that was applied.")] = None,
    fooled: Annotated[
        str | None, typer.Option("--fooled", help="Exactly these members voted against the label: a,b.")
    ] = None,
    harm: Annotated[str | None, typer.Option("--harm", help="What hurts, where that is known.")] = None,
    style: Annotated[str | None, typer.Option("--style", help="How the text is disguised, where known.")] = None,
    marked: Annotated[MarkName | None, typer.Option("--mark", help="What its family is for.")] = None,
    family: Annotated[str | None, typer.Option("--family", help="Of this family.")] = None,
    query: Annotated[str | None, typer.Option("--search", "-q", help="Words that stand in text or context.")] = None,
    since: Annotated[str | None, typer.Option("--since", help="Found from then on: 7d, 12h or a time.")] = None,
    until: Annotated[str | None, typer.Option("--until", help="Found before then.")] = None,
    count: Count = 20,
    as_json: Json = False,
) -> None:
    """Show findings, newest first: texts on which people say that the deployed member is wrong.

    `hungjury findings mark FAMILY MARK` says what a whole family is for.
    """
    if context.invoked_subcommand is not None:
        return
    wanted = {
        "kind": kind, "severity_from": severity_from, "severity_to": severity_to, "source": source,
        "operator": operator, "fooled": fooled, "harm": harm, "style": style, "mark": marked, "family": family,
        "q": query, "since": since and ago(since, "--since"), "until": until and ago(until, "--until"),
    }  # fmt: skip
    found, told = _look({name: value for name, value in wanted.items() if value is not None}, count)
    note("findings", "", len(found))
    if as_json:
        shown = [finding.model_dump(mode="json") for finding in found]
        put_json({"findings": shown, "summary": told.model_dump(mode="json")})
    elif not found:
        put("no such findings")
    else:
        _show(found, told)


def mark(
    family: Annotated[str, typer.Argument(help="Its name, as `hungjury findings` shows it.")],
    what: Annotated[
        MarkName, typer.Argument(metavar="MARK", help="train, hold-out, regression; none takes a mark back.")
    ],
) -> None:
    """Say what a whole family of texts is for, those that come later too.

    `hungjury train` leaves out exported rows of families that are marked hold-out or regression.
    """
    from miners.queue.types import MARKS

    wanted = next((each for each in MARKS if each == what.value), None)
    with open_queue() as queue:
        queue.mark(family, wanted)
        known = len(queue.family(family, count=MOST_TOLD))
    note("findings mark", family, detail={"mark": what.value})
    told = f"{known:,}{' or more' if known == MOST_TOLD else ''} rewrites of it are queued"
    say(f"{printable(family)}: {wanted or 'no mark'}; {told}")


def _look(wanted: dict[str, Any], count: int) -> tuple[list[Finding], FoundSummary]:
    """The newest findings of those asked for, and all of them in numbers."""
    from pydantic import ValidationError

    from ensemble.errors import InputError
    from miners.found import FoundIndex, Wanted
    from miners.found_numbers import summarise
    from miners.queue.codec import finding_in

    try:
        asked = Wanted.model_validate(wanted)
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(first["msg"], field=str(first["loc"][0])) from None
    index = FoundIndex()
    with open_queue() as queue:
        index.follow(queue)
        marks = queue.marks()
        chosen = index.select(asked, marks)
        items = queue.look_up([one.id for one in chosen[:count]])
    found = [finding for item in items if (finding := finding_in(item)) is not None]
    return found, summarise(chosen, marks, index.known)


def _show(found: list[Finding], told: FoundSummary) -> None:
    columns = ("found", "kind", "severity", "fooled", "source", "family", "mark", "text")
    table("", columns, [_cells(finding) for finding in found], wide=("fooled", "source", "family", "text"))
    put(f"{told.total:,} findings, {told.fn:,} FN and {told.fp:,} FP; {len(found):,} shown")


def _cells(finding: Finding) -> tuple[str, ...]:
    from miners.found import fooled_members

    item, origin = finding.item, finding.item.new.provenance
    return (
        f"{finding.at:%Y-%m-%d %H:%M}",
        finding.kind,
        "-" if finding.severity is None else f"{finding.severity:.1f}",
        ", ".join(fooled_members(item)),
        " ".join((origin.source, *origin.operators)),
        origin.family,
        item.mark or "-",
        printable(item.new.text, TEXT_CHARS),
    )
