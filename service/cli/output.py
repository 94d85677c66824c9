"""What every command shares in speaking to a person or a machine: streams, escaping, tables, progress."""

from __future__ import annotations

import contextlib
import json
import sys
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
"""The `--json` option of every command."""

_JOINERS = "\u200c\u200d"
"""Harmless format characters that scripts and emoji need."""

_PLAIN_STEP = 0.1


def printable(text: str, limit: int | None = None) -> str:
    """Text that is safe to show in a terminal, on one line.

    Control characters, escape sequences, bidirectional overrides, lone surrogates and the like are shown by their
    code, so that a text can neither move the cursor nor read other than it is.

    Args:
        text: anything.
        limit: longest result, in characters; a longer one ends in an ellipsis.
    """
    shown = "".join(_shown(character) for character in text.replace("\n", " ").replace("\t", " "))
    return shown if limit is None or len(shown) <= limit else shown[: limit - 1] + "…"


def _shown(character: str) -> str:
    category = unicodedata.category(character)
    if category in {"Cc", "Cf", "Cs", "Zl", "Zp"} and character not in _JOINERS:
        code = ord(character)
        return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
    return character


def say(text: str) -> None:
    """One line for a person, on standard error, where it does not mix with data."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def put(text: str) -> None:
    """One line of result, on standard output."""
    sys.stdout.write(text + "\n")


@contextlib.contextmanager
def opened(path: Path | None) -> Iterator[IO[str]]:
    """A file to write to; standard output where none is named."""
    if path is None:
        yield sys.stdout
        sys.stdout.flush()
        return
    with path.open("w", encoding="utf-8") as stream:
        yield stream


def put_json(value: Any) -> None:
    """One JSON document on standard output."""
    put(json.dumps(value, ensure_ascii=False, indent=2 if sys.stdout.isatty() else None, default=str))


def console(*, stderr: bool = False) -> Console:
    """A console that takes text literally: no markup, no emoji names, no guessing of highlights."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else 160
    return Console(stderr=stderr, markup=False, emoji=False, highlight=False, width=width)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], *, wide: Sequence[str] = ()) -> None:
    """Prints a table; cells are shown as they are, after `printable`.

    Args:
        title: printed above.
        columns: headings.
        rows: cells in the columns' order.
        wide: columns that may wrap; the others keep to one line.
    """
    from rich import box
    from rich.table import Table

    grid = Table(title=title or None, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        grid.add_column(column, no_wrap=column not in wide, overflow="fold")
    for row in rows:
        grid.add_row(*map(printable, row))
    console().print(grid)


@contextlib.contextmanager
def bar(title: str, total: float | None = None) -> Iterator[Callable[[float, str], None]]:
    """Progress on standard error: a bar in a terminal, a line every tenth elsewhere.

    The block calls what it gets with the amount done so far and a word about it.
    """
    if not sys.stderr.isatty():
        yield _plain(title, total)
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[note]}"), TimeElapsedColumn())
    with Progress(*columns, console=console(stderr=True)) as progress:
        task = progress.add_task(title, total=total, note="")
        yield lambda done, note: progress.update(task, completed=done, note=printable(note))


def _plain(title: str, total: float | None) -> Callable[[float, str], None]:
    """A line whenever another tenth is done, or the note changes where there is no total."""
    told: tuple[str, int] | None = None

    def tell(done: float, note: str) -> None:
        nonlocal told
        share = done / total if total else 0.0
        news = ("" if total else note, int(share / _PLAIN_STEP))
        if news != told:
            told = news
            say(f"{title}: {share:4.0%} {printable(note)}" if total else f"{title}: {printable(note)}")

    return tell


def seconds(value: float) -> str:
    """A duration for a person."""
    if value < 10:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def mebibytes(value: float) -> str:
    """A size in bytes for a person."""
    return f"{value / 2**30:.1f} GiB" if value >= 2**30 else f"{value / 2**20:.0f} MiB"
