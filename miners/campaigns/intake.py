"""Asking the proposers in turn, by their shares; those that fail are benched and the campaign goes on without them."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np

from miners.campaigns.records import IntakeState
from miners.campaigns.spec import CampaignSpec
from miners.candidate import Candidate, Scored
from miners.errors import CampaignError
from miners.proposer import Cost, Costs, Learns, Notes, Outcome, Proposer

_STALE_LIMIT = 20_000
"""Candidates without a new one among them after which a proposer is taken to go round in circles."""

SHARED = {"rewrite": 2.0}
"""Kinds of proposers of which there are many, and their share if none is given: those that no share names divide it."""

OF_KIND = {"rewrite:guided": 0.5}
"""Proposers of such a kind that divide nothing with the rest: beside it they have this part of the kind's share."""

_TURN = 16
"""About as many candidates as one of many gives in a turn."""


@runtime_checkable
class Expects(Protocol):
    """A proposer that can say how much is left."""

    def expected(self, limit: int) -> int | None:
        """Candidates still to come, counted up to `limit` at most; None = unknown or endless."""


@runtime_checkable
class ReadsRows(Protocol):
    """A proposer that skips bad rows and counts them."""

    bad_rows: int
    bad_examples: list[str]


class Intake:
    """The proposers of one campaign."""

    def __init__(self, proposers: Sequence[Proposer], spec: CampaignSpec) -> None:
        """Keeps those with a share above 0.

        Raises:
            CampaignError: two of one name, or none left.
        """
        shares = shares_of([proposer.name for proposer in proposers], spec)
        chosen = [proposer for proposer in proposers if shares[proposer.name] > 0]
        self._proposers = {proposer.name: proposer for proposer in chosen}
        self._shares = shares
        self._handicaps = _handicaps(list(self._proposers), spec)
        self.state = IntakeState()
        if len(self._proposers) < len(chosen):
            raise CampaignError(f"two proposers share a name: {sorted(p.name for p in chosen)}")
        if not chosen:
            raise CampaignError("no source is left to propose texts; give an input or switch one on")

    def start(self) -> None:
        """Takes down where the proposers stand before the first call."""
        for name in self._active():
            self._take_position(name)

    def restore(self, state: IntakeState) -> None:
        """Goes on from a checkpoint; a proposer that cannot is benched."""
        self.state = state.model_copy(deep=True)
        learners = [name for name in self.state.dry if isinstance(self._proposers.get(name), Learns)]
        for name in [*self._active(), *(name for name in learners if name not in self.state.benched)]:
            if name in self.state.positions:
                self._guarded(name, lambda name=name: self._proposers[name].restore(self.state.positions[name]))

    def next_name(self, *, costly: bool = True) -> str | None:
        """Who is asked next: of those that still give, the one furthest behind its share; None when all are done.

        Args:
            costly: whether those whose proposals cost something by themselves may be asked.
        """
        active = [name for name in self._active() if costly or not isinstance(self._proposers[name], Costs)]
        return min(active, key=self._weighted) if active else None

    def propose(self, name: str, count: int) -> tuple[list[Candidate], Cost]:
        """At most `count` candidates of one proposer, and what they cost; one that fails is benched and gives none."""
        began = time.thread_time()
        given = self._guarded(name, lambda: _checked(self._proposers[name].propose(count), count))
        cost = self._cost(name, time.thread_time() - began)
        if name in self.state.benched:
            return [], cost
        if not given:
            self.state.dry.append(name)
        self.state.given[name] = self.state.given.get(name, 0) + len(given)
        return list(given), cost

    def _cost(self, name: str, cpu_seconds: float) -> Cost:
        """What the proposer says that it used; one that says nothing used the CPU time that passed."""
        proposer = self._proposers[name]
        if not isinstance(proposer, Costs):
            return Cost(cpu_seconds=cpu_seconds)
        found = self._guarded(name, lambda: _checked_cost(proposer.take_cost()))
        return found or Cost(cpu_seconds=cpu_seconds)

    def learn(self, outcomes: Sequence[Outcome]) -> None:
        """Tells new labels to the proposers that go by them; those that had run dry are asked again afterwards."""
        for name in [*self._active(), *self.state.dry] if outcomes else ():
            proposer = self._proposers.get(name)
            if name in self.state.benched or not isinstance(proposer, Learns):
                continue
            self._guarded(name, lambda proposer=proposer: proposer.learn(outcomes))
            self._take_position(name)
            if name in self.state.dry:
                self.state.dry.remove(name)

    def observe(self, name: str, scored: Sequence[Scored], *, proposed: int, new: int) -> None:
        """Tells a proposer its verdicts, of `new` texts among those `proposed`, and takes down where it stands now."""
        stale = 0 if new else self.state.stale.get(name, 0) + proposed
        self.state.stale[name] = stale
        if stale > _STALE_LIMIT:
            self.bench(name, f"nothing new in its last {stale:,} texts")
        if name in self.state.benched:
            return
        self._guarded(name, lambda: self._proposers[name].observe(scored))
        self._take_position(name)

    def bench(self, name: str, reason: str) -> None:
        """Takes a proposer out for the rest of the campaign; the first reason stays."""
        self.state.benched.setdefault(name, reason)

    def expected(self, limit: int) -> int:
        """Candidates still to come from all, at most `limit`, which also stands for unknown."""
        total = 0
        for name in self._active():
            proposer = self._proposers[name]
            asked = proposer if isinstance(proposer, Expects) else None
            left = self._guarded(name, lambda asked=asked: asked.expected(limit)) if asked else None
            total += 0 if name in self.state.benched else limit if left is None else left
        return min(total, limit)

    def bad_rows(self) -> tuple[int, list[str]]:
        """Rows that could not be read, and the first of them."""
        readers = [proposer for proposer in self._proposers.values() if isinstance(proposer, ReadsRows)]
        return sum(reader.bad_rows for reader in readers), [line for r in readers for line in r.bad_examples]

    def repeated_rows(self) -> int:
        """Rows that were passed over because their file has the text already, nearby."""
        return sum(getattr(proposer, "repeated_rows", 0) for proposer in self._proposers.values())

    def _take_position(self, name: str) -> None:
        position = self._guarded(name, self._proposers[name].state)
        if name not in self.state.benched:
            self.state.positions[name] = position
            self._take_notes(name)

    def _take_notes(self, name: str) -> None:
        """Takes down what a proposer has to say: its notes, and which of its parts failed."""
        proposer = self._proposers[name]
        if isinstance(proposer, Notes):
            found = self._guarded(name, lambda: (dict(proposer.benched), dict(proposer.notes())))
            for part, why in found[0].items() if found else ():
                self.bench(f"{name}: {part}", str(why))
            self.state.notes[name] = found[1] if found else {}

    def _active(self) -> list[str]:
        return [name for name in self._proposers if name not in self.state.dry and name not in self.state.benched]

    def _weighted(self, name: str) -> float:
        return (self.state.given.get(name, 0) + self._handicaps[name]) / self._shares[name]

    def _guarded(self, name: str, call: Any) -> Any:
        try:
            return call()
        except Exception as error:  # noqa: BLE001 (whatever a source raises, the campaign goes on without it)
            self.bench(name, f"{type(error).__name__}: {error}")
            return None


