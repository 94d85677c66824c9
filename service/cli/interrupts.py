"""Ctrl-C, also where it arrives while a module is being loaded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def plain_interrupts() -> Iterator[None]:
    """Lets Ctrl-C through as what it is.

    Until Python 3.12 an exception inside `__set_name__`, which every field of a dataclass has, comes out as a
    RuntimeError that it is the cause of. Loading Ray makes thousands of such calls.
    """
    try:
        yield
    except RuntimeError as error:
        if isinstance(error.__cause__, KeyboardInterrupt):
            raise error.__cause__ from None
        raise
