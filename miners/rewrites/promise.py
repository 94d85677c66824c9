"""Many rewrites of each seed, the most promising first: what a guided proposer knows and learns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

from ensemble.calibration import logit, sigmoid
from ensemble.scorer import FloatArray
from ensemble.text import LabelledText, Text
from miners.candidate import Candidate
from miners.constraints import Meaning
from miners.proposer import Cost, Outcome
from miners.rewrites.flips import FIRST_ORDER
from miners.rewrites.operator import Operator, makes_harmful
from miners.rewrites.seeds import descended
from miners.rewrites.surrogate import Surrogate
from miners.rewrites.trust import Trust
from miners.rewrites.workshop import Workshop
from miners.rewrites.yields import Yields

_PROJECTED = 128
"""Numbers that a sentence embedding is brought down to, at random (Johnson and Lindenstrauss 1984), so that what was
learned stays small enough to be kept after every batch."""

_SCALE = 8.0
"""Changes of unit embeddings are small beside the changes of logits that they go with; this brings them near 1."""

_USUAL = 2.0
"""Logit, on the label's side, of a seed whose verdict is not known."""


@runtime_checkable
class Looks(Protocol):
    """An operator that knows what the deployed member thinks of a text, because it has looked at it anyway."""

    def probability(self, text: Text) -> float | None:
        """P(yes); None of a text that it did not look at."""


@dataclass(frozen=True)
class Rewrite:
    """One rewrite of a seed.

    Attributes:
        parent: the seed.
        candidate: the text with its descent.
        features: how the embedding moved (projected), which operator, the first-order effect; shape (width,).
        drawn: seeds the operator's random numbers.
    """

    parent: LabelledText
    candidate: Candidate
    features: FloatArray
    drawn: int

    @property
    def operator(self) -> str:
        """Name of who made it."""
        return self.candidate.provenance.operators[0]


