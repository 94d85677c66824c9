"""A campaign on the running service, as `mine`, `mine --bulk`, `campaigns` and `demo` begin and follow it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, TypedDict

from service.cli.auditing import act_here
from service.cli.data import open_queue, show_items
from service.cli.output import bar, printable, put, say

if TYPE_CHECKING:
    from miners.campaigns.spec import CampaignSpec, Progress, Summary
    from service.runtime_state import RuntimeState

TOP = 10
"""Queued items shown at the end."""

LEAST_BUDGET = 8
"""Calls that surely pay for one text, before it is known how many members answer."""

GENERATED = ("live", "completions", "steered", "rewrite", "search")
"""Kinds of sources that need no file."""


class CampaignOptions(TypedDict):
    """What a command line may say of a campaign; None leaves it to the service's settings."""

    budget: int | None
    queue: int | None
    seed: int | None
    answers: int | None
    generated: bool
    shares: Mapping[str, float]
    strategy: str | None
    tags: tuple[str, ...]


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
    shares: Mapping[str, float] = MappingProxyType({}),
    strategy: str | None = None,
    tags: tuple[str, ...] = (),
    shortlist: Path | None = None,
) -> CampaignSpec:
    """What the campaign is told: the command line over the service's settings.

    Raises:
        InputError: an input is not there, or holds no file of rows.
    """
    from ensemble.artifacts import current_artifact
    from ensemble.tasks.task import load_task
    from miners.campaigns.spec import CampaignSpec
    from miners.queue.checks import check_tags
    from miners.selection import Design

    inputs = tuple(_input(path) for path in files)
    task, mining = load_task(state.task).name, state.mining
    joint = current_artifact(task).joint
    off = dict.fromkeys(GENERATED, 0.0) if (files or shortlist) and not generated else {}
    return CampaignSpec(
        task=task,
        deployed=joint.deployed,
        inputs=inputs,
        shortlist=str(shortlist) if shortlist else None,
        budget=budget if budget is not None else max(LEAST_BUDGET, mining.budget_texts * len(joint.members)),
        queue_size=queue if queue is not None else mining.queue_size,
        round_size=max(mining.round_size, 1),
        seed=mining.seed if seed is None else seed,
        answers=answers or state.answers_per_item,
        tags=check_tags(tags),
        shares={**off, **shares},
        design=Design(audit_share=mining.audit_share),
        near_duplicate=mining.near_duplicate_similarity,
        strategy=mining.strategy if strategy is None else strategy,
        second_votes=mining.second_votes,
    )


def _input(path: Path) -> str:
    """The absolute path or pattern, which the service can read wherever it was started."""
    from ensemble.errors import InputError
    from ensemble.row_files import find_files

    absolute = path.expanduser().absolute()
    found = find_files(absolute)
    if not found.files[0].searched and not absolute.is_file():
        raise InputError(f"{path} is neither a file nor a folder", field="--input")
    for skipped in found.skipped:
        say(printable(str(skipped)))
    return str(absolute)


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
        detail = {"strategy": spec.strategy, "budget": str(spec.budget)}
        store.audit.add(act_here("campaign begun or resumed", name, spec.queue_size, detail))
    say(f"campaign {printable(name)} is under way")
    try:
        with bar("mining", float(spec.budget)) as tell:
            for news in follow_campaign(name, home(), alive=require_running):
                if news.progress is not None:
                    tell(float(news.progress.spent), _progress(news.progress))
    except KeyboardInterrupt:
        shown = printable(name)
        say(f"the campaign goes on in the service; `hungjury campaigns stop {shown}` ends it, and the same command")
        say(f"with --name {shown} looks on again")
        raise
    if news.state == "stopped" and news.summary is None:
        raise CampaignError(
            f"campaign {name!r} was stopped before it began; `hungjury campaigns resume` goes on with it"
        )
    if news.summary is None:
        raise CampaignError(f"campaign {name!r} {news.state}: {news.error}")
    return news.summary


def _progress(at: Progress) -> str:
    found = at.findings
    told = f"round {at.round}: {at.tally.scored:,} scored, {at.tally.queued:,} of {at.queue_size:,} queued"
    told += f", {at.tally.ordered:,} further answers ordered" if at.tally.ordered else ""
    said = f", {found.fn + found.fp:,} findings in {found.labelled:,} labels" if found.labelled else ""
    return told + said + (f", without {', '.join(at.benched)}" if at.benched else "")


def show_top(count: int = TOP) -> None:
    """Prints the top of the queue."""
    with open_queue() as found:
        items = found.top(count)
    if items:
        show_items("top of the queue", items)
    else:
        put("nothing waits in the queue")
