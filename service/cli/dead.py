"""`dead`: texts that nobody is asked about any more, and asking again."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.auditing import note
from service.cli.data import open_queue
from service.cli.output import Json, printable, put, put_json, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from miners.queue.redis_queue import RedisQueue
    from miners.queue.types import Item

PAGE = 200

group = typer.Typer(
    no_args_is_help=True, help="Texts given up: skipped, or left until the lease ran out, again and again."
)


def add_to(app: typer.Typer) -> None:
    """Adds the commands."""
    app.add_typer(group, name="dead")


@group.command("list")
def list_(
    count: Annotated[int, typer.Option("--count", "-n", min=1, max=100_000, help="How many at most.")] = 20,
    as_json: Json = False,
) -> None:
    """Show what nobody is asked about any more, the newest first, and why."""
    with open_queue() as queue:
        items = [item for item, _ in zip(_all(queue), range(count), strict=False)]
    note("dead list", count=len(items))
    if as_json:
        put_json([item.model_dump(mode="json") for item in items])
    elif not items:
        put("no text was given up")
    else:
        table("", ("item", "answers", "skips", "reasons", "text"), map(_cells, items), wide=("reasons", "text"))


@group.command()
def revive(
    items: Annotated[list[str] | None, typer.Argument(help="Ids of items, as `dead list` shows them.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
    as_json: Json = False,
) -> None:
    """Ask about them again: whoever has neither answered nor skipped a text is served it at its priority."""
    from ensemble.errors import InputError

    if bool(items) == every:
        raise InputError("name items or say --all", field="items")
    with open_queue() as queue:
        names = [item.new.id for item in _all(queue)] if every else list(items or ())
        alive = [name for name in names if not queue.revive(name)]
    note("dead revive", count=len(names) - len(alive))
    if alive and not every:  # with --all, somebody else was faster
        raise InputError(f"not dead: {', '.join(map(printable, alive))}", field="items")
    if as_json:
        put_json({"revived": [name for name in names if name not in set(alive)]})
    else:
        put(f"{len(names) - len(alive):,} served again")


def _all(queue: RedisQueue) -> Iterator[Item]:
    offset = 0
    while page := queue.dead(offset=offset, count=PAGE):
        yield from page
        offset += len(page)


def _cells(item: Item) -> list[str]:
    text, said = item.new.text, Counter(skip.reason or "no reason given" for skip in item.skips)
    reasons = "; ".join(f"{reason} ({count})" if count > 1 else reason for reason, count in said.most_common(3))
    shown = printable(text if len(text) <= 60 else f"{text[:59]}…")
    return [item.new.id, str(len(item.answers)), str(len(item.skips)), printable(reasons), shown]
