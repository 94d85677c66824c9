"""Which version of each member is in force, so that verdicts of another one can be doubted."""

from __future__ import annotations

from typing import Any

from ensemble.verdict import Verdict

_CONVINCING = 8
"""Verdicts in a row that name another version before it is believed; while members are being replaced, old and new ones
answer in turn, and a change of mind at each would have everything scored again and again."""


class Versions:
    """Members' versions as the verdicts name them."""

    def __init__(self) -> None:
        """Knows no member."""
        self._known: dict[str, str] = {}
        self._others: dict[str, int] = {}

    def see(self, verdict: Verdict) -> bool:
        """Takes note of a verdict; True if a member is now believed to have changed."""
        changed = False
        for name, score in verdict.members.items():
            if self._known.setdefault(name, score.version) == score.version:
                self._others[name] = 0
                continue
            self._others[name] = self._others.get(name, 0) + 1
            if self._others[name] >= _CONVINCING:
                self._known[name], self._others[name], changed = score.version, 0, True
        return changed

    def holds(self, verdict: Verdict) -> bool:
        """Whether all that a verdict says comes from the versions in force."""
        return all(self._known.get(name, score.version) == score.version for name, score in verdict.members.items())

    def state(self) -> dict[str, Any]:
        """Versions, and the verdicts in a row that name another."""
        return {"known": dict(self._known), "others": dict(self._others)}

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on from there."""
        self._known, self._others = dict(state["known"]), dict(state["others"])
