"""The proposer behind all rewrites of labelled seed texts: who is rewritten, what is kept of its descent.

A rewrite inherits the family and records parent, operator, and the label that it has by construction, if any. Only
texts of the allowed splits are rewritten, and only texts of the parent's own split may be put into it, so that nothing
leaks out of a held-out split.

Rows of one family with both labels are twins: nearly the same text, one with a yes in it and one without. They are
rewritten one after the other with the same random numbers, and where both rewrites succeed each names the other, so
that failures on disguised yes texts can be held against false alarms on no texts in the same disguise.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from ensemble.errors import InputError
from ensemble.text import LabelledText, Text, check_text
from miners.candidate import Candidate, Provenance, Scored
from miners.errors import SourceError
from miners.proposer import Cost, Costs
from miners.rewrites.operator import Batches, Operator, Remembers, effect_on, label_after

_TRIES = 200


class SeedRewrites:
    """Applies one operator to the seed texts in turn, each time round in another order."""

    def __init__(
        self,
        operator: Operator,
        seeds: Sequence[LabelledText],
        *,
        splits: Collection[str] | None = None,
        seed: int = 0,
        limit: int | None = None,
        at_once: int | None = None,
    ) -> None:
        """Rewrites nothing yet.

        Args:
            operator: what is done to a text.
            seeds: labelled texts; `meta` carries "family" and "split".
            splits: splits whose texts may be rewritten; None = all.
            seed: of order and operator.
            limit: rewrites to propose, at most; None = no end.
            at_once: rewrites that one call proposes, at most, so that many operators get their turn; None = as asked.

        Raises:
            SourceError: no seed text in the allowed splits.
        """
        self._operator, self._seed, self._limit, self._at_once = operator, seed, limit, at_once
        self._units = _units([text for text in seeds if splits is None or split_of(text) in splits])
        self._count = sum(map(len, self._units))
        self._drawn = self._given = 0
        self._turn: tuple[int, list[tuple[int, int]]] = (-1, [])
        self._rewritten: dict[tuple[int, int], list[Candidate | None]] = {}
        if not self._units:
            raise SourceError(f"no seed text in the splits {sorted(splits) if splits else 'given'}")

    @property
    def name(self) -> str:
        """Kind and operator, e.g. "rewrite:dilution"."""
        return f"rewrite:{self._operator.name}"

    def propose(self, count: int) -> list[Candidate]:
        """At most `count` rewrites; none at the limit, or when the operator no longer applies to any text."""
        limits = [count, self._at_once, None if self._limit is None else self._limit - self._given]
        most = min(limit for limit in limits if limit is not None)
        made: list[Candidate] = []
        misses = 0
        while len(made) < most and misses < max(_TRIES, self._count):
            self._look_ahead(most - len(made))
            candidate = self._next()
            misses = 0 if candidate else misses + 1
            made += [candidate] if candidate else []
        self._given += len(made)
        return made

    def observe(self, scored: Sequence[Scored]) -> None:
        """Nothing to learn: the seeds are taken in turn."""

    def state(self) -> dict[str, Any]:
        """Seeds drawn, rewrites given."""
        return {"drawn": self._drawn, "given": self._given}

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on behind what was drawn."""
        self._drawn, self._given = int(state["drawn"]), int(state["given"])

    def expected(self, limit: int) -> int | None:
        """Rewrites left, up to `limit`."""
        return None if self._limit is None else min(limit, max(0, self._limit - self._given))

    def _next(self) -> Candidate | None:
        turn, place = divmod(self._drawn, self._count)
        unit, member = self._order(turn)[place]
        self._drawn += 1
        if (turn, unit) not in self._rewritten:
            self._rewritten = self._units_rewritten([(turn, unit)])
        return self._rewritten[turn, unit][member]

    def _look_ahead(self, count: int) -> None:
        """Has the units of the next rows rewritten together, where the operator gains by it and none is ready."""
        if not isinstance(self._operator, Batches):
            return
        places = [divmod(self._drawn + ahead, self._count) for ahead in range(count)]
        units = [(turn, self._order(turn)[place][0]) for turn, place in places if turn == places[0][0]]
        if units and units[0] not in self._rewritten:
            self._rewritten = self._units_rewritten(list(dict.fromkeys(units)))

    def _order(self, turn: int) -> list[tuple[int, int]]:
        """Rows as (unit, place in it), in the turn's order; twins stay together."""
        if self._turn[0] != turn:
            order = np.random.default_rng([self._seed, turn]).permutation(len(self._units)).tolist()
            self._turn = (turn, [(unit, member) for unit in order for member in range(len(self._units[unit]))])
        return self._turn[1]

    def _units_rewritten(self, units: Sequence[tuple[int, int]]) -> dict[tuple[int, int], list[Candidate | None]]:
        """The rewrite of each row of some units, (turn, unit) each."""
        rows = [(turn, unit, parent) for turn, unit in units for parent in self._units[unit]]
        rngs = [np.random.default_rng([self._seed, turn, unit]) for turn, unit, _ in rows]  # twins have the same
        made = iter(self._rewrite([parent for _, _, parent in rows], rngs))
        return {(turn, unit): self._marked(turn, unit, [next(made) for _ in self._units[unit]]) for turn, unit in units}

    def _marked(self, turn: int, unit: int, made: list[Candidate | None]) -> list[Candidate | None]:
        """What was made of a unit; twins that both succeed name each other."""
        if len(made) == 1 or any(candidate is None for candidate in made):
            return made
        ids = [parent.id for parent in self._units[unit]]
        return [
            None if candidate is None else _paired(candidate, f"{ids[0]}/{turn}", ids[1 - place])
            for place, candidate in enumerate(made)
        ]

    def _rewrite(self, parents: Sequence[LabelledText], rngs: Sequence[np.random.Generator]) -> list[Candidate | None]:
        operator = self._operator
        if isinstance(operator, Batches):
            found = operator.rewrite_all(parents, rngs)
        else:
            found = [operator.rewrite(parent, rng) for parent, rng in zip(parents, rngs, strict=True)]
        return [
            None if made is None else descended(self.name, operator, parent, *made)
            for parent, made in zip(parents, found, strict=True)
        ]


