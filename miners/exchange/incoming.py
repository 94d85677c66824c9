"""What a file from elsewhere brings, one text at a time, whatever its format."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from miners.imports import GivenAnswer
from miners.queue.types import NewItem

MEANT = {"1": "yes", "true": "yes", "0": "no", "false": "no", "yes": "yes", "no": "no", "unsure": "unsure"}
"""What labels are taken for, in small letters."""


def digest(text: str, context: str) -> str:
    """By which a text is known to be the one that was exported, to the last character."""
    return hashlib.blake2b(f"{context}\0{text}".encode(), digest_size=16).hexdigest()


@dataclass(frozen=True)
class Incoming:
    """One text, or answers to one.

    Attributes:
        file, line: where it stands; in a JSON array the line is the number of the record.
        item: a whole item, to be queued as it is; None where only its id is known, or it is a row.
        row: a text that is not scored yet, as a row for `ensemble.rows`, with its answers by rater in `answers`.
        answers: given elsewhere, to the item or to one that is queued here.
        text: of an item that is known by its id alone; None where the file does not say.
        skipped: answers that are none: skips, drafts, an annotation replaced by a newer one of the same rater.
        problems: answers that could not be read, one line each.
    """

    file: str
    line: int
    item: NewItem | None = None
    row: Mapping[str, Any] | None = None
    answers: tuple[GivenAnswer, ...] = ()
    text: str | None = None
    skipped: int = 0
    problems: tuple[str, ...] = field(default_factory=tuple)

    @property
    def where(self) -> str:
        """For messages."""
        return f"{self.file}:{self.line}"


@dataclass(frozen=True)
class Raters:
    """Who is who: names elsewhere to names here; anybody who is not named keeps the other program's name.

    Attributes:
        names: by e-mail address, number or id there.
    """

    names: Mapping[str, str] = field(default_factory=dict)

    def named(self, program: str, *keys: object) -> str:
        """The rater behind an account, of whom several things may be known, the best first."""
        known = [str(key) for key in keys if key not in (None, "")]
        for key in known:
            if key in self.names:
                return self.names[key]
        if not known:
            return f"{program}:unknown"
        return known[0] if "@" in known[0] else f"{program}:{known[0]}"
