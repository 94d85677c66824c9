"""Writing a page that a person asked for."""

from __future__ import annotations

from pathlib import Path

from service.cli.output import say


def check_writable(path: Path) -> None:
    """Finds out before any work is done whether a page can be written there.

    Raises:
        InputError: it is a folder, or stands in none.
    """
    from ensemble.errors import InputError

    if path.is_dir():
        raise InputError(f"{path} is a folder; name a file")
    if not path.absolute().parent.is_dir():
        raise InputError(f"{path.absolute().parent} is no folder; make it first")


def write_page(path: Path, page: str) -> None:
    """Writes the page beside its place and then moves it there, so that no half page is ever seen."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(page, encoding="utf-8")
    fresh.replace(path)
    say(f"wrote {path}")
