"""What makes a row good: turns one parsed record into a `Row`, or says in one line what is wrong with it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Any

from ensemble.errors import InputError
from ensemble.text import LabelledText, Text, check_text

MAX_ID_CHARS = 1_024
"""Longest id of a row, in characters."""

_KNOWN = ("text", "context", "id", "label", "meta", "members")


@dataclass(frozen=True)
class BadRow:
    """A row that was skipped, and why; line 0 stands for a whole file."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}" if self.line else f"{self.file} {self.message}"


@dataclass(frozen=True)
class Row:
    """One readable row.

    Attributes:
        text: what is judged; never blank, at most `MAX_TEXT_CHARS` characters.
        context: what it continues; empty if there is none.
        id: the caller's id; empty if there is none.
        label: 0, 1, or None where unknown.
        meta: the row's `meta` joined with its unknown top-level fields; plain JSON.
        members: P(yes) by member name, in [0, 1], where the row carries them.
        file: the file as it was named by the caller.
        line: where the row starts, from 1, in the decompressed file (Parquet: number of the row).
    """

    text: str
    context: str = ""
    id: str = ""
    label: int | None = None
    meta: dict[str, Any] = field(default_factory=dict, hash=False)
    members: dict[str, float] = field(default_factory=dict, hash=False)
    file: str = ""
    line: int = 0

    def as_text(self) -> Text:
        """The text under judgement."""
        return Text(self.text, self.context)

    def labelled(self) -> LabelledText:
        """The text with its label.

        Raises:
            InputError: the row has no label.
        """
        if self.label is None:
            raise InputError(f"{self.file}:{self.line} has no label", field="label")
        return LabelledText(self.text, self.context, label=self.label, row_id=self.id, meta=self.meta)


def check_row(record: object, *, file: str, line: int) -> Row:
    """The row that a parsed record holds.

    Raises:
        InputError: it holds none; the message names field and limit.
    """
    if not isinstance(record, Mapping):
        raise InputError(f"must be a JSON object, not {_kind(record)}")
    row = Row(
        text=_string(record, "text"),
        context=_string(record, "context"),
        id=_id(record.get("id")),
        label=_label(record.get("label")),
        meta=_meta(record),
        members=_members(record.get("members")),
        file=file,
        line=line,
    )
    _check_strings(row)
    return row


def _string(record: Mapping[str, Any], name: str) -> str:
    value = record.get(name)
    if value is None:
        if name == "text":
            raise InputError("is missing", field="text")
        return ""
    if not isinstance(value, str):
        raise InputError(f"must be a string, not {_kind(value)}", field=name)
    return value


def _id(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise InputError(f"must be a string, not {_kind(value)}", field="id")
    text = str(value)
    if len(text) > MAX_ID_CHARS:
        raise InputError(f"has {len(text):,} characters; the limit is {MAX_ID_CHARS:,}", field="id")
    return text


def _label(value: object) -> int | None:
    # Parquet written from a frame with gaps holds 0.0, 1.0 and nan where JSON has 0, 1 and null.
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, int | float) and not isinstance(value, bool) and value in (0, 1):
        return int(value)
    raise InputError(f"must be 0, 1 or null, not {_kind(value)}", field="label")


def _meta(record: Mapping[str, Any]) -> dict[str, Any]:
    value = record.get("meta")
    if value is not None and not isinstance(value, Mapping):
        raise InputError(f"must be an object, not {_kind(value)}", field="meta")
    extra = {name: item for name, item in record.items() if name not in _KNOWN}
    return {str(name): _plain(item) for name, item in {**extra, **(value or {})}.items()}


def _members(value: object) -> dict[str, float]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise InputError(f"must be an object of probabilities, not {_kind(value)}", field="members")
    return {str(name): _probability(str(name), p) for name, p in value.items() if p is not None}


def _probability(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise InputError(f"must be a probability in [0, 1], not {_kind(value)}", field=f"members.{name}")
    return float(value)


def _check_strings(row: Row) -> None:
    check_text(row.text)
    check_text(row.context, field="context", allow_empty=True)
    rest = {"id": row.id, "meta": row.meta, "members": row.members}
    for name, value in rest.items():
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise InputError("holds a lone surrogate", field=name) from None


def _plain(value: object) -> Any:
    """The value as plain JSON: Parquet brings dates, bytes and decimals along."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    return repr(value) if isinstance(value, bytes) else str(value)


def _kind(value: object) -> str:
    """How a value is named in a message: what it is, and itself where that is short."""
    names = {
        bool: "a boolean",
        int: "a number",
        float: "a number",
        str: "a string",
        list: "an array",
        dict: "an object",
    }
    name = "null" if value is None else names.get(type(value), f"a {type(value).__name__}")
    shown = repr(value)
    return f"{name} ({shown})" if isinstance(value, int | float | str) and len(shown) <= 40 else name
