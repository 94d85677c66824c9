"""`mine`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypedDict

import typer

from service.cli.bulk import Bulk, Keep, Look, mine_bulk, refuse_without_bulk
from service.cli.data import open_queue, show_items
from service.cli.output import Json, bar, printable, put, put_json, say, seconds

if TYPE_CHECKING:
    from miners.campaign_spec import CampaignSpec, Progress, Summary
    from service.runtime_state import RuntimeState

TOP = 10
"""Queued items shown at the end."""

GENERATED = ("completions", "rewrite")
"""Kinds of sources that need no file."""


class CampaignOptions(TypedDict):
    """What a command line may say of a campaign; None leaves it to the service's settings."""

    budget: int | None
    queue: int | None
    seed: int | None
    answers: int | None
    generated: bool


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(mine)


def mine(
    files: Annotated[
        list[Path] | None, typer.Option("--input", "-i", help="Texts to mine; may be repeated.", metavar="FILE")
    ] = None,
    budget: Annotated[
        int | None, typer.Option("--budget", min=8, help="Member calls to spend; one text costs one a member.")
    ] = None,
    queue: Annotated[int | None, typer.Option("--queue", min=1, help="Items to queue at most.")] = None,
    name: Annotated[
        str | None, typer.Option("--name", help="Name of the campaign; the same name again goes on with it.")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="Seed of everything drawn at random.")] = None,
    answers: Annotated[int | None, typer.Option("--answers", min=1, help="Answers wanted per item.")] = None,
    generated: Annotated[
        bool, typer.Option("--with-generated", help="With --input: also completions and rewrites.")
    ] = False,
    bulk: Bulk = False,
    keep: Keep = None,
    look: Look = None,
    as_json: Json = False,
) -> None:
    """Run a mining campaign on the running service. Without --input: completions and rewrites.

    Ctrl-C leaves the campaign running in the service.
    """
    from service.runtime_state import require_running

    state, name = require_running(), name or new_name()
    asked = CampaignOptions(budget=budget, queue=queue, seed=seed, answers=answers, generated=generated)
    if bulk:
        mine_bulk(state, name, [str(path) for path in files or []], keep=keep, look=look, asked=asked, as_json=as_json)
        return
    refuse_without_bulk(keep=keep, look=look)
    spec = campaign_spec(state, files or [], **asked)
    summary = run_campaign(name, spec)
    if as_json:
        put_json(summary.model_dump(mode="json"))
    else:
        show_summary(summary)
        show_top()


def new_name() -> str:
    """A campaign's name out of the time of day."""
    from datetime import datetime

    return f"campaign-{datetime.now().astimezone():%Y%m%d-%H%M%S}"


def campaign_spec(
    state: RuntimeState,
    files: list[Path],
    *,
    budget: int | None = None,
    queue: int | None = None,
    seed: int | None = None,
    answers: int | None = None,
    generated: bool = False,
    shortlist: Path | None = None,
) -> CampaignSpec:
    """What the campaign is told: the command line over the service's settings.

    Raises:
        InputError: an input is not a file.
    """
    from ensemble.artifacts import current_artifact
    from ensemble.tasks.task import load_task
    from miners.campaign_spec import CampaignSpec
    from miners.selection import Design

    task, mining = load_task(state.task).name, state.mining
    joint = current_artifact(task).joint
    off = dict.fromkeys(GENERATED, 0.0) if (files or shortlist) and not generated else {}
    return CampaignSpec(
        task=task,
        deployed=joint.deployed,
        inputs=tuple(str(_file(path)) for path in files),
        shortlist=str(shortlist) if shortlist else None,
        budget=budget or mining.budget_texts * len(joint.members),
        queue_size=queue or mining.queue_size,
        round_size=max(mining.round_size, 1),
        seed=mining.seed if seed is None else seed,
        answers=answers or state.answers_per_item,
        shares=off,
        design=Design(audit_share=mining.audit_share),
        near_duplicate=mining.near_duplicate_similarity,
    )


def _file(path: Path) -> Path:
    """The file's absolute path, which the service can read wherever it was started."""
    from ensemble.errors import InputError

    absolute = path.expanduser().absolute()
    if not absolute.is_file():
        raise InputError(f"{path} is not a file", field="--input")
    return absolute


def run_campaign(name: str, spec: CampaignSpec) -> Summary:
    """Has the service run it, and looks on until it is over.

    Raises:
        CampaignError: it failed.
        NotRunningError: the service ended meanwhile; the campaign goes on when it is back.
    """
    from ensemble.home import home
    from miners.errors import CampaignError
    from service.runtime_state import require_running
    from service.supervisor.campaigns import follow_campaign, request_campaign
    from service.supervisor.store import open_store

    with open_store() as store:
        request_campaign(store, name, spec, home())
    say(f"campaign {printable(name)} is under way")
    try:
        with bar("mining", float(spec.budget)) as tell:
            for news in follow_campaign(name, home(), alive=require_running):
                if news.progress is not None:
                    tell(float(news.progress.tally.member_calls), _progress(news.progress))
    except KeyboardInterrupt:
        say(f"the campaign goes on in the service; look on with the same command and --name {printable(name)}")
        raise
    if news.summary is None:
        raise CampaignError(f"campaign {name!r} {news.state}: {news.error}")
    return news.summary


def _progress(at: Progress) -> str:
    return f"round {at.round}: {at.tally.scored:,} scored, {at.tally.queued:,} of {at.queue_size:,} queued"


def show_summary(summary: Summary) -> None:
    """Prints what a campaign did."""
    put(
        f"{summary.campaign}: {summary.ended} after {summary.rounds} rounds and {seconds(summary.seconds)}; "
        f"{summary.proposed:,} proposed, {summary.scored:,} scored with {summary.member_calls:,} member calls"
        f"{f' ({summary.spared:,} spared)' if summary.spared else ''}, "
        f"{summary.queued:,} queued"
    )
    left_out = {
        "exact duplicates": summary.exact_duplicates,
        "near duplicates": summary.near_duplicates,
        "unreadable texts": summary.refused,
        "bad rows": summary.bad_rows,
        "degraded verdicts": summary.degraded,
        "texts given up": summary.left_out,
    }
    if said := ", ".join(f"{count:,} {what}" for what, count in left_out.items() if count):
        put(f"left out or noted: {said}")
    for source, count in summary.queued_by_source.items():
        put(f"  {printable(source)}: {count:,} queued")
    for kind, count in sorted(summary.kinds.items()):
        put(f"  {kind}: {count:,} scored, {summary.queued_kinds.get(kind, 0):,} queued")
    for source, why in summary.benched.items():
        put(f"  {printable(source)} was taken out: {printable(why)}")
    for example in summary.bad_examples[:3]:
        say(printable(example))


def show_top(count: int = TOP) -> None:
    """Prints the top of the queue."""
    with open_queue() as found:
        items = found.top(count)
    if items:
        show_items("top of the queue", items)
    else:
        put("nothing waits in the queue")
