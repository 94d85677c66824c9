"""`score`."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Annotated

import typer

from service.cli.output import bar, opened, say
from service.cli.panels import loaded_panel, tell_bad
from service.cli.prepare import TaskName

CHUNK = 64
"""Texts scored at once; verdicts are written as soon as their chunk is done."""


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(score)


def score(
    source: Annotated[str, typer.Argument(metavar="PATH|-", help="File, folder, data set or 'pattern' of texts.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write here instead.", metavar="FILE")] = None,
    task: TaskName = "injury",
) -> None:
    """Score every text of a file and write one JSON verdict a line. Needs no running service.

    JSONL, CSV, Parquet, Arrow or plain text, gzipped or not; of a folder everything below it, also what the library
    datasets saved.
    """
    from ensemble.rows import RowReader

    reader = RowReader([source], on_bad=tell_bad)
    rows = iter(reader)
    first = list(itertools.islice(rows, CHUNK))  # an unreadable file is reported before models are loaded
    if first:
        with loaded_panel(task) as panel, opened(output) as stream, bar("scored") as tell:
            while first:
                verdicts = panel.verdicts(
                    [row.as_text() for row in first], [row.id or row.as_text().id for row in first]
                )
                stream.writelines(verdict.model_dump_json() + "\n" for verdict in verdicts)
                tell(reader.good, f"{reader.good:,} texts")
                first = list(itertools.islice(rows, CHUNK))
    left_out = f", {reader.left_out:,} files left out" if reader.left_out else ""
    say(f"{reader.good:,} scored, {reader.bad:,} bad rows skipped{left_out}")
    if not reader.good:
        raise typer.Exit(1)
