"""`campaigns list`, `campaigns show`, `campaigns stop`, `campaigns resume`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli.auditing import act_here
from service.cli.data import PAGE
from service.cli.output import Json, printable, put, put_json, say, seconds, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from miners.campaigns.report import CampaignReport, Standing, Yield
    from miners.campaigns.spec import CampaignSpec
    from miners.queue.connect import Store
    from miners.queue.redis_queue import RedisQueue
    from miners.queue.types import Item

Name = Annotated[str, typer.Argument(metavar="NAME", help="As it was given, or as the list shows it.")]

_MOST_INPUTS = 3


def add_to(app: typer.Typer) -> None:
    """Adds the commands."""
    group = typer.Typer(help="Campaigns of the running service: list, show, stop, resume.", invoke_without_command=True)
    group.callback()(_by_default)
    group.command(name="list")(list_campaigns)
    group.command()(show)
    group.command()(stop)
    group.command()(resume)
    app.add_typer(group, name="campaigns")


def _by_default(context: typer.Context, as_json: Json = False) -> None:
    """Campaigns of the running service; lists them when no command is given."""
    if context.invoked_subcommand is None:
        list_campaigns(as_json=as_json)


def list_campaigns(as_json: Json = False) -> None:
    """List campaigns, oldest first, with what they spent and queued and what people found in it so far."""
    from service.supervisor.store import open_store

    with open_store() as store:
        found = summaries(store)
    if as_json:
        put_json(found)
    elif not found:
        put("no campaign yet; `hungjury mine` starts one")
    else:
        columns = ("campaign", "state", "begun", "calls spent", "of", "scored", "queued", "labelled", "FN", "FP")
        table("", columns, [_cells(each) for each in found], wide=("campaign",))


def summaries(store: Store) -> list[dict[str, Any]]:
    """All campaigns in short, oldest first."""
    from ensemble.home import home
    from miners.campaigns.budget import spent
    from miners.campaigns.report import standing
    from service.supervisor.campaigns import state_of

    found = {name: standing(store.campaigns, name) for name in store.campaigns.names()}
    counts = _findings(store, {at.spec.task for at in found.values()})
    return [
        {
            "name": name,
            "state": state_of(store.campaigns.status(name), home()),
            "task": at.spec.task,
            "created_at": store.campaigns.status(name).created_at.isoformat(),
            "ended": at.summary.ended if at.summary is not None else None,
            "spent": spent(at.tally),
            "budget": at.spec.budget,
            "rounds": at.round if at.summary is not None else at.round - 1,
            "scored": at.tally.scored,
            "queued": at.tally.queued,
            "seconds": at.seconds,
            **counts.get(name, {"labelled": 0, "fn": 0, "fp": 0}),
        }
        for name, at in found.items()
    ]


def _findings(store: Store, tasks: set[str]) -> dict[str, dict[str, int]]:
    """By campaign, what people said of its texts."""
    items = {item.new.id: item for task in sorted(tasks) for item in _labelled(store.queue(task))}
    found: dict[str, dict[str, int]] = {}
    for item in items.values():
        counts = found.setdefault(item.new.provenance.campaign, {"labelled": 0, "fn": 0, "fp": 0})
        counts["labelled"] += 1
        counts["fn"] += item.finding == "FN"
        counts["fp"] += item.finding == "FP"
    return found


def _labelled(queue: RedisQueue) -> Iterator[Item]:
    offset = 0
    while page := queue.labelled(offset=offset, count=PAGE):
        yield from page
        offset += len(page)


def _cells(each: Mapping[str, Any]) -> tuple[str, ...]:
    state = f"{each['state']}: {each['ended']}" if each["ended"] else each["state"]
    numbers = (each[key] for key in ("spent", "budget", "scored", "queued", "labelled", "fn", "fp"))
    return (each["name"], state, f"{each['created_at'][:16].replace('T', ' ')}", *(f"{n:,}" for n in numbers))


def show(name: Name, as_json: Json = False) -> None:
    """Show one campaign: what it did, and where each finding came from and what it cost, as of now."""
    from ensemble.home import home
    from miners.campaigns.report import campaign_report, standing
    from service.supervisor.campaigns import campaign_news, state_of
    from service.supervisor.store import open_store

    with open_store() as store:
        at = standing(store.campaigns, name)
        report = campaign_report(store.campaigns, store.queue(at.spec.task).items(), name)
        state = state_of(store.campaigns.status(name), home())
    news = campaign_news(name, home())
    error = news.error if news is not None and state in {"failed", "interrupted"} else ""
    if as_json:
        put_json(_as_json(report, at) | {"state": state, "error": error})
        return
    ended = f", {at.summary.ended}" if at.summary is not None else ""
    put(f"{printable(name)}: {state}{ended}, {at.round} rounds, {seconds(at.seconds)} of work")
    if error:
        put(f"  {printable(error)}")
    _show_told(at.spec)
    show_spending(at)
    show_findings(report)
    if state == "stopped":
        say(f"`hungjury campaigns resume {printable(name)}` goes on with it")


def _as_json(report: CampaignReport, at: Standing) -> dict[str, Any]:
    from miners.campaigns.budget import spent

    standing = at.model_dump(mode="json", exclude={"summary"})
    return (
        report.model_dump(mode="json")
        | standing
        | {
            "spent": spent(at.tally),
            "summary": None if at.summary is None else at.summary.model_dump(mode="json"),
        }
    )


def _show_told(spec: CampaignSpec) -> None:
    inputs = [path.rpartition("/")[2] for path in spec.inputs]
    shown = ", ".join(inputs[:_MOST_INPUTS]) + (
        f" and {len(inputs) - _MOST_INPUTS} more" * (len(inputs) > _MOST_INPUTS)
    )
    put(
        f"  told: task {spec.task}, deployed {spec.deployed}, "
        f"{f'files {printable(shown)}' if inputs else 'no file'}, queue {spec.queue_size:,}, seed {spec.seed}, "
        f"selected by {spec.strategy}"
    )


def show_spending(at: Standing) -> None:
    """Prints what a campaign spent, and what on."""
    from miners.campaigns.budget import GRADIENT_CALLS, spent

    tally = at.tally
    passes = f" + {tally.gradient_passes:,} gradient passes at {GRADIENT_CALLS}" if tally.gradient_passes else ""
    put(
        f"  spent: {spent(tally):,} of {at.spec.budget:,} calls ({tally.member_calls:,} member calls{passes}), "
        f"{tally.cpu_seconds:.1f} CPU seconds of proposers"
    )
    put(f"  texts: {tally.proposed:,} proposed, {tally.scored:,} scored, {tally.queued:,} queued")
    if tally.ordered:
        put(f"  further answers ordered for labelled texts: {tally.ordered:,}")
    for source, why in at.benched.items():
        put(f"  {printable(source)} was taken out: {printable(why)}")


def show_findings(report: CampaignReport) -> None:
    """Prints what people found in a campaign's texts so far, by where the texts come from."""
    total, found = report.total, report.findings
    cost = f", {total.calls_per_finding:,.0f} calls each" if total.calls_per_finding is not None else ""
    put(
        f"  people: {found.labelled:,} of {total.queued:,} queued texts have a label; "
        f"findings: {found.fn:,} FN (passed, label yes), {found.fp:,} FP (flagged, label no){cost}"
    )
    kinds = {
        "source": report.by_source,
        "operator": report.by_operator,
        "pair that disagrees": report.by_pair,
        "kind of disagreement": report.by_kind,
    }
    for heading, yields in kinds.items():
        if yields:
            _show_yields(heading, yields)


