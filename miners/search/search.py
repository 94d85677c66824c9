"""The proposer that searches: rewrites of labelled texts, of the archive's elites and of confirmed misses.

A bandit chooses operator and kind of parent, constraints drop what no person should have to read, and what the panel
says of the rest fills the archive. It proposes only: what is scored, and what that costs, is for the loop to decide.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from ensemble.near_duplicates import DEFAULT_THRESHOLD
from ensemble.text import LabelledText, Text
from miners.candidate import RESCORE, Candidate, Provenance, Scored
from miners.proposer import Cost, Costs, Outcome
from miners.rewrites.operator import Operator
from miners.rewrites.workshop import Workshop
from miners.search.archive import Archive
from miners.search.bandit import Bandit
from miners.search.constraint import Constraint, Length
from miners.search.elites import Elite
from miners.search.gate import Gate, Rewrite
from miners.search.lineage import SOURCE
from miners.search.maker import DROPPED_COST, Maker, arm_of
from miners.search.niches import grid_of, niche_of
from miners.search.parents import Elites, Findings, Seeds
from miners.search.settings import SearchSettings
from miners.search.versions import Versions

_BLOCKS = 20
"""Blocks in a row of which nothing is left, after which there is taken to be nothing more to give."""

_SAME_AGAIN = 0.1
"""What a failure promises that is no better than the one in its niche, as a share of its evidence."""


class Search:
    """A proposer that learns.

    Attributes:
        archive: the best text of every niche.
    """

    name = SOURCE

    def __init__(
        self,
        operators: Sequence[Operator],
        seeds: Sequence[LabelledText],
        *,
        deployed: str,
        splits: Collection[str] | None = None,
        seed: int = 0,
        limit: int | None = None,
        near_duplicate: float = DEFAULT_THRESHOLD,
        constraints: Sequence[Constraint] | None = None,
        settings: SearchSettings | None = None,
        without: Mapping[str, str] | None = None,
    ) -> None:
        """Rewrites nothing yet.

        Args:
            operators: what may be done to a text; their `effect` decides whose.
            seeds: labelled texts; `meta` carries "family", "split", "harm", "severity" and "style" where known.
            deployed: the member whose failures are hunted.
            splits: splits whose texts may be rewritten; None = all.
            seed: of everything random.
            limit: texts to propose, at most; None = no end.
            near_duplicate: word-triple similarity from which a rewrite is too near its parent or its family's elites.
            constraints: what else a rewrite must keep to; None = `Length` alone.
            settings: see there.
            without: operators and tests that are not there and why, for the summary.

        Raises:
            SourceError: no seed text in the allowed splits, no operator, or two of one name.
        """
        self._settings = settings or SearchSettings()
        self._workshop = Workshop(operators)
        self._seeds = Seeds(seeds, splits=splits, seed=seed)
        self._findings = Findings(splits)
        self._bandit = Bandit(memory=self._settings.memory)
        self._tries: dict[str, int] = {}
        self._maker = Maker(
            self._workshop, self._seeds, self._findings, self._bandit, depth=self._settings.depth, tries=self._tries
        )
        self.archive = Archive(grid_of(deployed, seeds, self._workshop.styles))
        chosen = [Length(most=self._settings.most_characters)] if constraints is None else constraints
        self._constraints, self._without = tuple(chosen), dict(without or {})
        self._gate = Gate(self._constraints, near_duplicate)
        self._versions = Versions()
        self._deployed, self._seed, self._limit = deployed, seed, limit
        self._drawn = self._given = 0
        self._ready: list[Candidate] = []
        self._again: list[Candidate] = []
        self._said: dict[str, tuple[int, float | None]] = {}
        self._seconds = 0.0

    @property
    def benched(self) -> dict[str, str]:
        """Operators and constraints that are not there or were taken out, and why."""
        return {**self._without, **self._workshop.benched, **self._gate.benched}

    def propose(self, count: int) -> list[Candidate]:
        """At most `count` texts: elites of members that changed first, then rewrites."""
        began = time.process_time()
        most = count if self._limit is None else min(count, self._limit - self._given)
        made: list[Candidate] = []
        while len(made) < most and (self._again or self._ready or self._fill()):
            made.append((self._again or self._ready).pop(0))
        self._given += len(made)
        self._seconds += time.process_time() - began
        return made

    def observe(self, scored: Sequence[Scored]) -> None:
        """Puts each text into its niche and tells the bandit what it was worth."""
        for item in scored:
            self._observe(item)
        for text_id in [text_id for text_id in self._tries if text_id not in self.archive]:
            del self._tries[text_id]

    def learn(self, outcomes: Sequence[Outcome]) -> None:
        """Goes by what people said: refuted elites leave, confirmed misses are rewritten, operators are trusted."""
        for outcome in outcomes:
            self._learn(outcome)

    def take_cost(self) -> Cost:
        """What rewriting and checking used since the last call."""
        read = sum(
            constraint.take_cost().model_texts for constraint in self._constraints if isinstance(constraint, Costs)
        )
        made, seconds, self._seconds = self._workshop.take_cost(), self._seconds, 0.0
        return Cost(made.gradient_passes, seconds, made.model_texts + read)

    def expected(self, limit: int) -> int | None:
        """Texts left, up to `limit`; None = no end."""
        return None if self._limit is None else min(limit, max(0, self._limit - self._given))

    def notes(self) -> dict[str, Any]:
        """For the summary: niches filled, of how many, and the best of them."""
        best = [
            {
                "niche": str(elite.niche),
                "worth": round(elite.worth.value, 4),
                "label": elite.label,
                "operators": list(elite.provenance.operators),
                "text": elite.text,
            }
            for elite in self.archive.best(self._settings.shown)
        ]
        return {"niches": {"filled": self.archive.filled, "cells": self.archive.grid.cells, "best": best}}

    def state(self) -> dict[str, Any]:
        """Archive, bandit and positions; JSON."""
        return {
            "drawn": self._drawn,
            "given": self._given,
            "archive": self.archive.state(),
            "bandit": self._bandit.state(),
            "seeds": self._seeds.state(),
            "findings": self._findings.state(),
            "workshop": self._workshop.state(),
            "gate": self._gate.state(),
            "versions": self._versions.state(),
            "tries": dict(self._tries),
            "ready": [_stored(candidate) for candidate in self._ready],
            "again": [_stored(candidate) for candidate in self._again],
            "said": {text_id: list(said) for text_id, said in self._said.items()},
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on exactly behind the last candidate."""
        self._drawn, self._given = int(state["drawn"]), int(state["given"])
        self.archive.restore(state["archive"])
        self._bandit.restore(state["bandit"])
        self._seeds.restore(state["seeds"])
        self._findings.restore(state["findings"])
        self._workshop.restore(state["workshop"])
        self._gate.restore(state["gate"])
        self._versions.restore(state["versions"])
        self._tries.clear()
        self._tries.update(state["tries"])
        self._ready = [_candidate(kept) for kept in state["ready"]]
        self._again = [_candidate(kept) for kept in state["again"]]
        self._said = {text_id: (label, severity) for text_id, (label, severity) in state["said"].items()}

    def _fill(self) -> bool:
        """Makes rewrites ready; False when block after block comes to nothing."""
        for _ in range(_BLOCKS):
            elites = Elites(self.archive.elites(), self._tries)
            made = [self._rewrite(elites) for _ in range(self._settings.block)]
            rewrites = [rewrite for rewrite in made if rewrite is not None]
            for rewrite, candidate in zip(rewrites, self._gate.check(rewrites, elites.by_family), strict=True):
                if candidate is None:
                    self._bandit.credit(rewrite.arm, promised=0.0, cost=DROPPED_COST)
                else:
                    self._ready.append(candidate)
            if self._ready:
                return True
        return False

    def _rewrite(self, elites: Elites) -> Rewrite | None:
        rng = np.random.default_rng([self._seed, self._drawn])
        self._drawn += 1
        return self._maker.make(elites, rng)

    def _observe(self, item: Scored) -> None:
        again, item = item.candidate.again, _plain(item)
        self.archive.know(item.verdict)
        if self._versions.see(item.verdict):
            self._doubt()
        promised = self._placed(item, again=again)
        if not again:
            provenance = item.candidate.provenance
            arm = arm_of(provenance.operators[-1], str(provenance.meta["origin"]))
            self._bandit.credit(arm, promised=promised, cost=float(len(item.verdict.members)))

    def _placed(self, item: Scored, *, again: bool) -> float:
        """Offers a text to its niche; what it promises, in [0, 1]."""
        if not self._versions.holds(item.verdict):
            if not again:  # a second verdict of another version is left at that
                self._again.append(_rescored(item.candidate))
            return 0.0
        niche = niche_of(item.candidate.provenance.meta, item.verdict, self.archive.grid)
        if niche is None:
            return 0.0
        elite = self._with_label(Elite.of(item, niche, self._deployed))
        if elite.label == 0:
            return 0.0
        placed = self.archive.offer(elite)
        if niche.held or elite.worth.evidence <= 0.5:
            return 0.0
        better = 1.0 if placed.new else max(_SAME_AGAIN, placed.gain / elite.worth.value)
        return elite.worth.evidence * better

    def _with_label(self, elite: Elite) -> Elite:
        """The elite with what people said of it while it waited for its new verdict."""
        said = self._said.pop(elite.id, None)
        return elite if said is None else elite.labelled(*said, self._deployed)

    def _doubt(self) -> None:
        """Takes out the elites whose verdicts come from versions no longer in force, to be scored again."""
        stale = [elite for elite in self.archive.elites() if not self._versions.holds(elite.verdict)]
        self.archive.remove([elite.id for elite in stale])
        self._again += [_rescored(elite.candidate) for elite in stale]
        self._said |= {elite.id: (elite.label, elite.severity) for elite in stale if elite.label is not None}

    def _learn(self, outcome: Outcome) -> None:
        elite = self.archive.find(outcome.text_id)
        if elite is not None and outcome.label == 0:
            self.archive.remove([elite.id])
        elif elite is not None and outcome.label == 1:
            self.archive.replace(elite.labelled(1, outcome.severity, self._deployed))
        elif outcome.label is not None and any(waiting.text.id == outcome.text_id for waiting in self._again):
            self._said[outcome.text_id] = (outcome.label, outcome.severity)
        elif outcome.missed:
            self._findings.add(outcome)
        promised = outcome.provenance.expected_label != 0
        if outcome.provenance.operators and promised and (outcome.missed or outcome.label == 0):
            self._bandit.answer(outcome.provenance.operators[-1], confirmed=outcome.missed)


def _rescored(candidate: Candidate) -> Candidate:
    """A text to be scored again, marked as such."""
    return _with_meta(candidate, {**candidate.provenance.meta, RESCORE: True})


def _plain(item: Scored) -> Scored:
    """A scored text without the mark."""
    meta = {key: value for key, value in item.candidate.provenance.meta.items() if key != RESCORE}
    return Scored(_with_meta(item.candidate, meta), item.verdict)


def _with_meta(candidate: Candidate, meta: dict[str, Any]) -> Candidate:
    return Candidate(candidate.text, candidate.provenance.model_copy(update={"meta": meta}))


def _stored(candidate: Candidate) -> list[Any]:
    return [candidate.text.text, candidate.text.context, candidate.provenance.model_dump(mode="json")]


def _candidate(kept: Sequence[Any]) -> Candidate:
    text, context, provenance = kept
    return Candidate(Text(text, context), Provenance.model_validate(provenance))
