"""`key create`, `key list`, `key rotate`, `key revoke`."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli.auditing import act_here
from service.cli.moments import duration
from service.cli.output import Json, printable, put, put_json, say, table

if TYPE_CHECKING:
    from miners.queue.key_records import ApiKey


class Role(StrEnum):
    """What a key opens."""

    score = "score"
    label = "label"
    admin = "admin"


def add_to(app: typer.Typer) -> None:
    """Adds the commands."""
    keys = typer.Typer(help="API keys; need the running service.", no_args_is_help=True)
    keys.command()(create)
    keys.command(name="list")(list_keys)
    keys.command()(retag)
    keys.command()(rotate)
    keys.command()(revoke)
    app.add_typer(keys, name="key")


def create(
    name: Annotated[str, typer.Option("--name", help="Whose it is, for people.")],
    role: Annotated[Role | None, typer.Option("--role", help="What it opens.")] = None,
    scopes: Annotated[
        list[str] | None, typer.Option("--scope", help="Only this of it, e.g. findings:read; may be repeated.")
    ] = None,
    tasks: Annotated[
        list[str] | None, typer.Option("--task", help="Only for this task; may be repeated. Default: every task.")
    ] = None,
    expires: Annotated[
        str | None, typer.Option("--expires", help="When it ends: 12h, 30d, ... from now. Default: never.")
    ] = None,
    rate: Annotated[
        int | None, typer.Option("--rate", help="Most requests a minute. Default: as `access` in the settings says.")
    ] = None,
    tags: Annotated[
        list[str] | None, typer.Option("--tag", help="A language or skill of a rater, e.g. de; may be repeated.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a key. It is shown this once and kept only as a hash.

    With --scope and no --role it has the role that opens least among those that hold these scopes.
    """
    from ensemble.errors import InputError
    from miners.queue.scopes import check_scopes, least_role
    from service.supervisor.store import open_store

    if role is None and not scopes:
        raise InputError("is missing: score, label or admin; or name scopes with --scope", field="--role")
    wanted = role.value if role is not None else least_role(check_scopes("admin", scopes or []))
    ends = duration(expires, "--expires") if expires is not None else None
    with open_store() as store:
        secret, key = store.keys.create(
            wanted, name, scopes=scopes, tasks=tasks, expires=ends, per_minute=rate, tags=tags or ()
        )
        store.audit.add(act_here("key create", key.id, detail={"role": key.role, "name": key.name, **_limits(key)}))
    if as_json:
        put_json({"key": secret, "id": key.id, "role": key.role, "name": key.name, **_set_limits(key)})
        return
    put(secret)
    say("shown this once: send it as `Authorization: Bearer KEY`")


def list_keys(as_json: Json = False) -> None:
    """List the keys, without their secrets."""
    from service.supervisor.store import open_store

    with open_store() as store:
        keys = store.keys.list()
    if as_json:
        put_json([key.model_dump(mode="json") for key in keys])
        return
    rows = [
        (
            key.id,
            key.role,
            printable(key.name),
            f"{key.created_at:%Y-%m-%d %H:%M}",
            f"{key.last_used_at:%Y-%m-%d %H}h" if key.last_used_at else "never",
            _state(key, datetime.now(UTC)),
            "; ".join(f"{name} {value}" for name, value in _limits(key).items() if name != "expires"),
        )
        for key in keys
    ]
    table("", ("id", "role", "name", "made", "last used", "", "only"), rows, wide=("name", "only"))


def retag(
    key_id: Annotated[str, typer.Argument(metavar="ID")],
    tags: Annotated[
        list[str] | None, typer.Argument(metavar="TAG...", help="All that the rater has; none = none.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Give a rater's key other tags: languages and skills, by which `mine --tag` asks for raters."""
    from ensemble.errors import InputError
    from miners.errors import UnknownKeyError
    from service.supervisor.store import open_store

    with open_store() as store:
        try:
            key = store.keys.retag(key_id, tags or ())
        except UnknownKeyError as error:
            raise InputError(str(error)) from None
        store.audit.add(act_here("key retag", key.id, detail={"name": key.name, "tags": ", ".join(key.tags)}))
    if as_json:
        put_json({"id": key.id, "role": key.role, "name": key.name, "tags": list(key.tags)})
    else:
        put(f"{printable(key.name)} has the tags {', '.join(key.tags) or '(none)'}, everywhere within half a minute")


def rotate(
    key_id: Annotated[str, typer.Argument(metavar="ID")],
    grace: Annotated[
        str | None,
        typer.Option("--grace", help="How long the old secret goes on working: 1h, 2d, ... Default: not at all."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Give a key a new secret, shown this once. Its id stays, so a rater stays the same rater.

    Without --grace the old secret is refused everywhere within half a minute, and so are browsers signed in with it.
    """
    from datetime import timedelta

    from ensemble.errors import InputError
    from miners.errors import UnknownKeyError
    from service.supervisor.store import open_store

    lasting = duration(grace, "--grace") if grace is not None else timedelta()
    with open_store() as store:
        try:
            secret, key = store.keys.rotate(key_id, grace=lasting)
        except UnknownKeyError as error:
            raise InputError(str(error)) from None
        store.audit.add(
            act_here("key rotate", key.id, detail={"role": key.role, "name": key.name, "grace": grace or "none"})
        )
    if as_json:
        put_json({"key": secret, "id": key.id, "role": key.role, "name": key.name, **_set_limits(key)})
        return
    put(secret)
    say("shown this once; " + (f"the old one works for another {grace}" if grace else "the old one ends now"))


def revoke(key_id: Annotated[str, typer.Argument(metavar="ID")], as_json: Json = False) -> None:
    """End a key; it is refused everywhere within half a minute, and so are browsers signed in with it."""
    from ensemble.errors import InputError
    from service.supervisor.store import open_store

    with open_store() as store:
        if not store.keys.revoke(key_id):
            raise InputError(f"there is no key {key_id!r}; `hungjury key list` shows them", field="ID")
        store.audit.add(act_here("key revoke", key_id))
    if as_json:
        put_json({"id": key_id, "revoked": True})
    else:
        put(f"revoked {key_id}")


def _state(key: ApiKey, now: datetime) -> str:
    if key.revoked:
        return "revoked"
    if key.expires_at is None:
        return ""
    return f"{'expired' if key.over(now) else 'ends'} {key.expires_at:%Y-%m-%d %H:%M}"


def _set_limits(key: ApiKey) -> dict[str, Any]:
    """What narrows the key, as JSON; nothing for one that is as its role says."""
    found = key.model_dump(mode="json", include={"scopes", "tasks", "expires_at", "per_minute"}, exclude_none=True)
    return {**found, "tags": list(key.tags)} if key.tags else found


def _limits(key: ApiKey) -> dict[str, str]:
    """The same, for people."""
    limits = {}
    if key.scopes is not None:
        limits["scopes"] = ", ".join(key.scopes)
    if key.tasks is not None:
        limits["tasks"] = ", ".join(key.tasks)
    if key.tags:
        limits["tags"] = ", ".join(key.tags)
    if key.expires_at is not None:
        limits["expires"] = f"{key.expires_at:%Y-%m-%d %H:%M}"
    if key.per_minute is not None:
        limits["rate"] = f"{key.per_minute:,} a minute"
    return limits
