"""The audit log on the command line: writing what was done here, and `audit`, which shows all of it."""

from __future__ import annotations

import getpass
import itertools
import socket
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.moments import ago
from service.cli.output import Json, printable, put, table

if TYPE_CHECKING:
    from miners.queue.audit import Act, Entry


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(audit)


def note(what: str, subject: str = "", count: int | None = None, detail: Mapping[str, str] | None = None) -> None:
    """Writes what this command line did into the store's audit log.

    Raises:
        NotRunningError: there is no store.
        StoreUnavailableError: it cannot write now.
    """
    from service.supervisor.store import open_store

    with open_store() as store:
        store.audit.add(act_here(what, subject, count, detail))


def act_here(what: str, subject: str = "", count: int | None = None, detail: Mapping[str, str] | None = None) -> Act:
    """Something that the user of this machine does; never give it a secret."""
    from miners.queue.audit import Act

    who = f"cli:{_user()}"
    return Act(
        who=who, what=what, subject=subject, count=count, where=f"host:{socket.gethostname()}", detail=detail or {}
    )


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run under a number without a name
        return "unknown"


def audit(
    since: Annotated[
        str | None, typer.Option("--since", help="Only from then on: 7d, 12h or a time such as 2026-01-31T12:00.")
    ] = None,
    count: Annotated[int | None, typer.Option("--count", "-n", min=1, help="The newest so many; default: 50.")] = None,
    as_json: Json = False,
) -> None:
    """Show who did what as an admin, when, to how much, from where; with --json all of it, one entry a line.

    Keys made, rotated and revoked, admins who sign in and out, campaigns begun and stopped, orders, imports, exports,
    findings and items that were read, plants, deletions: by command line and over HTTP. The store keeps the newest
    200,000.
    """
    from collections import deque

    from miners.queue.audit import every
    from service.supervisor.store import open_store

    start = ago(since, "--since") if since is not None else None
    with open_store() as store:
        entries = every(store.audit, since=start)
        if as_json:
            newest = entries if count is None else iter(deque(entries, maxlen=count))
            for entry in newest:
                put(entry.model_dump_json())
            return
        found = list(deque(entries, maxlen=count or 50))
    if not found:
        put("nothing was done yet" + (" since then" if since else ""))
        return
    columns = ("when", "who", "what", "to", "how many", "from", "more")
    table("", columns, [_cells(entry) for entry in found], wide=("what", "to", "more"))


def _cells(entry: Entry) -> tuple[str, ...]:
    return (
        f"{entry.at:%Y-%m-%d %H:%M:%S}",
        printable(f"{entry.name} ({entry.who})" if entry.name else entry.who),
        printable(entry.what),
        printable(entry.subject),
        "" if entry.count is None else f"{entry.count:,}",
        printable(entry.where),
        printable(", ".join(f"{name} {value}" for name, value in itertools.islice(entry.detail.items(), 20))),
    )
