"""`key create`, `key list`, `key revoke`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from service.cli.output import Json, put, put_json, say, table


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
    keys.command()(revoke)
    app.add_typer(keys, name="key")


def create(
    role: Annotated[Role, typer.Option("--role", help="What it opens.")],
    name: Annotated[str, typer.Option("--name", help="Whose it is, for people.")],
    as_json: Json = False,
) -> None:
    """Make a key. It is shown this once and kept only as a hash."""
    from service.supervisor.store import open_store

    with open_store() as store:
        secret, key = store.keys.create(role.value, name)
    if as_json:
        put_json({"key": secret, "id": key.id, "role": key.role, "name": key.name})
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
    rows = [(k.id, k.role, k.name, f"{k.created_at:%Y-%m-%d %H:%M}", "revoked" if k.revoked else "") for k in keys]
    table("", ("id", "role", "name", "made", ""), rows)


def revoke(key_id: Annotated[str, typer.Argument(metavar="ID")], as_json: Json = False) -> None:
    """End a key; it is refused everywhere within half a minute."""
    from ensemble.errors import InputError
    from service.supervisor.store import open_store

    with open_store() as store:
        if not store.keys.revoke(key_id):
            raise InputError(f"there is no key {key_id!r}; `hungjury key list` shows them", field="ID")
    if as_json:
        put_json({"id": key_id, "revoked": True})
    else:
        put(f"revoked {key_id}")
