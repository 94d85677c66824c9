"""Limits on what callers hand to a queue, the same for every implementation."""

from __future__ import annotations

import hashlib
import math
import random
import re
from collections.abc import Iterable, Sequence
from typing import NoReturn

from ensemble.errors import InputError
from miners.queue.types import MARKS, TAG_PATTERN, Mark, NewItem

MAX_LEASES = 100
"""Most items leased by one request."""
MAX_LEASE_SECONDS = 7 * 86_400.0
MAX_ANSWERS = 100
"""Most answers wanted for one item."""
MAX_AMENDMENTS = 100
"""Most corrections of one answer; each keeps a body in its history."""
MAX_NAME = 128
MAX_FAMILY = 1_000
"""Longest name of a family that can be marked, in characters."""
MAX_REASON = 2_000
"""Longest reason for a skip, in characters."""

_SURROGATE = re.compile("[\ud800-\udfff]")
_TAG = re.compile(TAG_PATTERN)
_TASK = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def check_task(task: str) -> str:
    """The task's name, refused where it cannot be part of a key."""
    if not _TASK.fullmatch(task):
        _refuse("task", f"{task!r} is no task name; use 1 to 64 letters, digits, '.', '_' or '-'")
    return task


def check_name(value: str, field: str) -> str:
    """A rater, request or lease id: 1 to 128 characters without control characters or lone surrogates."""
    if not 1 <= len(value) <= MAX_NAME:
        _refuse(field, f"has {len(value)} characters; 1 to {MAX_NAME} are allowed")
    if not value.isprintable():
        _refuse(field, "holds a control character or a lone surrogate")
    return value


def check_count(count: int) -> int:
    """Number of leases wanted."""
    if not 1 <= count <= MAX_LEASES:
        _refuse("count", f"is {count}; 1 to {MAX_LEASES} are allowed")
    return count


def check_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """Languages and skills: sorted, each once."""
    wanted = sorted(set(tags))
    for tag in wanted:
        if not _TAG.fullmatch(tag):
            _refuse("tags", f"{tag[:40]!r} is no tag; use 1 to 32 letters, digits, '.', '_' or '-'")
    return tuple(wanted)


def check_needed(needed: int) -> int:
    """Answers wanted for an item."""
    if not 1 <= needed <= MAX_ANSWERS:
        _refuse("needed", f"is {needed}; 1 to {MAX_ANSWERS} are allowed")
    return needed


def check_priority(priority: float) -> float:
    """A priority that can be ranked."""
    if not math.isfinite(priority):
        _refuse("priority", f"is {priority}; only finite numbers can be ranked")
    return float(priority)


def check_share(share: float) -> float:
    """A probability."""
    if not 0 <= share <= 1:
        _refuse("gold_share", f"is {share}; 0 to 1 are allowed")
    return share


def gold_places(request: str, count: int, share: float) -> tuple[list[int], int]:
    """Which of a request's leases shall be gold, and where to look for it first: drawn anew for each request.

    The same for the same request. Whoever asks for many gets gold at any place, so that the place tells nothing.
    """
    if share <= 0:
        return [], 0
    rng = random.Random(request)
    return [place for place in range(count) if rng.random() < share], rng.getrandbits(31)


def lease_ms(seconds: float) -> int:
    """Length of a lease in milliseconds, at least 1."""
    if not 0 < seconds <= MAX_LEASE_SECONDS:
        _refuse("seconds", f"is {seconds}; more than 0 and at most {MAX_LEASE_SECONDS:.0f} are allowed")
    return max(1, round(seconds * 1000))


def check_reason(reason: str) -> str:
    """Why an item is skipped: any text without lone surrogates."""
    if len(reason) > MAX_REASON:
        _refuse("reason", f"has {len(reason):,} characters; the limit is {MAX_REASON:,}")
    if _SURROGATE.search(reason):
        _refuse("reason", "holds a lone surrogate")
    return reason


def check_mark(family: str, mark: Mark | None) -> None:
    """A family that can be marked, and a mark or none."""
    if not 1 <= len(family) <= MAX_FAMILY:
        _refuse("family", f"has {len(family):,} characters; 1 to {MAX_FAMILY:,} are allowed")
    if _SURROGATE.search(family):
        _refuse("family", "holds a lone surrogate")
    if mark is not None and mark not in MARKS:
        _refuse("mark", f"is {mark!r}; {', '.join(MARKS)} are allowed")


def check_items(items: Sequence[NewItem], task: str) -> None:
    """Every item must be of this queue's task and have a printable id."""
    for item in items:
        check_name(item.id, "id")
        if item.author:
            check_name(item.author, "author")
        if item.task != task:
            _refuse("task", f"item {item.id} is of task {item.task!r}, this queue holds {task!r}")


def request_key(rater: str, request_id: str) -> str:
    """Name of a rater's request, from which its lease ids are made: the same again for the same request.

    Two raters who choose the same request id do not meet: 32 hex digits of BLAKE2b over both.
    """
    joined = f"{check_name(rater, 'rater')}\0{check_name(request_id, 'request_id')}"
    return hashlib.blake2b(joined.encode(), digest_size=16).hexdigest()


def _refuse(field: str, message: str) -> NoReturn:
    raise InputError(message, field=field)
