"""Looking up a row's fields, and sorting rows into slices by one of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ensemble.errors import InputError

MAX_NUMBERS = 24
"""Different numbers in a field above which they are put into bands."""

_BANDS = 4


def look_up(meta: Mapping[str, Any], path: str) -> Any:
    """What stands at a dotted path within a row's other fields, with or without `meta.` before it; None if nothing.

    A key that holds the dots itself is found too.
    """
    path = path.removeprefix("meta.")
    if path in meta:
        return meta[path]
    found: Any = meta
    for part in path.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def slice_names(metas: Sequence[Mapping[str, Any]], path: str) -> list[tuple[str, ...]]:
    """The slices that each row belongs to, by what stands at a path: none, one, or several where it holds a list.

    Numbers that take more than `MAX_NUMBERS` values are put into four bands of about equal count.

    Raises:
        InputError: no row has anything there, or it holds objects; the message says which fields there are.
    """
    values = [_values(look_up(meta, path)) for meta in metas]
    present = [value for row in values for value in row]
    if not present:
        raise InputError(f"no row has a field {path!r}; rows have {_listed(metas)}")
    inside = next((value for value in present if isinstance(value, Mapping)), None)
    if inside is not None:
        fields = ", ".join(f"{path}.{key}" for key in list(inside)[:8])
        raise InputError(f"{path!r} holds objects; name a field within, such as {fields}")
    name = _bands(present) if _many_numbers(present) else _text
    return [tuple(dict.fromkeys(name(value) for value in row)) for row in values]


def _values(value: Any) -> list[Any]:
    """The value, or those of a list, without what is empty."""
    several = value if isinstance(value, list | tuple) else [value]
    return [each for each in several if each is not None and each != "" and each == each]  # noqa: PLR0124 - nan is not itself


def _many_numbers(values: Sequence[Any]) -> bool:
    return all(_is_number(value) for value in values) and len(set(values)) > MAX_NUMBERS


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _bands(values: Sequence[float]) -> Any:
    """A function that names the band of a number, as its smallest and largest value."""
    ordered = np.sort(np.array(values, dtype=np.float64))
    ends = np.unique(ordered[np.linspace(0, len(ordered), _BANDS + 1).round().astype(int)[1:] - 1])
    starts = [ordered[0], *(ordered[np.searchsorted(ordered, end, side="right")] for end in ends[:-1])]
    names = [f"{_text(low)} to {_text(high)}" for low, high in zip(starts, ends, strict=True)]
    return lambda value: names[int(np.searchsorted(ends, value))]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.15g}"
    return str(value)


def _listed(metas: Sequence[Mapping[str, Any]], limit: int = 12) -> str:
    """The fields that rows do have, for a message."""
    names = list(dict.fromkeys(str(name) for meta in metas for name in meta))
    if not names:
        return "no fields beside text, context, id and label"
    return ", ".join(names[:limit]) + (", ..." if len(names) > limit else "")