def _show_yields(heading: str, yields: Mapping[str, Yield]) -> None:
    costed = any(each.calls is not None for each in yields.values())
    columns = (heading, "queued", "labelled", "FN", "FP")
    more = ("scored", "calls", "calls a queued text", "calls a finding")
    order = sorted(yields.items(), key=lambda pair: (-pair[1].fn, -pair[1].fp, -pair[1].queued, pair[0]))
    rows = [
        (
            name,
            *(f"{number:,}" for number in (each.queued, each.labelled, each.fn, each.fp)),
            *((_number(each.scored), _number(each.calls)) if costed else ()),
            *((_number(each.calls_per_queued), _number(each.calls_per_finding)) if costed else ()),
        )
        for name, each in order
    ]
    table("", columns + (more if costed else ()), rows, wide=(heading,))


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.1f}"


def stop(name: Name, as_json: Json = False) -> None:
    """Stop a campaign after the batch in progress; what is done stays, and it can be resumed."""
    from ensemble.home import home
    from service.supervisor.campaigns import state_of
    from service.supervisor.store import open_store

    with open_store() as store:
        before = state_of(store.campaigns.status(name), home())
        if before != "finished":
            store.campaigns.halt(name)
            store.audit.add(act_here("campaign stopped", name))
    if as_json:
        put_json({"name": name, "was": before, "stopping": before != "finished"})
    elif before == "finished":
        put(f"{printable(name)} is finished; there is nothing to stop")
    elif before == "stopped":
        put(f"{printable(name)} is stopped already")
    else:
        put(
            f"{printable(name)} stops after the batch in progress; "
            f"`hungjury campaigns resume {printable(name)}` goes on with it"
        )


def resume(name: Name, as_json: Json = False) -> None:
    """Go on with a campaign that was stopped or failed, with the settings that it had; looks on until it is over."""
    from miners.campaigns.report import standing
    from service.cli.campaign_summary import show_summary
    from service.cli.campaigning import run_campaign
    from service.supervisor.store import open_store

    with open_store() as store:
        spec = standing(store.campaigns, name).spec
    summary = run_campaign(name, spec)
    if as_json:
        put_json(summary.model_dump(mode="json"))
    else:
        show_summary(summary)
