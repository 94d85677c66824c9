"""Choosing which texts of a round are queued, each with an exactly known probability.

Two strata. *Agreed*: every member answered, every member passes, and the priority is not above the median of such
texts (votes alone are coarse: most misses get no yes vote at all, so agreement is asked of the numbers too). A fixed
share of the places goes to these by simple random sampling, because agreement is not safety: members can be wrong
together, and only labels on agreed texts show it. *Open*: all the rest, drawn by systematic sampling with probability
proportional to size (Madow 1949, Annals of Mathematical Statistics 20), where the size mixes priority with a uniform
floor. Every text of the round thus has an inclusion probability q in (0, 1], the q sum to the number selected, and sums
weighted by 1/q are unbiased (Horvitz and Thompson 1952, JASA 47).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from miners.candidate import Scored, Selected
from miners.ranking import Ranked

FloatArray: TypeAlias = NDArray[np.float64]
IntArray: TypeAlias = NDArray[np.intp]
BoolArray: TypeAlias = NDArray[np.bool_]

_CERTAIN = 1.0 - 1e-9
"""From here a probability counts as 1, so that rounding never draws one text twice."""


class Design(BaseModel):
    """How the places of a round are shared out.

    Attributes:
        audit_share: share of the places for texts on which all members agree in passing; at least one place where
            there is such a text. 0 puts them among the rest.
        floor_share: share of the size measure spread evenly, so that nothing has probability 0.
        power: exponent on the priority; 0 is uniform, higher comes nearer to taking the top.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    audit_share: float = Field(default=0.1, ge=0.0, le=1.0)
    floor_share: float = Field(default=0.1, gt=0.0, le=1.0)
    power: float = Field(default=3.0, ge=0.0, le=20.0)


@dataclass(frozen=True)
class Sample:
    """What was drawn out of n texts.

    Attributes:
        probabilities: inclusion probability q of every text, shape (n,), in (0, 1]; sums to the number chosen.
        chosen: indices of the chosen ones, increasing, shape (places,).
        audit: whether a text belongs to the audited stratum, shape (n,).
    """

    probabilities: FloatArray
    chosen: IntArray
    audit: BoolArray


def select(
    scored: Sequence[Scored], ranked: Sequence[Ranked], places: int, design: Design, rng: np.random.Generator
) -> list[Selected]:
    """The `places` texts of a round that are queued (all, where there are no more), by decreasing priority.

    An audited text takes the priority of a random other one chosen: at its own, low priority it would lie at the end of
    the queue, and the labels that the audit is owed would never be given.
    """
    drawn = draw(ranked, places, design, rng)
    ranks = rng.permutation([ranked[i].value for i in drawn.chosen if not drawn.audit[i]])
    borrowed = iter(np.resize(ranks, len(drawn.chosen)).tolist() if len(ranks) else [])
    selected = [
        _selected(scored[i], ranked[i], float(drawn.probabilities[i]), audit=bool(drawn.audit[i])) for i in drawn.chosen
    ]
    placed = [
        replace(item, priority=next(borrowed, item.priority)) if item.parts["audit"] else item for item in selected
    ]
    return sorted(placed, key=lambda item: (-item.priority, item.scored.candidate.text.id))


def draw(ranked: Sequence[Ranked], places: int, design: Design, rng: np.random.Generator) -> Sample:
    """Draws min(places, n) of n ranked texts without replacement.

    Raises:
        ValueError: fewer than one place for at least one text.
    """
    count = len(ranked)
    if count and places < 1:
        raise ValueError(f"{places} places for {count} texts; every text needs a chance, so at least 1")
    if places >= count:
        return Sample(np.ones(count), np.arange(count), np.zeros(count, dtype=np.bool_))
    audit = agreed_stratum(ranked) if places > 1 and design.audit_share > 0 else np.zeros(count, dtype=np.bool_)
    audited = _audit_places(audit, places, design.audit_share)
    probabilities = np.empty(count)
    probabilities[audit] = audited / max(1, int(audit.sum()))
    sizes = mixed_sizes(np.array([item.value for item in ranked])[~audit], design)
    probabilities[~audit] = inclusion_probabilities(sizes, places - audited)
    chosen = [
        np.flatnonzero(audit)[rng.permutation(int(audit.sum()))[:audited]],
        np.flatnonzero(~audit)[systematic(probabilities[~audit], rng)],
    ]
    return Sample(probabilities, np.sort(np.concatenate(chosen)), audit)


