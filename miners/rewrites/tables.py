"""Tables of phrases behind some operators: whose they are, and what is in them.

A table is JSON beside this file and holds for the tasks that it names, since what harms and what is harmless depends on
the question. A task of one's own brings its own in its folder, as `rewrites/NAME.json`, and gets the operator with it.
"""

from __future__ import annotations

from importlib.resources import files
from typing import TypeVar

from pydantic import BaseModel, ConfigDict

from ensemble.errors import TaskError
from ensemble.tasks.task import DEFAULT_TASK, Task

FOLDER = "rewrites"
"""Where a task keeps tables of its own."""


class Table(BaseModel):
    """What all tables have in common."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Known = TypeVar("Known", bound=Table)


def packaged(model: type[Known], name: str) -> Known:
    """The table that ships with the project, for the question of the default task or for any, as its operator says."""
    return model.model_validate_json(files(__package__).joinpath("tables", f"{name}.json").read_bytes())


def table_for(task: Task, model: type[Known], name: str) -> Known | None:
    """The task's own table, else for the default task the packaged one, else none.

    Raises:
        TaskError: the task's own table is no such table.
    """
    path = task.path / FOLDER / f"{name}.json"
    if not path.is_file():
        return packaged(model, name) if task.name == DEFAULT_TASK else None
    try:
        return model.model_validate_json(path.read_bytes())
    except ValueError as error:
        raise TaskError(f"{path}: {error}") from None
