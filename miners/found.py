"""Findings by who was fooled, by harm, style, severity and source: a bounded index of what is in the queue, for search.

It follows the labels as they are set (`Ledger.labelled`), so that asking costs no reading of the store but for what is
new. Texts are searched by their first characters in small letters; the items themselves stay in the store.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import attrgetter
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from ensemble.errors import InputError
from miners.queue.labels import mean_severity
from miners.queue.protocol import Ledger
from miners.queue.types import FindingKind, Item, Mark
from miners.search.niches import UNKNOWN, harm_of

PAGE = 200
"""Items read from the store at once."""

MOST_FINDINGS = 100_000
MOST_CHARS = 200_000_000
"""Findings, and characters of their texts, that are remembered; beyond either the first found is forgotten."""

SEARCHED_CHARS = 20_000
"""Characters of a text, and again of its context, that are searched."""

MOST_WORDS = 10
"""Words of one search."""

Marked = Literal["train", "hold-out", "regression", "none"]
_Place = tuple[int, str]


class Wanted(BaseModel):
    """Which findings are asked for; what is None does not matter.

    Attributes:
        kind: FN or FP.
        severity_from, severity_to: mean severity, 0 to 4, both included; without a severity a finding is in no range.
        source: where the text came from, by its whole name.
        operator: a rewriting operator that was applied, first or last.
        fooled: exactly these members voted against the label, by name with commas between; "" = none of them.
        harm, style: as the text's provenance says; "unknown" where it says nothing.
        mark: of its family; "none" = none.
        family: of the text.
        q: words that all stand in text or context, in any case, anywhere.
        since, until: when it was found; the second is not included.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: FindingKind | None = None
    severity_from: float | None = Field(default=None, ge=0, le=4)
    severity_to: float | None = Field(default=None, ge=0, le=4)
    source: str | None = Field(default=None, max_length=1_000)
    operator: str | None = Field(default=None, max_length=200)
    fooled: str | None = Field(default=None, max_length=2_000)
    harm: str | None = Field(default=None, max_length=200)
    style: str | None = Field(default=None, max_length=200)
    mark: Marked | None = None
    family: str | None = Field(default=None, max_length=1_000)
    q: str | None = Field(default=None, max_length=500)
    since: datetime | None = None
    until: datetime | None = None

    @field_validator("q")
    @classmethod
    def _few_words(cls, q: str | None) -> str | None:
        if q is not None and len(q.split()) > MOST_WORDS:
            raise ValueError(f"has {len(q.split())} words; at most {MOST_WORDS} are searched for")
        return q


@dataclass(frozen=True, slots=True)
class Found:
    """What is remembered of a finding; `at` is in milliseconds, `text` what is searched."""

    id: str
    kind: FindingKind
    at: int
    severity: float | None
    source: str
    operators: tuple[str, ...]
    fooled: str
    harm: str
    style: str
    family: str
    text: str

    @property
    def place(self) -> _Place:
        """By which findings are ordered, newest first."""
        return (-self.at, self.id)


