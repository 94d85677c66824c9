"""`mine`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from service.cli.bulk import Bulk, Keep, Look, mine_bulk, refuse_without_bulk
from service.cli.campaign_summary import show_summary
from service.cli.campaigning import (
    GENERATED,
    LEAST_BUDGET,
    CampaignOptions,
    campaign_spec,
    new_name,
    run_campaign,
    show_top,
)
from service.cli.output import Json, put_json

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
    typer.Option("--with-generated", help=f"With --input: also {', '.join(GENERATED)}."),
]


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
    tags: Annotated[
        list[str] | None, typer.Option("--tag", help="Only for raters with this tag, e.g. de; may be repeated.")
    ] = None,
    share: Shares = None,
    generated: Generated = False,
    bulk: Bulk = False,
    keep: Keep = None,
    look: Look = None,
    as_json: Json = False,
) -> None:
    """Run a mining campaign on the running service.

    Without --input it mines the sample of live traffic, where one is kept; completions by the language model, plain
    ones and ones steered by what was found; rewrites of the task's labelled texts; and what the search makes of them.

    Ctrl-C leaves the campaign running in the service.
    """
    from service.runtime_state import require_running

    _check_budget(budget)
    check_strategy(strategy)
    state, name = require_running(), name or new_name()
    asked = CampaignOptions(
        budget=budget,
        queue=queue,
        seed=seed,
        answers=answers,
        generated=generated,
        shares=_shares(share or ()),
        strategy=strategy,
        tags=tuple(tags or ()),
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


def check_strategy(name: str | None) -> None:
    """Refuses a strategy that a campaign cannot select by.

    Raises:
        InputError: it is none of those; None stands for the configured one.
    """
    from ensemble.errors import InputError
    from miners.campaigns.selection import selection
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
