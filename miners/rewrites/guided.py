"""Guided choice: many rewrites of a seed are made, and only the one that promises most is proposed.

Making a rewrite costs no call of a member; scoring it does. So each seed text is rewritten many times by all operators,
a surrogate that learns from every verdict ranks them, the best that keep to the constraints are proposed, one a seed,
and a seed that did not fool the deployed member is tried again, a few times.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ensemble.calibration import logit
from ensemble.scorer import FloatArray
from ensemble.text import LabelledText
from miners.candidate import Candidate, Scored
from miners.constraints import Constraints, Meaning
from miners.errors import SourceError
from miners.proposer import Cost, Costs
from miners.rewrites.flips import FIRST_ORDER
from miners.rewrites.operator import Operator
from miners.rewrites.seeds import descended, split_of
from miners.rewrites.surrogate import Surrogate

_PROJECTED = 128
"""Numbers that a sentence embedding is brought down to, at random (Johnson and Lindenstrauss 1984), so that what was
learned stays small enough to be kept after every batch."""

_SCALE = 8.0
"""Changes of unit embeddings are small beside the changes of logits that they go with; this brings them near 1."""

_CHECKED = 3
_ROUNDS = 3
"""The best three rewrites of a seed are checked at once, then the next three, then three more."""

_USUAL = 2.0
"""Logit, on the label's side, of a seed whose verdict is not known."""


@dataclass(frozen=True)
class _Rewrite:
    """One rewrite of a seed: the seed's number, the candidate, its features (width,)."""

    seed: int
    candidate: Candidate
    features: FloatArray


