"""`traffic status`, `traffic show`, `traffic forget`, `traffic clear`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.auditing import note
from service.cli.output import Json, mebibytes, printable, put, put_json, say, table

if TYPE_CHECKING:
    from miners.queue.redis_traffic import RedisTraffic
    from miners.queue.traffic import Kept, Window

TEXT_CHARS = 200


def add_to(app: typer.Typer) -> None:
    """Adds the commands."""
    traffic = typer.Typer(help="The sample of live traffic.", no_args_is_help=True)
    for command in (status, show, forget, clear):
        traffic.command()(command)
    app.add_typer(traffic, name="traffic")


@contextlib.contextmanager
def _sample() -> Iterator[RedisTraffic]:
    """The sample of the running service's task; of the default one where only HUNGJURY_REDIS_URL names a store."""
    from ensemble.tasks.task import DEFAULT_TASK, load_task
    from service.runtime_state import running
    from service.supervisor.store import open_store

    state = running()
    with open_store() as store:
        yield store.traffic(load_task(state.task if state is not None else DEFAULT_TASK).name)


def status(as_json: Json = False) -> None:
    """Show what is kept, window by window: how much was seen, how much of it is kept, and with which probability."""
    with _sample() as sample:
        windows = sample.windows()
    if as_json:
        put_json([window.model_dump(mode="json") for window in windows])
    elif windows:
        columns = ("window from", "deleted by", "seen", "kept", "probability", "size", "let go")
        table("", columns, [_row(window) for window in windows])
    else:
        put(f"nothing is kept{_why_not()}")


def _row(window: Window) -> tuple[str, ...]:
    return (
        f"{window.begins:%Y-%m-%d %H:%M}",
        f"{window.expires:%Y-%m-%d %H:%M}",
        f"{window.seen:,}",
        f"{window.kept:,}",
        f"{window.probability:.4g}",
        mebibytes(window.kept_bytes),
        f"{window.dropped:,}",
    )


def _why_not() -> str:
    from service.runtime_state import running

    state = running()
    if state is None:
        return ""
    kept = state.mining.live_traffic.enabled
    return ": nothing was scored over HTTP yet" if kept else "; mining.live_traffic.enabled is false"


def show(
    count: Annotated[int, typer.Option("--count", "-n", min=1, max=100_000, help="How many at most.")] = 20,
    as_json: Json = False,
) -> None:
    """Show kept texts, newest window first, in random order within it; with --json whole, for programs."""
    with _sample() as sample:
        found = _first(sample, count)
    note("traffic show", count=len(found))
    if as_json:
        put_json([{**kept.model_dump(exclude={"key"}), "probability": window.probability} for window, kept in found])
        return
    rows = [
        (
            kept.text_id[:12],
            f"{kept.when:%Y-%m-%d %H:%M}",
            str(kept.times),
            f"{window.probability:.4g}",
            str(kept.served.get("decision", "-")),
            printable(kept.text, TEXT_CHARS),
        )
        for window, kept in found
    ]
    table("", ("id", "first", "times", "probability", "decision", "text"), rows, wide=("text",))


def _first(sample: RedisTraffic, count: int) -> list[tuple[Window, Kept]]:
    found: list[tuple[Window, Kept]] = []
    for window in sample.windows():
        found += [(window, kept) for kept in sample.read(window.window, count=count - len(found))]
        if len(found) == count:
            break
    return found


def forget(
    text_id: Annotated[str, typer.Argument(metavar="ID", help="As `traffic show --json` has it, 32 hex digits.")],
    as_json: Json = False,
) -> None:
    """Delete one text from the sample. What a campaign queued of it stays in the queue."""
    from ensemble.errors import InputError

    with _sample() as sample:
        if not sample.forget(text_id):
            raise InputError(f"{text_id!r} is not kept; `hungjury traffic show --json` has the ids", field="ID")
    note("traffic forget", text_id)
    if as_json:
        put_json({"id": text_id, "deleted": True})
    else:
        put(f"deleted {printable(text_id)}")


def clear(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Delete the whole sample. What campaigns queued of it stays in the queue; sampling goes on where it is on."""
    if not yes:
        typer.confirm("delete every kept text of live traffic?", abort=True, err=True)
    with _sample() as sample:
        gone = sample.clear()
    note("traffic clear", count=gone)
    if as_json:
        put_json({"deleted": gone})
    else:
        say(f"{gone:,} texts deleted")
