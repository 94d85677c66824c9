"""Cells of a CSV file that no spreadsheet takes for a formula, and that come back as they were.

A spreadsheet computes what begins with =, +, -, @, a tab or a line break, also in full-width letters; such a cell can
run commands or send other cells away. An apostrophe in front makes it text (OWASP, "CSV Injection"). So that the way
back is exact, a cell that begins with an apostrophe gets one more.
"""

from __future__ import annotations

GUARD = "'"

_DANGEROUS = frozenset("=+-@\t\r\n|%\uff1d\uff0b\uff0d\uff20" + GUARD)


def guarded(cell: str) -> str:
    """The cell as text that no spreadsheet computes; leading blanks do not hide a formula."""
    start = cell.lstrip(" \u00a0\u200b\ufeff")[:1]
    return GUARD + cell if start in _DANGEROUS and start else cell


def unguarded(cell: str) -> str:
    """What `guarded` was given; a lone `GUARD` stands for a text that is empty, where an empty cell is none."""
    inner = cell.removeprefix(GUARD)
    return inner if inner != cell and (not inner or guarded(inner) == cell) else cell