class GuidedRewrites:
    """A proposer over several operators that learns which rewrites fool the deployed member."""

    name = "rewrite:guided"

    def __init__(
        self,
        operators: Sequence[Operator],
        seeds: Sequence[LabelledText],
        *,
        meaning: Meaning,
        constraints: Constraints,
        deployed: str,
        known: Mapping[str, float] | None = None,
        splits: Collection[str] | None = None,
        seed: int = 0,
        rewrites: int = 24,
        tries: int = 3,
        uses: int = 3,
    ) -> None:
        """Rewrites nothing yet.

        Args:
            operators: each gets an equal share of the rewrites that are made, not of those that are proposed.
            seeds: labelled texts; `meta` carries "family" and "split".
            meaning: embeds seeds and rewrites, for the surrogate.
            constraints: what a proposed rewrite keeps to; told what was proposed.
            deployed: name of the member to fool.
            known: its P(yes) of seeds that were scored before, by text id.
            splits: splits whose texts may be rewritten; None = all.
            seed: of order, operators and exploration.
            rewrites: made of a seed each time it is its turn.
            tries: rewrites of one seed that are proposed at most, until one fools the member.
            uses: times that one borrowed piece ("fillers" in an operator's notes) may fool it

        Raises:
            SourceError: no operator, or no seed text in the allowed splits.
        """
        self._seeds = [text for text in seeds if splits is None or split_of(text) in splits]
        if not self._seeds or not operators:
            raise SourceError("guided rewriting needs an operator, and a seed text in the allowed splits")
        self._operators, self._meaning, self._constraints = list(operators), meaning, constraints
        self._deployed, self._known, self._seed = deployed, known or {}, seed
        self._rewrites, self._tries, self._most_uses = rewrites, tries, uses
        order = np.random.default_rng([seed, 0]).permutation(len(self._seeds))
        self._waiting = [(int(index), 0) for index in order]
        self._drawn = 0
        self._uses: Counter[str] = Counter()
        self._pending: dict[str, tuple[_Rewrite, int]] = {}
        self._surrogate = Surrogate(_PROJECTED + len(operators) + 1)
        self._projection: FloatArray | None = None
        self._cpu = 0.0

    def propose(self, count: int) -> list[Candidate]:
        """At most `count` rewrites, one a seed; empty once every seed was fooled with or tried often enough."""
        began = time.process_time()
        chosen: list[_Rewrite] = []
        while self._waiting and not chosen:
            turn, self._waiting = self._waiting[:count], self._waiting[count:]
            tried = dict(turn)
            chosen = self._chosen([index for index, _ in turn])
            self._pending |= {one.candidate.text.id: (one, tried[one.seed]) for one in chosen}
        self._cpu += time.process_time() - began
        return [one.candidate for one in chosen]

    def observe(self, scored: Sequence[Scored]) -> None:
        """Learns from the deployed member's answers; seeds that did not fool it wait for another turn."""
        for one in scored:
            found = self._pending.pop(one.candidate.text.id, None)
            answer = one.verdict.members.get(self._deployed)
            if found is None or answer is None:
                continue
            rewrite, tried = found
            parent = self._seeds[rewrite.seed]
            change = float(logit(answer.probability)) - self._logit(parent)
            self._surrogate.learn(rewrite.features[None], np.array([change]))
            if (answer.vote == "yes") == bool(parent.label):
                self._uses.subtract(_borrowed(rewrite.candidate.provenance.meta))
                self._waiting += [(rewrite.seed, tried + 1)] if tried + 1 < self._tries else []

    def take_cost(self) -> Cost:
        """Gradient passes of the operators, and this proposer's CPU seconds, since the last call."""
        passes = sum(
            operator.take_cost().gradient_passes for operator in self._operators if isinstance(operator, Costs)
        )
        seconds, self._cpu = self._cpu, 0.0
        return Cost(passes, seconds)

    def state(self) -> dict[str, Any]:
        """Whose turn it is, what was borrowed how often, and what the surrogate learned; about 50 kB."""
        waiting = [*([one.seed, tried] for one, tried in self._pending.values()), *map(list, self._waiting)]
        return {
            "waiting": waiting, "drawn": self._drawn, "uses": dict(self._uses), "surrogate": self._surrogate.state()
        }  # fmt: skip

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on from `state`; what was proposed and never scored gets its turn first."""
        self._waiting = [(int(index), int(tried)) for index, tried in state["waiting"]]
        self._drawn, self._uses, self._pending = int(state["drawn"]), Counter(state["uses"]), {}
        self._surrogate.restore(state["surrogate"])

    def _chosen(self, indices: Sequence[int]) -> list[_Rewrite]:
        """The best rewrite of each seed that keeps to the constraints; seeds without one are left out."""
        rng = np.random.default_rng([self._seed, 1, self._drawn])
        self._drawn += 1
        ranked = self._ranked(self._made(indices, rng), rng)
        chosen: dict[int, _Rewrite] = {}
        for start in range(0, _CHECKED * _ROUNDS, _CHECKED):
            asked = [one for i in indices if i not in chosen for one in ranked.get(i, [])[start : start + _CHECKED]]
            checks = self._constraints.check([(self._seeds[one.seed], one.candidate.text) for one in asked])
            for one, check in zip(asked, checks, strict=True):
                if check.passes:
                    chosen.setdefault(one.seed, one)
        for one in chosen.values():
            self._uses.update(_borrowed(one.candidate.provenance.meta))
        self._constraints.keep(one.candidate.text for one in chosen.values())
        return list(chosen.values())

    def _made(self, indices: Sequence[int], rng: np.random.Generator) -> list[_Rewrite]:
        """Rewrites of each seed by all operators in turn, each text once, with features."""
        made: dict[str, tuple[int, int, Candidate]] = {}
        for index in indices:
            for number in range(self._rewrites):
                place = number % len(self._operators)
                candidate = self._rewritten(self._seeds[index], self._operators[place], rng)
                if candidate is not None:
                    made.setdefault(candidate.text.id, (index, place, candidate))
        features = self._features(list(made.values()))
        return [_Rewrite(i, one, row) for (i, _, one), row in zip(made.values(), features, strict=True)]

    def _rewritten(self, parent: LabelledText, operator: Operator, rng: np.random.Generator) -> Candidate | None:
        made = operator.rewrite(parent, rng)
        if made is None or any(self._uses[piece] >= self._most_uses for piece in _borrowed(made[1])):
            return None
        return descended(self.name, operator, parent, *made)

    def _features(self, made: Sequence[tuple[int, int, Candidate]]) -> FloatArray:
        """How the embedding moved (projected), which operator, the first-order effect: (rewrites, width)."""
        if not made:
            return np.empty((0, _PROJECTED + len(self._operators) + 1))
        moved = self._meaning([one.text for _, _, one in made]) - self._meaning([self._seeds[i] for i, _, _ in made])
        operators = np.eye(len(self._operators))[[place for _, place, _ in made]]
        foretold = np.array([float(one.provenance.meta.get(FIRST_ORDER, 0.0)) for _, _, one in made])
        return np.hstack([_SCALE * moved @ self._onto(moved.shape[1]), operators, foretold[:, None]])

    def _onto(self, width: int) -> FloatArray:
        """Random directions, orthonormal as far as the width goes, shape (width, _PROJECTED)."""
        if self._projection is None:
            drawn = np.random.default_rng(0).standard_normal((max(width, _PROJECTED), _PROJECTED))
            self._projection = np.asarray(np.linalg.qr(drawn)[0][:width])
        return self._projection

    def _ranked(self, made: Sequence[_Rewrite], rng: np.random.Generator) -> dict[int, list[_Rewrite]]:
        """Each seed's rewrites, the one first that should go furthest to the wrong side."""
        if not made:
            return {}
        drawn = self._surrogate.drawn(np.stack([one.features for one in made]), rng)
        ranked: dict[int, list[_Rewrite]] = {}
        wrong = [change if self._seeds[one.seed].label else -change for change, one in zip(drawn, made, strict=True)]
        for place in np.argsort(wrong, kind="stable"):
            ranked.setdefault(made[place].seed, []).append(made[place])
        return ranked

    def _logit(self, parent: LabelledText) -> float:
        probability = self._known.get(parent.id)
        if probability is None:
            return _USUAL if parent.label else -_USUAL
        return float(logit(probability))


def _borrowed(notes: Mapping[str, Any]) -> list[str]:
    """What a rewrite took from other texts."""
    return [str(piece) for piece in notes.get("fillers", ())]
