"""A text under judgement, its identity, and a labelled one."""

from __future__ import annotations

import hashlib
import unicodedata
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ensemble.errors import InputError

MAX_TEXT_CHARS = 20_000
"""Longest text or context accepted anywhere, in characters."""


def normalise(text: str) -> str:
    """Text as its identity sees it: NFKC, case kept, whitespace runs collapsed, ends stripped."""
    return " ".join(unicodedata.normalize("NFKC", text).split())


def identity(text: str, context: str = "") -> str:
    """Name of a text: 32 hex digits, the same for texts that differ only in spacing or Unicode form.

    BLAKE2b-128 over normalised context and text, separated by a NUL that normalisation cannot produce by accident.
    """
    joined = f"{normalise(context)}\0{normalise(text)}".encode()
    return hashlib.blake2b(joined, digest_size=16).hexdigest()


def check_text(text: str, *, field: str = "text", allow_empty: bool = False) -> None:
    """Refuses what no member can read.

    Raises:
        InputError: empty or blank (unless allowed), longer than `MAX_TEXT_CHARS`, or holding a lone surrogate or NUL.
    """
    if not allow_empty and not text.strip():
        raise InputError("must not be empty", field=field)
    if len(text) > MAX_TEXT_CHARS:
        raise InputError(f"has {len(text):,} characters; the limit is {MAX_TEXT_CHARS:,}", field=field)
    if "\0" in text:
        raise InputError("holds a NUL character; is this binary data?", field=field)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InputError(f"holds a lone surrogate at character {error.start}", field=field) from None


@dataclass(frozen=True)
class Text:
    """One text under judgement: the `text` itself and, optionally, the `context` it continues."""

    text: str
    context: str = ""

    @cached_property
    def id(self) -> str:
        """Identity, see `identity`."""
        return identity(self.text, self.context)


def is_readable(text: Text) -> bool:
    """Whether members can read a text and its context, see `check_text`; the context may be empty."""
    try:
        check_text(text.text)
        check_text(text.context, field="context", allow_empty=True)
    except InputError:
        return False
    return True


@dataclass(frozen=True)
class LabelledText(Text):
    """A text with its true label (1 = yes), the caller's id, and whatever else its row carried."""

    label: int = 0
    row_id: str = ""
    meta: dict[str, Any] = field(default_factory=dict, hash=False)