def mixed_sizes(values: FloatArray, design: Design) -> FloatArray:
    """Size of each text, shape (n,), positive, summing to 1: priority to a power, mixed with a uniform floor."""
    if len(values) == 0:
        return values
    powered = (values / max(float(values.max()), 1e-12)) ** design.power
    total = float(powered.sum())
    share = powered / total if total > 0 else np.full(len(values), 1 / len(values))
    return np.asarray((1 - design.floor_share) * share + design.floor_share / len(values), dtype=np.float64)


def inclusion_probabilities(sizes: FloatArray, places: float) -> FloatArray:
    """Probabilities proportional to size that sum to `places`, none above 1, shape (n,).

    Those that would come out at 1 or more are certain, and the rest share what is left, until none is above 1.
    """
    result = np.zeros(len(sizes))
    certain = np.zeros(len(sizes), dtype=np.bool_)
    while places > int(certain.sum()):
        result[~certain] = sizes[~certain] * ((places - certain.sum()) / sizes[~certain].sum())
        more = ~certain & (result >= _CERTAIN)
        if not more.any():
            break
        certain |= more
        result[certain] = 1.0
    return result


def systematic(probabilities: FloatArray, rng: np.random.Generator, order: IntArray | None = None) -> IntArray:
    """Systematic sampling (Madow 1949): indices, increasing, as many as the probabilities sum to.

    Laid end to end as intervals of length q, the ones are chosen into which u, u + 1, u + 2, ... fall, u uniform in
    [0, 1). No interval is longer than 1, so none is chosen twice.

    Args:
        probabilities: shape (n,), in [0, 1], summing to a whole number.
        rng: draws u, and the order where none is given.
        order: of laying them, a permutation of n that does not depend on u; random by default. What lies side by side
            is seldom chosen together, so an order by likeness gives samples that differ; every q stays exact.
    """
    certain = np.flatnonzero(probabilities >= _CERTAIN)
    order = rng.permutation(len(probabilities)) if order is None else order
    order = order[probabilities[order] < _CERTAIN]
    ends = np.cumsum(probabilities[order])
    places = round(float(ends[-1])) if len(ends) else 0
    points = rng.random() + np.arange(places)
    hits = np.searchsorted(ends, points, side="right").clip(max=max(0, len(order) - 1))
    return np.sort(np.concatenate([certain, order[hits]])).astype(np.intp)


def agreed_stratum(ranked: Sequence[Ranked]) -> BoolArray:
    """The audited stratum, shape (n,): passed by all, and at or below the median of these; empty only without any."""
    unanimous = np.array([item.unanimous_pass for item in ranked], dtype=np.bool_)
    if not unanimous.any():
        return unanimous
    values = np.array([item.value for item in ranked])
    return np.asarray(unanimous & (values <= np.median(values[unanimous])), dtype=np.bool_)


def _audit_places(audit: BoolArray, places: int, share: float) -> int:
    """Places of the audited stratum: its share, at least one; the rest get at least one, and no place is lost."""
    inside, outside = int(audit.sum()), int((~audit).sum())
    if inside == 0:
        return 0
    wanted = max(1, round(share * places))
    least = max(places - outside, 1)
    most = min(inside, places - 1 if outside else places)
    return min(max(wanted, least), most)


def _selected(scored: Scored, ranked: Ranked, probability: float, *, audit: bool) -> Selected:
    return Selected(
        scored=scored,
        priority=ranked.value,
        probability=probability,
        why=f"audit of agreement: {ranked.why}" if audit else ranked.why,
        parts={**ranked.parts, "own_priority": ranked.value, "audit": float(audit)},
    )