class Promises:
    """Makes rewrites and ranks them by P(the member passes it) x P(it is harmful).

    Args:
        source: name of the proposer, for the provenance.
        operators: each is applied the oftener, the more of its rewrites fooled the member.
        meaning: embeds seeds and rewrites.
        known: the member's P(yes) of seeds that were scored before, by text id.
        threshold: P(yes) from which it votes yes.
        rewrites: made of each seed.
        uses: times that one borrowed piece may fool the member.

    Raises:
        SourceError: no operator.
    """

    def __init__(
        self,
        source: str,
        operators: Sequence[Operator],
        meaning: Meaning,
        *,
        known: Mapping[str, float],
        threshold: float,
        rewrites: int,
        uses: int,
    ) -> None:
        self._source, self._meaning, self._known = source, meaning, known
        self._rewrites, self._most_uses = rewrites, uses
        self._cut = float(logit(threshold))
        self._workshop = Workshop(operators, patience=None)
        self._lookers = [operator for operator in operators if isinstance(operator, Looks)]
        self._places = {operator.name: place for place, operator in enumerate(operators)}
        self._uses: Counter[str] = Counter()
        self._surrogate = Surrogate(_PROJECTED + len(operators) + 1)
        self._trust, self._yields = Trust(), Yields()
        self._projection: FloatArray | None = None

    @property
    def benched(self) -> dict[str, str]:
        """Operators that were taken out, and why."""
        return self._workshop.benched

    @property
    def observed(self) -> int:
        """Verdicts that the surrogate learned from."""
        return self._surrogate.observed

    def suits(self, label: int) -> bool:
        """Whether any operator could make a harmful text of one with this label."""
        return any(makes_harmful(operator, label) for operator in self._workshop.active)

    def missed(self, parent: LabelledText) -> bool:
        """Whether the member is known to pass a harmful seed as it stands: its rewrites would tell nothing new."""
        probability = self._probability(parent)
        return parent.label == 1 and probability is not None and float(logit(probability)) < self._cut

    def ranked(self, parents: Mapping[int, LabelledText], rng: np.random.Generator) -> dict[int, list[Rewrite]]:
        """Rewrites of each seed, by its number, the one first that promises most; none of seeds missed already."""
        made = self._made(parents, rng)
        if not made:
            return {}
        changes = self._surrogate.drawn(np.stack([one.features for _, one, _ in made]), rng)
        moved = np.array([self._logit(one.parent) for _, one, _ in made]) + changes - self._cut
        promise = sigmoid(-moved) * np.array([trust for _, _, trust in made])
        ranked: dict[int, list[Rewrite]] = {}
        for place in np.argsort(-promise, kind="stable"):
            ranked.setdefault(made[place][0], []).append(made[place][1])
        return {number: rewrites for number, rewrites in ranked.items() if not self.missed(parents[number])}

    def again(self, operator: str, parent: LabelledText, drawn: int) -> Candidate | None:
        """What an operator makes of a text with the random numbers of a rewrite; None where nothing."""
        known = self._workshop.active_of(operator)
        if known is None:
            return None
        made = self._workshop.rewrite(known, parent, np.random.default_rng(drawn))
        return None if made is None else descended(self._source, known, parent, *made)

    def chosen(self, rewrite: Rewrite) -> None:
        """It is proposed; what it borrowed counts as used until the verdict says that it did not help."""
        self._uses.update(_borrowed(rewrite))

    def dropped(self, rewrite: Rewrite) -> None:
        """It broke a limit."""
        self._yields.dropped(rewrite.operator)

    def learn_verdict(self, rewrite: Rewrite, probability: float, *, fooled: bool) -> None:
        """The member's P(yes) of a proposed rewrite, and whether it passed it."""
        change = float(logit(probability)) - self._logit(rewrite.parent)
        self._surrogate.learn(rewrite.features[None], np.array([change]))
        self._yields.scored(rewrite.operator, fooled=fooled)
        if not fooled:
            self._uses.subtract(_borrowed(rewrite))

    def learn_labels(self, outcomes: Sequence[Outcome], labels: Mapping[str, int]) -> None:
        """What people said of rewrites of one operator; `labels` are those of the seeds, by identity."""
        for outcome in outcomes:
            label = labels.get(str(outcome.provenance.parent))
            if len(outcome.provenance.operators) == 1 and outcome.label is not None and label is not None:
                self._trust.answer(outcome.provenance.operators[0], label, held=outcome.label == 1)

    def take_cost(self) -> Cost:
        """What the operators used since the last call."""
        return self._workshop.take_cost()

    def counts(self) -> dict[str, list[float]]:
        """By operator, rewrites that fooled the member and rewrites tried."""
        return self._yields.counts()

    def state(self) -> dict[str, Any]:
        """All that was learned; JSON, about 50 kB."""
        return {
            "uses": {piece: uses for piece, uses in self._uses.items() if uses},
            "surrogate": self._surrogate.state(),
            "trust": self._trust.state(),
            "yields": self._yields.state(),
            "workshop": self._workshop.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Goes on from `state`."""
        self._uses = Counter(state["uses"])
        self._surrogate.restore(state["surrogate"])
        self._trust.restore(state["trust"])
        self._yields.restore(state["yields"])
        self._workshop.restore(state["workshop"])

    def _made(self, parents: Mapping[int, LabelledText], rng: np.random.Generator) -> list[tuple[int, Rewrite, float]]:
        """Rewrites of seeds, each text once: the seed's number, the rewrite, the share expected to be harmful."""
        made: dict[str, tuple[int, Operator, Candidate, int]] = {}
        for operator, numbers in self._plan(parents, rng).items():
            chosen = self._workshop.active_of(operator)
            if chosen is None:
                continue
            drawn = [int(one) for one in rng.integers(2**63, size=len(numbers))]
            rngs = [np.random.default_rng(one) for one in drawn]
            found = self._workshop.rewrite_all(chosen, [parents[number] for number in numbers], rngs)
            for number, one, seed in zip(numbers, found, drawn, strict=True):
                candidate = None if one is None else descended(self._source, chosen, parents[number], *one)
                if candidate is not None and not self._used_up(candidate):
                    made.setdefault(candidate.text.id, (number, chosen, candidate, seed))
        given = list(made.values())
        features = self._features([(parents[number], candidate) for number, _, candidate, _ in given])
        return [
            (number, Rewrite(parents[number], candidate, row, seed), self._trust(operator, parents[number].label))
            for (number, operator, candidate, seed), row in zip(given, features, strict=True)
        ]

    def _plan(self, parents: Mapping[int, LabelledText], rng: np.random.Generator) -> dict[str, list[int]]:
        """By operator, the seeds it is applied to, one as often as drawn."""
        plan: dict[str, list[int]] = {name: [] for name in self._places}
        for label in (0, 1):
            suited = [operator for operator in self._workshop.active if makes_harmful(operator, label)]
            numbers = [number for number, parent in parents.items() if parent.label == label]
            if not suited or not numbers:
                continue
            draws = rng.choice(len(suited), size=(len(numbers), self._rewrites), p=self._yields.shares(suited))
            for number, row in zip(numbers, draws, strict=True):
                for place in row:
                    plan[suited[place].name].append(number)
        return plan

    def _used_up(self, candidate: Candidate) -> bool:
        return any(self._uses[piece] >= self._most_uses for piece in _pieces(candidate))

    def _features(self, made: Sequence[tuple[LabelledText, Candidate]]) -> FloatArray:
        """See `Rewrite`; shape (rewrites, width)."""
        if not made:
            return np.empty((0, _PROJECTED + len(self._places) + 1))
        moved = self._meaning([one.text for _, one in made]) - self._meaning([parent for parent, _ in made])
        operators = np.eye(len(self._places))[[self._places[one.provenance.operators[0]] for _, one in made]]
        foretold = np.array([float(one.provenance.meta.get(FIRST_ORDER, 0.0)) for _, one in made])
        return np.hstack([_SCALE * moved @ self._onto(moved.shape[1]), operators, foretold[:, None]])

    def _onto(self, width: int) -> FloatArray:
        """Random directions, orthonormal as far as the width goes, shape (width, _PROJECTED)."""
        if self._projection is None:
            drawn = np.random.default_rng(0).standard_normal((max(width, _PROJECTED), _PROJECTED))
            self._projection = np.asarray(np.linalg.qr(drawn)[0][:width])
        return self._projection

    def _probability(self, parent: LabelledText) -> float | None:
        """The member's P(yes) of a seed, as far as it is known."""
        looked = (one.probability(parent) for one in self._lookers)
        return self._known.get(parent.id, next((p for p in looked if p is not None), None))

    def _logit(self, parent: LabelledText) -> float:
        probability = self._probability(parent)
        if probability is None:
            return _USUAL if parent.label else -_USUAL
        return float(logit(probability))


def _borrowed(rewrite: Rewrite) -> list[str]:
    return _pieces(rewrite.candidate)


def _pieces(candidate: Candidate) -> list[str]:
    """What a rewrite took from elsewhere: texts of other rows, a sentence out of a table."""
    notes = candidate.provenance.meta
    sentence = [f"{candidate.provenance.operators[0]} {notes['sentence']}"] if "sentence" in notes else []
    return [*(str(piece) for piece in notes.get("fillers", ())), *sentence]
