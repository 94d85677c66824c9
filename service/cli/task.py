"""`task new`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from service.cli.output import Json, put, put_json, say


def add_to(app: typer.Typer) -> None:
    """Adds the commands."""
    tasks = typer.Typer(help="Tasks: one yes/no question each, as a folder.", no_args_is_help=True)
    tasks.callback()(lambda: None)  # else typer would make the only command the group itself
    tasks.command()(new)
    app.add_typer(tasks, name="task")


def new(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A new folder.")],
    question: Annotated[
        str, typer.Option("--question", help="The yes/no question; can be filled in later.", metavar="TEXT")
    ] = "",
    name: Annotated[str, typer.Option("--name", help="Name of the task; else made from the folder's.")] = "",
    as_json: Json = False,
) -> None:
    """Write the skeleton of a task: a folder with a README that explains each file."""
    from ensemble.tasks.skeleton import write_skeleton

    task = write_skeleton(directory.expanduser(), question=question, name=name)
    files = sorted(path.name for path in task.path.iterdir())
    if as_json:
        put_json({"task": task.name, "directory": str(task.path), "files": files})
        return
    put(f"task {task.name} in {task.path}: {', '.join(files)}")
    say(f"next: write the question and the guideline, then `hungjury train --task {task.path} --data FILE`")
