"""Who is rewritten next: labelled texts in turn, elites, and misses that people confirmed."""

from __future__ import annotations

import zlib
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from ensemble.text import LabelledText, Text
from miners.candidate import Provenance
from miners.errors import SourceError
from miners.proposer import Outcome
from miners.rewrites.operator import Operator, makes_harmful
from miners.rewrites.seeds import split_of
from miners.search.elites import Elite
from miners.search.lineage import Parent, of_elite, of_finding, of_seed
from miners.search.niches import harm_of

SEED, BENIGN, ELITE, FINDING = "seed", "benign", "elite", "finding"
"""Kinds of parent: a labelled text with label 1, one with label 0, an elite, a miss that people confirmed."""

_MOST_FINDINGS = 64


class Seeds:
    """Labelled texts by label and harm; within a harm they come in turn, each time round in another order."""

    def __init__(self, seeds: Sequence[LabelledText], *, splits: Collection[str] | None, seed: int) -> None:
        """Keeps those of the allowed splits (None = all).

        Raises:
            SourceError: none is left.
        """
        self._seed = seed
        self._by: dict[int, dict[str, list[LabelledText]]] = {0: defaultdict(list), 1: defaultdict(list)}
        self._drawn: dict[str, int] = {}
        allowed = [text for text in seeds if splits is None or split_of(text) in splits]
        if not allowed:
            raise SourceError(f"no seed text in the splits {sorted(splits) if splits else 'given'}")
        self._texts: dict[str, LabelledText] = {text.id: text for text in allowed}
        for text in allowed:
            self._by[text.label][harm_of(text.meta)].append(text)

    def has(self, label: int) -> bool:
        """Whether there is any with this label."""
        return bool(self._by[label])

    def original(self, text_id: str) -> Text | None:
        """The labelled text with this identity."""
        return self._texts.get(text_id)

    def draw(self, label: int, style: str, filled: Mapping[tuple[str, str], int], rng: np.random.Generator) -> Parent:
        """One with this label; the emptier the niches of its harm in this style, the likelier the harm.

        Of benign texts each is alike likely: most name no harm, and what is to be made of them does not hang on it.
        """
        harms = sorted(self._by[label])
        sizes = [1 if label else len(self._by[label][harm]) for harm in harms]
        weights = np.array(sizes) / [1 + (filled.get((harm, style), 0) if label else 0) for harm in harms]
        harm = harms[int(rng.choice(len(harms), p=weights / weights.sum()))]
        texts, key = self._by[label][harm], f"{label}:{harm}"
        turn, place = divmod(self._drawn.get(key, 0), len(texts))
        self._drawn[key] = self._drawn.get(key, 0) + 1
        order = np.random.default_rng([self._seed, zlib.crc32(key.encode()), turn]).permutation(len(texts))
        return of_seed(texts[int(order[place])])

    def state(self) -> dict[str, int]:
        """Texts drawn, by label and harm."""
        return dict(self._drawn)

    def restore(self, state: Mapping[str, int]) -> None:
        """Goes on behind what was drawn."""
        self._drawn = dict(state)


class Findings:
    """The newest misses that people confirmed, as far as they may be rewritten."""

    def __init__(self, splits: Collection[str] | None) -> None:
        """Takes the splits whose texts may be rewritten; texts that name none may always be."""
        self._splits = splits
        self._found: dict[str, Outcome] = {}

    def __len__(self) -> int:
        return len(self._found)

    def add(self, outcome: Outcome) -> None:
        """Keeps a confirmed miss; of too many the oldest goes."""
        split = str(outcome.provenance.meta.get("split") or "")
        if split and self._splits is not None and split not in self._splits:
            return
        self._found[outcome.text_id] = outcome
        for text_id in list(self._found)[:-_MOST_FINDINGS]:
            del self._found[text_id]

    def original(self, text_id: str) -> Text | None:
        """The finding with this identity."""
        found = self._found.get(text_id)
        return None if found is None else Text(found.text, found.context)

    def fitting(self, operator: Operator, depth: int) -> list[Parent]:
        """Those to which an operator may still be applied."""
        parents = (of_finding(found) for found in self._found.values())
        return [parent for parent in parents if _fits(parent.operators, operator, depth)]

    def state(self) -> list[dict[str, Any]]:
        """All of them, oldest first."""
        return [
            {**asdict(found), "provenance": found.provenance.model_dump(mode="json")} for found in self._found.values()
        ]

    def restore(self, state: Sequence[Mapping[str, Any]]) -> None:
        """Goes on with these."""
        found = [Outcome(**{**kept, "provenance": Provenance.model_validate(kept["provenance"])}) for kept in state]
        self._found = {outcome.text_id: outcome for outcome in found}


class Elites:
    """What may be rewritten of an archive that stays as it is while this is used, with chains of one bounded length."""

    def __init__(self, elites: Sequence[Elite], tries: Mapping[str, int]) -> None:
        """Takes the elites, and how often each was rewritten so far."""
        self._elites, self._tries = elites, tries
        self._fitting: dict[str, list[Elite]] = {}
        self.filled = Counter((elite.niche.harm, elite.niche.style) for elite in elites if not elite.niche.held)
        self.by_family: dict[str, list[Text]] = defaultdict(list)
        for elite in elites:
            self.by_family[elite.provenance.family].append(Text(elite.text, elite.context))

    def fitting(self, operator: Operator, depth: int) -> list[Elite]:
        """Those to which an operator may still be applied and that it could make a failure of."""
        if operator.name not in self._fitting:
            suits = {label: makes_harmful(operator, label) for label in (0, 1)}
            self._fitting[operator.name] = [
                elite
                for elite in self._elites
                if suits[_believed(elite)] and _fits(elite.provenance.operators, operator, depth)
            ]
        return self._fitting[operator.name]

    def draw(self, fitting: Sequence[Elite], style: str, rng: np.random.Generator) -> Elite:
        """One of them: rather a good one, one seldom rewritten, and one whose harm has empty niches in this style."""
        weights = np.array([self._weight(elite, style) for elite in fitting])
        return fitting[int(rng.choice(len(fitting), p=weights / weights.sum()))]

    def _weight(self, elite: Elite, style: str) -> float:
        crowded = self.filled.get((elite.niche.harm, style), 0)
        return (0.01 + elite.worth.value) / ((1 + self._tries.get(elite.id, 0)) * (1 + crowded))


def parent_of(elite: Elite, seeds: Seeds, findings: Findings) -> Parent:
    """An elite as parent, with the text that its chain began with as far as it is still known."""
    root = str(elite.provenance.meta.get("root"))
    return of_elite(elite, seeds.original(root) or findings.original(root))


def _fits(operators: Sequence[str], operator: Operator, depth: int) -> bool:
    """Chains are bounded and apply no operator twice."""
    return len(operators) < depth and operator.name not in operators


def _believed(elite: Elite) -> int:
    """Its label, by people or by construction; where nobody knows, the one that is searched for."""
    known = elite.provenance.expected_label if elite.label is None else elite.label
    return 1 if known is None else known