def _checked_cost(cost: object) -> Cost:
    if not isinstance(cost, Cost):
        raise TypeError("told a cost that is none")
    if cost.gradient_passes < 0 or cost.model_texts < 0 or not 0 <= cost.cpu_seconds < math.inf:
        raise ValueError(f"told an impossible cost: {cost}")
    return cost


def shares_of(names: Sequence[str], spec: CampaignSpec) -> dict[str, float]:
    """Relative share of each proposer, >= 0: its own where the spec names it, else its kind's.

    Of the kinds in `SHARED`, proposers that the spec does not name share what it gives to the kind, alike; those in
    `OF_KIND` have theirs beside it.
    """
    shares = {name: spec.share(name) for name in names}
    for kind, default in SHARED.items():
        given = spec.shares.get(kind, default)
        unnamed = [name for name in names if name.startswith(f"{kind}:") and name not in spec.shares]
        many = [name for name in unnamed if name not in OF_KIND]
        shares |= {name: given * OF_KIND.get(name, 1.0 / max(1, len(many))) for name in unnamed}
    return shares


def _is_of_many(name: str) -> bool:
    return name.split(":", 1)[0] in SHARED and name not in OF_KIND


def _handicaps(names: Sequence[str], spec: CampaignSpec) -> dict[str, float]:
    """What each proposer counts as having given before the first turn.

    A campaign may be too short for each of many to get a turn. Which of them do is drawn by the seed, and a uniform
    draw over one turn gives each kind its share also of the first texts, in expectation.
    """
    rng = np.random.default_rng([spec.seed, len(names)])
    return {
        name: _TURN * float(rng.random()) if _is_of_many(name) and name not in spec.shares else 0.0 for name in names
    }


def _checked(given: object, count: int) -> list[Candidate]:
    if not isinstance(given, list) or not all(isinstance(item, Candidate) for item in given):
        raise TypeError("proposed something that is no list of candidates")
    if len(given) > count:
        raise ValueError(f"proposed {len(given)} candidates where {count} were asked")
    return given
