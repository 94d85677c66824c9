"""Spans of a text in an answer, as other programs count them.

Here a span counts characters (code points). Label Studio's page counts UTF-16 units, as browsers do; others count
characters. A region carries the words that it covers, which tell the two apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from miners.queue.types import NewAnswer, Span

SPANS = "spans"


def to_regions(body: NewAnswer, text: str) -> list[dict[str, Any]]:
    """Spans as values of regions: start and end in UTF-16 units, and the words."""
    return [
        {"start": _units(text[: one.start]), "end": _units(text[: one.end]), "text": text[one.start : one.end]}
        for one in body.spans
    ]


def from_regions(values: Iterable[Mapping[str, Any]], text: str) -> tuple[Span, ...]:
    """The spans that regions stand for; those that can be placed nowhere are left out."""
    places = [place for value in values if (place := _place(value, text)) is not None]
    return tuple(Span(start=start, end=end) for start, end in places)


def _place(value: Mapping[str, Any], text: str) -> tuple[int, int] | None:
    start, end, words = value.get("start"), value.get("end"), value.get("text")
    if not _whole(start) or not _whole(end):
        return None
    first, last = int(str(start)), int(str(end))
    by_units = _characters(text, first), _characters(text, last)
    for begin, stop in (by_units, (first, last)):
        if 0 <= begin < stop <= len(text) and (not isinstance(words, str) or text[begin:stop] == words):
            return begin, stop
    at = text.find(words) if isinstance(words, str) and words else -1
    return (at, at + len(str(words))) if at >= 0 and text.find(str(words), at + 1) < 0 else None


def _whole(value: object) -> bool:
    return (isinstance(value, int) and not isinstance(value, bool)) or (isinstance(value, str) and value.isdigit())


def _units(text: str) -> int:
    """Length in UTF-16 units."""
    return len(text) + sum(character > "\uffff" for character in text)


def _characters(text: str, units: int) -> int:
    """Characters in the first so many UTF-16 units."""
    return len(text.encode("utf-16-le")[: 2 * units].decode("utf-16-le", "ignore"))
