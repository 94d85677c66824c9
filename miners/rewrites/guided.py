"""Guided choice: many rewrites of a seed are made, and only the one that promises most is proposed.

Making a rewrite costs no call of a member; scoring it does. So each seed text is rewritten many times by operators that
could make a harmful text of it, a surrogate that learns from every verdict foretells how surely the deployed member
passes each, the best that keep to the constraints are proposed, one a seed, and a seed that did not fool the deployed
member is tried again, a few times. What a rewrite promises counts by how surely its label is what it is taken for,
which people's answers teach: else the texts chosen would be those that no longer say what their seed said.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from ensemble.text import LabelledText
from miners.candidate import Candidate, Scored
from miners.constraints import Constraints, Meaning
from miners.errors import SourceError
from miners.proposer import Cost, Outcome
from miners.rewrites.operator import Operator
from miners.rewrites.promise import Promises, Rewrite
from miners.rewrites.seeds import split_of
from miners.rewrites.twins import Twins

NAME = "rewrite:guided"

_SCREENED = 9
"""The best rewrites of a seed that are looked at by the cheap tests."""

_READ = 3
"""Of those that pass them, how many the language model reads at most, one after the other until one is fluent."""

_BENIGN = 3
"""One benign seed, which operators that flip its label make harmful, comes on so many harmful ones."""


class GuidedRewrites:
    """A proposer over several operators that learns which rewrites fool the deployed member."""

    name = NAME

    def __init__(
        self,
        operators: Sequence[Operator],
        seeds: Sequence[LabelledText],
        *,
        meaning: Meaning,
        constraints: Constraints,
        deployed: str,
        known: Mapping[str, float] | None = None,
        threshold: float = 0.5,
        splits: Collection[str] | None = None,
        seed: int = 0,
        limit: int | None = None,
        rewrites: int = 24,
        tries: int = 3,
        uses: int = 3,
        at_once: int | None = None,
        remember: bool = True,
        read: Collection[str] | None = None,
        without: Mapping[str, str] | None = None,
        twins: bool = False,
    ) -> None:
        """Rewrites nothing yet.

        Args:
            operators: each is applied the oftener, the more of its rewrites fooled the member.
            seeds: labelled texts; `meta` carries "family" and "split".
            meaning: embeds seeds and rewrites, for the surrogate.
            constraints: what a proposed rewrite keeps to.
            deployed: name of the member to fool.
            known: its P(yes) of seeds that were scored before, by text id.
            threshold: P(yes) from which it votes yes.
            splits: splits whose texts may be rewritten; None = all.
            seed: of order, operators and exploration.
            limit: rewrites to propose, at most; None = as many as the seeds give.
            rewrites: made of a seed each time it is its turn.
            tries: rewrites of one seed that are proposed at most, until one fools the member.
            uses: times that one borrowed piece ("fillers" or "sentence" in an operator's notes) may fool it.
            at_once: rewrites that one call proposes, at most; None = as asked.
            remember: whether the constraints are told what was proposed; a campaign sees to duplicates itself.
            read: operators whose rewrites must pass the dear test, of fluency; None = all. Rules keep to grammar.
            without: operators that are not there and why, for the summary.
            twins: whether each rewrite of a harmful seed that fooled the member is followed by its benign twin.

        Raises:
            SourceError: no operator, or no seed text in the allowed splits.
        """
        self._promises = Promises(
            NAME, operators, meaning, known=known or {}, threshold=threshold, rewrites=rewrites, uses=uses
        )
        self._seeds = [text for text in seeds if splits is None or split_of(text) in splits]
        self._labels = {text.id: text.label for text in self._seeds}
        self._constraints, self._deployed, self._seed = constraints, deployed, seed
        self._tries, self._limit, self._at_once, self._remember = tries, limit, at_once, remember
        self._read, self._without = None if read is None else frozenset(read), dict(without or {})
        self._waiting = self._first_turns()
        self._twins, self._with_twins = Twins(self._seeds, self._promises.again), twins
        self._drawn = self._given = 0
        self._pending: dict[str, tuple[int, int, Rewrite]] = {}
        self._cpu = 0.0

    @property
    def benched(self) -> dict[str, str]:
        """Operators that are not there or were taken out, and why."""
        return {**self._without, **self._promises.benched}

    def propose(self, count: int) -> list[Candidate]:
        """At most `count` rewrites, one a seed; empty once every seed was fooled with or tried often enough.

        Twins come first.

        What was proposed before and has no verdict, because it was there already or cost too much, counts as a try.
        """
        began = time.process_time()
        self._waiting, self._pending = [*self._waiting, *self._unscored()], {}
        limits = [count, self._at_once, None if self._limit is None else self._limit - self._given]
        most = min(limit for limit in limits if limit is not None)
        twins = self._twins.take(most)
        most -= len(twins)
        chosen: dict[int, Rewrite] = {}
        while self._waiting and not chosen and most > 0:
            turn, self._waiting = dict(self._waiting[:most]), self._waiting[most:]
            chosen = self._chosen(list(turn))
            self._pending |= {one.candidate.text.id: (index, turn[index], one) for index, one in chosen.items()}
        self._given += len(chosen) + len(twins)
        self._cpu += time.process_time() - began
        return [*twins, *(one.candidate for one in chosen.values())]

    def observe(self, scored: Sequence[Scored]) -> None:
        """Learns from the deployed member's answers; seeds that did not fool it wait for another turn."""
        for one in scored:
            found = self._pending.pop(one.candidate.text.id, None)
            answer = one.verdict.members.get(self._deployed)
            if found is None:
                continue
            index, tried, rewrite = found
            fooled = answer is not None and answer.vote == "no"
            if answer is not None:
                self._promises.learn_verdict(rewrite, answer.probability, fooled=fooled)
            if not fooled:
                self._waiting += self._again(index, tried)
            elif self._with_twins:
                self._twins.want(rewrite)

    def learn(self, outcomes: Sequence[Outcome]) -> None:
        """Goes by what people said of rewrites by one operator, also of those that others proposed."""
        self._promises.learn_labels(outcomes, self._labels)

    def take_cost(self) -> Cost:
        """What operators and constraints used, and this proposer's CPU seconds, since the last call."""
        own, read = self._promises.take_cost(), self._constraints.take_read()
        seconds, self._cpu = self._cpu, 0.0
        return Cost(own.gradient_passes, seconds, own.model_texts + read)

    def expected(self, limit: int) -> int | None:
        """Rewrites left, up to `limit`, if none fools the member."""
        left = len(self._twins) + sum(self._tries - tried for _, tried in self._waiting)
        return min(limit, left if self._limit is None else min(left, max(0, self._limit - self._given)))

    def notes(self) -> dict[str, Any]:
        """For the summary: by operator, rewrites that fooled the member and rewrites tried."""
        return {"operators": self._promises.counts()}

    def state(self) -> dict[str, Any]:
        """Whose turn it is, what was borrowed how often, and what was learned; about 50 kB."""
        waiting = [list(turn) for turn in [*self._waiting, *self._unscored()]]
        return {
            "waiting": waiting,
            "drawn": self._drawn,
            "given": self._given,
            "promises": self._promises.state(),
            "twins": self._twins.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on from `state`."""
        self._waiting = [(int(index), int(tried)) for index, tried in state["waiting"]]
        self._drawn, self._given, self._pending = int(state["drawn"]), int(state["given"]), {}
        self._promises.restore(state["promises"])
        self._twins.restore(state.get("twins", []))

    def _first_turns(self) -> list[tuple[int, int]]:
        """Every seed's first turn, in order."""
        turns = [(index, 0) for index in self._order()]
        if not turns:
            raise SourceError("guided rewriting needs a seed text in the allowed splits that an operator suits")
        return turns

    def _again(self, index: int, tried: int) -> list[tuple[int, int]]:
        """The seed's next turn, if it has one left."""
        return [(index, tried + 1)] if tried + 1 < self._tries else []

    def _unscored(self) -> list[tuple[int, int]]:
        return [turn for index, tried, _ in self._pending.values() for turn in self._again(index, tried)]

    def _order(self) -> list[int]:
        """The seeds' numbers in the order of their turns: harmful ones, and some benign ones among them."""
        rng = np.random.default_rng([self._seed, 0])
        by_label = {
            label: [
                index for index, text in enumerate(self._seeds) if text.label == label and self._promises.suits(label)
            ]
            for label in (0, 1)
        }
        benign, harmful = (rng.permutation(by_label[label]).tolist() for label in (0, 1))
        chosen = benign[: max(1, len(harmful) // _BENIGN)] if harmful else benign
        return [int(index) for index in rng.permutation(sorted([*chosen, *harmful]))]

    def _chosen(self, indices: Sequence[int]) -> dict[int, Rewrite]:
        """The best rewrite of each seed that keeps to the constraints; seeds without one are left out."""
        rng = np.random.default_rng([self._seed, 1, self._drawn])
        self._drawn += 1
        ranked = self._promises.ranked({index: self._seeds[index] for index in indices}, rng)
        passing = self._screened(ranked)
        chosen: dict[int, Rewrite] = {}
        for place in range(_READ):
            asked = {i: passing[i][place] for i in passing if i not in chosen and place < len(passing[i])}
            chosen |= {i: one for i, one in asked.items() if not self._to_read(one)}
            asked = {i: one for i, one in asked.items() if i not in chosen}
            checks = self._constraints.check([(one.parent, one.candidate.text) for one in asked.values()])
            for (index, one), check in zip(asked.items(), checks, strict=True):
                if check.passes:
                    chosen[index] = one
                else:
                    self._promises.dropped(one)
        for one in chosen.values():
            self._promises.chosen(one)
        if self._remember:
            self._constraints.keep(one.candidate.text for one in chosen.values())
        return chosen

    def _to_read(self, rewrite: Rewrite) -> bool:
        return self._read is None or rewrite.operator in self._read

    def _screened(self, ranked: Mapping[int, Sequence[Rewrite]]) -> dict[int, list[Rewrite]]:
        """Of each seed's best rewrites those that pass all tests but the dear one, in the same order."""
        asked = [(index, one) for index, rewrites in ranked.items() for one in rewrites[:_SCREENED]]
        checks = self._constraints.screen([(one.parent, one.candidate.text) for _, one in asked])
        passing: dict[int, list[Rewrite]] = {}
        for (index, one), check in zip(asked, checks, strict=True):
            if check.passes:
                passing.setdefault(index, []).append(one)
            else:
                self._promises.dropped(one)
        return passing