class FoundIndex:
    """The findings of one queue. Thread-safe; whoever asks first has it read what is new."""

    def __init__(self, *, most: int = MOST_FINDINGS, most_chars: int = MOST_CHARS) -> None:
        """Knows nothing yet.

        Args:
            most: findings remembered.
            most_chars: characters of their texts remembered.
        """
        self._most, self._most_chars, self._chars = most, most_chars, 0
        self._known: dict[str, Found] = {}
        self._ordered: list[Found] | None = None
        self._lock = threading.Lock()
        self.read = 0

    def follow(self, ledger: Ledger, *, seconds: float | None = None) -> bool:
        """Reads the labels that were set or changed since the last call.

        Args:
            ledger: the same one each time.
            seconds: after which it is left off; None = never.

        Returns:
            Whether all was read; else calling again goes on.

        Raises:
            StoreUnavailableError: the store does not answer; what was read so far stays.
        """
        end = None if seconds is None else time.monotonic() + seconds
        if not self._lock.acquire(timeout=-1 if seconds is None else seconds):
            return False
        try:
            while True:
                page = ledger.labelled(offset=self.read, count=PAGE)
                for item in page:
                    self._take(item)
                self.read += len(page)
                if len(page) < PAGE:
                    return True
                if end is not None and time.monotonic() >= end:
                    return False
        finally:
            self._lock.release()

    def select(self, wanted: Wanted, marks: Mapping[str, Mark], *, after: str | None = None) -> list[Found]:
        """The findings asked for, newest first, those found in the same millisecond by id.

        Args:
            wanted: what is asked for.
            marks: by family.
            after: only what stands behind this place, see `place_name`; pages that go on by it neither skip nor repeat
                anything, however many findings come in.

        Raises:
            InputError: `after` is no place.
        """
        with self._lock:
            if self._ordered is None:
                self._ordered = sorted(self._known.values(), key=lambda found: found.place)
            ordered = self._ordered
        start = 0 if after is None else bisect_right(ordered, _place(after), key=lambda found: found.place)
        left = ordered[start:]
        for fits in _tests(wanted, marks):
            left = [found for found in left if fits(found)]
        return left

    @property
    def known(self) -> int:
        """Findings that are searched."""
        return len(self._known)

    def _take(self, item: Item) -> None:
        old = self._known.pop(item.new.id, None)
        if old is not None:
            self._chars -= len(old.text)
        found = _found(item)
        if found is not None:
            self._known[found.id] = found
            self._chars += len(found.text)
        if found is not None or old is not None:
            self._ordered = None
        while len(self._known) > self._most or (self._chars > self._most_chars and len(self._known) > 1):
            self._chars -= len(self._known.pop(next(iter(self._known))).text)


def place_name(found: Found) -> str:
    """What `select` goes on behind."""
    return f"{found.at}-{found.id}"


def fooled_members(item: Item) -> tuple[str, ...]:
    """Members whose vote the label contradicts, sorted: those that passed an FN, those that flagged an FP."""
    wrong = "no" if item.finding == "FN" else "yes"
    return tuple(sorted(name for name, score in item.new.verdict.members.items() if score.vote == wrong))


def _found(item: Item) -> Found | None:
    if item.finding is None or item.found_at is None:
        return None
    origin = item.new.provenance
    text = f"{item.new.text[:SEARCHED_CHARS]}\n{item.new.context[:SEARCHED_CHARS]}"
    return Found(
        id=item.new.id,
        kind=item.finding,
        at=_ms(item.found_at),
        severity=mean_severity([answer.body for answer in item.answers]),
        source=origin.source,
        operators=origin.operators,
        fooled=",".join(fooled_members(item)),
        harm=harm_of(origin.meta),
        style=str(origin.meta.get("style") or UNKNOWN),
        family=origin.family,
        text=text.casefold(),
    )


def _tests(wanted: Wanted, marks: Mapping[str, Mark]) -> Iterator[Callable[[Found], bool]]:
    """What a finding must pass, those that are told fastest first; nothing for what does not matter."""
    for name in ("kind", "source", "harm", "style", "family"):
        value = getattr(wanted, name)
        if value is not None:
            yield lambda found, get=attrgetter(name), value=value: get(found) == value  # type: ignore[misc] # bound by default
    if wanted.operator is not None:
        yield lambda found: wanted.operator in found.operators
    if wanted.fooled is not None:
        members = ",".join(sorted(name.strip() for name in wanted.fooled.split(",") if name.strip()))
        yield lambda found: found.fooled == members
    if wanted.mark is not None:
        yield lambda found: marks.get(found.family, "none") == wanted.mark
    yield from _ranges(wanted)
    for word in (wanted.q or "").casefold().split():
        yield lambda found, word=word: word in found.text  # type: ignore[misc] # bound by default


def _ranges(wanted: Wanted) -> Iterator[Callable[[Found], bool]]:
    if wanted.severity_from is not None or wanted.severity_to is not None:
        low = wanted.severity_from or 0.0
        high = 4.0 if wanted.severity_to is None else wanted.severity_to
        yield lambda found: found.severity is not None and low <= found.severity <= high
    if wanted.since is not None:
        since = _ms(wanted.since)
        yield lambda found: found.at >= since
    if wanted.until is not None:
        until = _ms(wanted.until)
        yield lambda found: found.at < until


def _ms(at: datetime) -> int:
    aware = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return round(aware.timestamp() * 1000)


def _place(name: str) -> _Place:
    at, dash, item_id = name.partition("-")
    if not (dash and at.isascii() and at.isdigit() and len(at) <= 15):
        raise InputError("is no place among findings; use what `next` says", field="after")
    return (-int(at), item_id)
