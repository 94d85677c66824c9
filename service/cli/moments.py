"""Durations and times as people write them: 90s, 45m, 12h, 30d, 2026-01-31T12:00."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_FORM = re.compile(r"(\d{1,6})([smhdw])")


def duration(text: str, option: str) -> timedelta:
    """A number and its unit.

    Raises:
        InputError: it is no duration.
    """
    from ensemble.errors import InputError

    found = _FORM.fullmatch(text.strip().lower())
    if found is None:
        raise InputError(f"is {text!r}; write a number and s, m, h, d or w, for example 12h or 30d", field=option)
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def ago(text: str, option: str) -> datetime:
    """The time that long ago, or that time; without a zone it is UTC.

    Raises:
        InputError: it is neither.
    """
    from ensemble.errors import InputError

    if _FORM.fullmatch(text.strip().lower()):
        return datetime.now(UTC) - duration(text, option)
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(f"is {text!r}; write 7d, 12h or a time such as 2026-01-31T12:00", field=option) from None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
