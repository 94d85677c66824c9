"""`mine`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, TypedDict

import typer

from service.cli.bulk import Bulk, Keep, Look, mine_bulk, refuse_without_bulk
from service.cli.campaign_summary import show_summary
from service.cli.data import open_queue, show_items
from service.cli.output import Json, bar, printable, put, put_json, say

if TYPE_CHECKING:
    from miners.campaign_spec import CampaignSpec, Progress, Summary
    from service.runtime_state import RuntimeState

TOP = 10
"""Queued items shown at the end."""

LEAST_BUDGET = 8
"""Calls that surely pay for one text, before it is known how many members answer."""

GENERATED = ("live", "completions", "steered", "rewrite", "search")
"""Kinds of sources that need no file."""


Inputs = Annotated[
    list[Path] | None,
    typer.Option(
        "--input", "-i", help="Texts to mine: a file, folder, data set or 'pattern'; repeatable.", metavar="PATH"
    ),
]
Budget = Annotated[
    int | None,
    typer.Option("--budget", help="Calls to spend: a text costs one a member, a gradient pass two; 8 or more."),
]
Name = Annotated[str | None, typer.Option("--name", help="Name of the campaign; the same name again goes on with it.")]
Shares = Annotated[
    list[str] | None,
    typer.Option(
        "--share",
        help="How much a source gives, relative to the others, 0: nothing; repeatable. "
        f"Sources: {', '.join(('corpus', *GENERATED))}.",
        metavar="SOURCE=N",
    ),
]
Generated = Annotated[
    bool,
    typer.Option("--with-generated", help="With --input: also live traffic, completions, steered ones, rewrites."),
]


class CampaignOptions(TypedDict):
    """What a command line may say of a campaign; None leaves it to the service's settings."""

    budget: int | None
    queue: int | None
    seed: int | None
    answers: int | None
    generated: bool
    shares: Mapping[str, float]
    strategy: str | None


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(mine)


def mine(
    files: Inputs = None,
    budget: Budget = None,
    queue: Annotated[int | None, typer.Option("--queue", min=1, help="Items to queue at most.")] = None,
    name: Name = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="Seed of everything drawn at random.")] = None,
    strategy: Annotated[
        str | None, typer.Option("--strategy", help="How texts are selected: adaptive or ranked.")
    ] = None,
    answers: Annotated[int | None, typer.Option("--answers", min=1, help="Answers wanted per item.")] = None,
    share: Shares = None,
    generated: Generated = False,
    bulk: Bulk = False,
    keep: Keep = None,
    look: Look = None,
    as_json: Json = False,
) -> None:
    """Run a mining campaign on the running service.

    Without --input it mines the sample of live traffic, where one is kept, and completions by the language model:
    plain ones, and ones steered by what was found; and rewrites.

    Ctrl-C leaves the campaign running in the service.
    """
    from service.runtime_state import require_running

    _check_budget(budget)
    _check_strategy(strategy)
    state, name = require_running(), name or new_name()
    asked = CampaignOptions(
        budget=budget,
        queue=queue,
        seed=seed,
        answers=answers,
        generated=generated,
        shares=_shares(share or ()),
        strategy=strategy,
    )
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
    shares: Mapping[str, float] = MappingProxyType({}),
    strategy: str | None = None,
    shortlist: Path | None = None,
) -> CampaignSpec:
    """What the campaign is told: the command line over the service's settings.

    Raises:
        InputError: an input is not there, or holds no file of rows.
    """
    from ensemble.artifacts import current_artifact
    from ensemble.tasks.task import load_task
    from miners.campaign_spec import CampaignSpec
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
        shares={**off, **shares},
        design=Design(audit_share=mining.audit_share),
        near_duplicate=mining.near_duplicate_similarity,
        strategy=mining.strategy if strategy is None else strategy,
    )


def _check_strategy(name: str | None) -> None:
    from ensemble.errors import InputError
    from miners.campaign_selection import selection
    from miners.errors import CampaignError

    try:
        if name is not None:
            selection(name)
    except CampaignError as error:
        raise InputError(str(error), field="--strategy") from None


def _check_budget(budget: int | None) -> None:
    from ensemble.errors import InputError

    if budget is not None and budget < LEAST_BUDGET:
        raise InputError(
            f"is {budget:,}, and a campaign needs at least {LEAST_BUDGET} calls to score a single text: "
            "each text costs one call a member",
            field="--budget",
        )


def _shares(given: Sequence[str]) -> dict[str, float]:
    """Shares by source out of SOURCE=N.

    Raises:
        InputError: not of that form, or an unknown source.
    """
    from ensemble.errors import InputError

    shares = {}
    for one in given:
        name, _, number = one.partition("=")
        if name.split(":", 1)[0] not in ("corpus", *GENERATED):
            known = ", ".join(("corpus", *GENERATED))
            raise InputError(f"there is no source {name!r}; there are {known}", field="--share")
        try:
            shares[name] = float(number)
        except ValueError:
            raise InputError(f"{one!r} is not SOURCE=N, such as live=2", field="--share") from None
        if not 0 <= shares[name] <= 1_000:
            raise InputError(f"{one!r}: 0 to 1,000 are allowed", field="--share")
    return shares


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
