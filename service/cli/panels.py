"""Loading a task's panel into this process, as `score` and `evaluate` do."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from service.cli.output import say

if TYPE_CHECKING:
    from ensemble.panel import Panel
    from ensemble.rows import BadRow

THREADS = 4
"""Threads of one forward pass, at most; more gain little on texts of this length."""


@contextlib.contextmanager
def loaded_panel(task: str) -> Iterator[Panel]:
    """The panel of a task.

    Raises:
        TaskError: no such task.
        ArtifactError: it is not prepared.
    """
    from ensemble.artifacts import current_artifact
    from ensemble.tasks.task import load_task

    artifact = current_artifact(load_task(task).name)
    if sys.stderr.isatty():
        say(f"loading {', '.join(artifact.groups)} from {artifact.path}")
    panel = artifact.load_panel(threads=min(THREADS, os.cpu_count() or 1))
    try:
        yield panel
    finally:
        panel.close()


def tell_bad(row: BadRow) -> None:
    """Reports a row that is skipped."""
    from service.cli.output import printable

    say(printable(str(row)))
