"""Answers of an endpoint kept on disk while a judge is prepared, so that nobody pays twice after a crash."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

from ensemble.members.hashing import version_of

_LONGEST_SECONDS = 7 * 86_400.0
"""Behind a model's name there may be another model one day; older answers are asked for again."""


class KeptAnswers:
    """Preferences by request, in a file with one JSON line each. Thread-safe.

    Args:
        path: of the file; made with the first answer. A line that a crash cut short is left out.
        owner: what else decides an answer, such as the endpoint.
    """

    def __init__(self, path: Path, owner: str) -> None:
        self._path, self._owner, self._lock = path, owner, threading.Lock()
        self._known = _read(path)

    def __len__(self) -> int:
        return len(self._known)

    def get(self, body: dict[str, Any]) -> float | None:
        """The answer to a request, if it is kept."""
        return self._known.get(self._key(body))

    def put(self, body: dict[str, Any], preference: float) -> None:
        """Keeps an answer."""
        key = self._key(body)
        line = json.dumps({"key": key, "preference": preference, "at": time.time()})
        with self._lock:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(f"\n{line}")  # first the line's end, should the one before have been cut short
            self._known[key] = preference

    def clear(self) -> None:
        """Removes the file."""
        with self._lock:
            self._path.unlink(missing_ok=True)
            self._known = {}

    def _key(self, body: dict[str, Any]) -> str:
        return version_of([self._owner, body])


def _read(path: Path) -> dict[str, float]:
    found: dict[str, float] = {}
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else ():
        try:
            entry = json.loads(line)
            if time.time() - entry["at"] < _LONGEST_SECONDS:
                found[entry["key"]] = float(entry["preference"])
        except (ValueError, KeyError, TypeError):  # cut short
            continue
    return found