class CostlyRewrites(SeedRewrites):
    """The same with an operator that goes by a model: what that costs is told."""

    def __init__(self, operator: Operator, seeds: Sequence[LabelledText], **settings: Any) -> None:
        """As of `SeedRewrites`."""
        super().__init__(operator, seeds, **settings)
        self._cpu = 0.0

    def propose(self, count: int) -> list[Candidate]:
        """As of `SeedRewrites`."""
        began = time.process_time()
        made = super().propose(count)
        self._cpu += time.process_time() - began
        return made

    def take_cost(self) -> Cost:
        """What the operator used, and CPU seconds, since the last call."""
        own = self._operator.take_cost() if isinstance(self._operator, Costs) else Cost()
        seconds, self._cpu = self._cpu, 0.0
        return Cost(own.gradient_passes, seconds, own.model_texts)

    def state(self) -> dict[str, Any]:
        """Seeds drawn, rewrites given, what the operator remembers."""
        own = {"operator": self._operator.state()} if isinstance(self._operator, Remembers) else {}
        return {**super().state(), **own}

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on behind what was drawn."""
        super().restore(state)
        if isinstance(self._operator, Remembers):
            self._operator.restore(state["operator"])


def descended(
    source: str, operator: Operator, parent: LabelledText, text: Text, notes: dict[str, Any]
) -> Candidate | None:
    """The candidate that an operator made of a seed text, with its descent; None if it has grown too long.

    Args:
        source: name of the proposer.
        operator: who made it.
        parent: the seed text.
        text: what was made.
        notes: what the operator notes of it.
    """
    try:
        check_text(text.text)
    except InputError:
        return None
    effect = effect_on(operator, parent.label)
    provenance = Provenance(
        source=source,
        operators=(operator.name,),
        parent=parent.id,
        family=family_of(parent),
        row_id=parent.row_id or None,
        expected_label=label_after(effect, parent.label),
        meta={**notes, "split": split_of(parent), "effect": effect, "style": operator.style},
    )
    return Candidate(text, provenance)


def _units(seeds: Sequence[LabelledText]) -> list[list[LabelledText]]:
    """Twins together, yes first, everything else alone; in the order in which they come.

    Of a family with both labels the first yes and the first no are twins.
    """
    families: dict[tuple[str, str], dict[int, LabelledText]] = {}
    for text in seeds:
        families.setdefault((split_of(text), family_of(text)), {}).setdefault(text.label, text)
    units = []
    for text in seeds:
        family = families[split_of(text), family_of(text)]
        if len(family) == 1 or family[text.label] is not text:
            units.append([text])
        elif text.label:
            units.append([text, family[0]])
    return units


def _paired(candidate: Candidate, pair: str, twin: str) -> Candidate:
    """The candidate with the name of the pair, and the identity of the text that its twin was made from."""
    meta = {**candidate.provenance.meta, "pair": pair, "twin_of": twin}
    return Candidate(candidate.text, candidate.provenance.model_copy(update={"meta": meta}))


def family_of(text: LabelledText) -> str:
    """The family that splits never cut through: the row's own, else the text itself."""
    return str(text.meta.get("family") or text.id)


def split_of(text: LabelledText) -> str:
    """The split that the row belongs to; empty if it names none."""
    return str(text.meta.get("split") or "")
