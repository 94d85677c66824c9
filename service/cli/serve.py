"""`up` and `down`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.output import Json, put, put_json, say
from service.cli.steps import Steps

if TYPE_CHECKING:
    from service.runtime_state import RuntimeState

ConfigFile = Annotated[Path | None, typer.Option("--config", help="YAML file with settings.", metavar="FILE")]


def add_to(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command()(up)
    app.command()(down)


def up(
    config: ConfigFile = None,
    foreground: Annotated[bool, typer.Option("--foreground", help="Stay, until Ctrl-C ends it.")] = False,
    as_json: Json = False,
) -> None:
    """Start the service; returns once it is ready to score."""
    from service.config import load_config
    from service.runtime_state import running
    from service.supervisor.prepare import check_panel

    settings = load_config(config)
    if (state := running()) is not None:
        say("the service runs already")
        _show(state, as_json=as_json)
        return
    check_panel(settings)
    if foreground:
        _stay(settings)
        return
    _show(start_in_background(config), as_json=as_json)


def start_in_background(config: Path | None) -> RuntimeState:
    """Starts the service's process and waits for it; a Ctrl-C meanwhile ends it again."""
    from service.supervisor.launch import Launch

    launch = Launch(config=config)
    with Steps() as steps:
        try:
            return launch.wait(steps.show)
        except KeyboardInterrupt:
            say("stopping what was started")
            launch.stop()
            raise


def _stay(settings: object) -> None:
    """Is the service, in this very process, as containers and service managers want it."""
    from ensemble.home import home
    from service.config import Config
    from service.supervisor.__main__ import log_to_file
    from service.supervisor.daemon import Supervisor, new_run

    if not isinstance(settings, Config):
        raise TypeError("settings must be a Config")
    os.environ["HUNGJURY_HOME"] = str(home())
    log_to_file()
    with Steps() as steps:
        Supervisor(settings, run=new_run(), listener=steps.show).run()


def _show(state: RuntimeState, *, as_json: bool) -> None:
    if as_json:
        put_json(state.model_dump(mode="json"))
        return
    put(f"ready at {state.url}  (labelers: {state.url}/label, API: {state.url}/docs)")
    put("make a key with `hungjury key create --role score --name NAME`; `hungjury status` shows more")


def down(as_json: Json = False) -> None:
    """Stop the service; harmless when it does not run."""
    from service.supervisor.launch import stop_service

    stopped = stop_service()
    if as_json:
        put_json({"stopped": stopped})
    else:
        put("stopped" if stopped else "no service was running")
