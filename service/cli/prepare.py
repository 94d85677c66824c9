"""`prepare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from service.cli.output import Json, bar, put, put_json

TaskName = Annotated[str, typer.Option("--task", help="Name of a task, or its folder.", metavar="NAME|DIR")]


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(prepare)


def prepare(
    task: TaskName = "injury",
    config: Annotated[
        Path | None, typer.Option("--config", help="YAML file whose panel to prepare.", metavar="FILE")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Also where prepared models are there.")] = False,
    as_json: Json = False,
) -> None:
    """Prepare a task's models: fit, calibrate, convert, and measure them. Done once; `up` does it by itself."""
    from ensemble.artifacts import current_artifact
    from ensemble.tasks.task import load_task
    from service.config import load_config
    from service.supervisor.prepare import check_panel, prepare_apart

    settings = load_config(config)
    name, panel = load_task(task).name, settings.panel
    if not force:
        check_panel(settings.model_copy(update={"task": task}))
    with bar("models", 1.0) as tell:
        prepare_apart(task, lambda step, done: tell(done, step), panel=panel, force=force)
    artifact = current_artifact(name)
    members = {m.name: m.version for group in artifact.groups for m in artifact.members(group)}
    if as_json:
        put_json({"task": name, "artifact": str(artifact.path), "members": members})
    else:
        put(f"prepared: {', '.join(members)} in {artifact.path}")
