"""What asking an endpoint costs: tokens, requests, seconds and money, counted and kept within a budget.

Money is kept in a file of the state directory, so that a budget holds over restarts and for all processes together.
"""

from __future__ import annotations

import fcntl
import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ensemble.errors import MemberUnavailableError
from ensemble.members.hashing import version_of
from ensemble.members.specs import JudgeSpec

_CHARS_A_TOKEN = 3.0
"""Fewer than most tokenisers have, so that a guess of tokens is rather too high."""

_WRITE_SECONDS = 1.0
"""Between two visits to the file; what several processes spend meanwhile can exceed the budget."""


@dataclass(frozen=True)
class Spent:
    """What was used, from one moment to another.

    Attributes:
        requests: sent, failed ones included.
        retries: those of them that repeated a failed one.
        failures: requests without a usable answer.
        input_tokens, cached_tokens, output_tokens: as the endpoint counts them, or guessed from the number of
            characters where it does not; cached ones are part of the input.
        guessed: answers whose tokens were guessed.
        seconds: that requests took, those at the same time added up.
        cost: in the prices' currency; 0 without prices.
    """

    requests: int = 0
    retries: int = 0
    failures: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    guessed: int = 0
    seconds: float = 0.0
    cost: float = 0.0

    def __add__(self, other: Spent) -> Spent:
        return Spent(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))


def guessed_tokens(characters: int) -> int:
    """Tokens of a text of so many characters, rather too many than too few."""
    return round(characters / _CHARS_A_TOKEN)


def price_of(spec: JudgeSpec, *, fresh: int, cached: int, output: int) -> float:
    """Money for tokens; 0 without prices."""
    plain = spec.price_per_million_input or 0.0
    again = plain if spec.price_per_million_cached is None else spec.price_per_million_cached
    return (fresh * plain + cached * again + output * (spec.price_per_million_output or 0.0)) / 1e6


class CostMeter:
    """Counts what one endpoint costs and refuses when the budget is spent. Thread-safe.

    Args:
        spec: prices and budget.
        ledger: where money is kept.
    """

    def __init__(self, spec: JudgeSpec, ledger: Ledger) -> None:
        self._spec, self._ledger = spec, ledger
        self._lock, self._taken = threading.Lock(), Spent()

    def check(self, expected: float = 0.0) -> None:
        """Makes sure that there is money left.

        Args:
            expected: what is about to be spent.

        Raises:
            MemberUnavailableError: a budget is spent, or would be exceeded by what is expected.
        """
        limits = {"budget": self._spec.budget, "budget_per_day": self._spec.budget_per_day}
        if all(limit is None for limit in limits.values()):
            return
        used = self._ledger.used()
        for (name, limit), spent in zip(limits.items(), used, strict=True):
            if limit is not None and spent + expected >= limit:
                raise MemberUnavailableError(_broke(name, limit, spent, expected))

    def add(self, spent: Spent) -> None:
        """Counts."""
        with self._lock:
            self._taken += spent
        self._ledger.add(spent.cost)

    def answered(self, usage: Any, sizes: tuple[int, int], seconds: float, *, retry: bool) -> None:
        """Counts a request that was answered.

        Args:
            usage: what the endpoint says of it; guessed where that is no count of tokens.
            sizes: characters sent and most tokens to be answered, to guess by.
            seconds: that it took.
            retry: whether it repeated a failed one.
        """
        known = _tokens(usage)
        prompt, cached, output = known or (guessed_tokens(sizes[0]), 0, sizes[1])
        cost = price_of(self._spec, fresh=prompt - cached, cached=cached, output=output)
        self.add(Spent(1, int(retry), 0, prompt, cached, output, int(known is None), seconds, cost))

    def failed(self, seconds: float, *, retry: bool) -> None:
        """Counts a request without an answer; endpoints do not charge for those."""
        self.add(Spent(requests=1, retries=int(retry), failures=1, seconds=seconds))

    def take(self) -> Spent:
        """What was used since the last call."""
        with self._lock:
            taken, self._taken = self._taken, Spent()
        return taken

    def close(self) -> None:
        """Writes down what is not written yet."""
        self._ledger.write()


def _broke(name: str, limit: float, spent: float, expected: float) -> str:
    more = f", and about {expected:.4g} more would be needed" if expected else ""
    when = "raise it" if name == "budget" else "wait for the next day (UTC) or raise it"
    return f"{name} {limit:g} of the remote judge is too little: {spent:.4g} is spent{more}; {when} in panel.judge"


def _tokens(usage: Any) -> tuple[int, int, int] | None:
    """Input, cached and output tokens; None where they are not told."""
    if not isinstance(usage, Mapping):
        return None
    details = usage.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, Mapping) else 0
    counts = [usage.get("prompt_tokens"), cached or 0, usage.get("completion_tokens") or 0]
    if not all(isinstance(count, int) and not isinstance(count, bool) and count >= 0 for count in counts):
        return None
    prompt, again, output = (int(count or 0) for count in counts)
    return prompt, min(again, prompt), output


class Ledger:
    """Money spent on one endpoint and model, in all and on each of the last days, in a file. Thread-safe.

    Args:
        path: the file; made when there is something to write.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._lock = path, threading.Lock()
        self._unwritten, self._read_at, self._seen = 0.0, float("-inf"), (0.0, 0.0)

    @classmethod
    def of(cls, spec: JudgeSpec, folder: Path) -> Ledger:
        """The ledger of an endpoint and model in a folder."""
        return cls(folder / f"{version_of([str(spec.endpoint), spec.endpoint_model])}.json")

    def add(self, cost: float) -> None:
        """Adds money; written at most once a second."""
        if cost <= 0:
            return
        with self._lock:
            self._unwritten += cost
            self._exchange(least_seconds=_WRITE_SECONDS)

    def used(self) -> tuple[float, float]:
        """Spent in all, and today (UTC); what other processes spent is known to the second."""
        with self._lock:
            self._exchange(least_seconds=_WRITE_SECONDS)
            total, today = self._seen
            return total + self._unwritten, today + self._unwritten

    def write(self) -> None:
        """Writes what is not written yet."""
        with self._lock:
            if self._unwritten:
                self._exchange(least_seconds=0.0)

    def _exchange(self, *, least_seconds: float) -> None:
        """Adds to the file and reads what others added."""
        if time.monotonic() - self._read_at < least_seconds:
            return
        self._read_at, day = time.monotonic(), datetime.now(UTC).date().isoformat()
        if not self._unwritten and not self._path.is_file():
            return
        try:
            with _locked(self._path):
                kept = _with(_read(self._path), day, self._unwritten)
                if self._unwritten:
                    _replace(self._path, kept)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            # Without knowing what was spent nothing more may be.
            raise MemberUnavailableError(f"cannot keep what was spent in {self._path}: {error}; mend it") from error
        self._unwritten, self._seen = 0.0, (kept["total"], kept["days"][day])


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with path.with_suffix(".lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {"total": 0.0, "days": {}}
    found = json.loads(path.read_bytes())
    return {"total": float(found["total"]), "days": {str(day): float(cost) for day, cost in found["days"].items()}}


def _with(known: dict[str, Any], day: str, cost: float) -> dict[str, Any]:
    """What is known plus a cost on a day; a month of days is kept."""
    days = {**known["days"], day: known["days"].get(day, 0.0) + cost}
    return {"total": known["total"] + cost, "days": dict(sorted(days.items())[-31:])}


def _replace(path: Path, kept: dict[str, Any]) -> None:
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(kept, indent=1), encoding="utf-8")
    fresh.replace(path)
