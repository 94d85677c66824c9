"""Which niche a text belongs to: who is fooled, what hurts, and how the text is disguised.

Who is fooled is read off the votes: the deployed member and those that pass the text with it. A text that the deployed
member flags is no failure; it is kept as a stepping stone in niches of its own, which count nowhere as filled. What
hurts (`harm`) comes from the labelled text that a chain of rewrites began with, how it is disguised (`style`) from the
last operator of the chain. The grid is bounded: a task without harms has niches by who is fooled and style alone, and
what the grid does not list falls under "other".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, NamedTuple

from ensemble.text import LabelledText
from ensemble.verdict import Verdict

HELD = "held"
"""In place of who is fooled: the deployed member flags the text."""

UNKNOWN = "unknown"
"""The harm of texts that name none."""

OTHER = "other"
"""Harms and styles that the grid does not list."""

MOST_HARMS = 24
MOST_STYLES = 24
MOST_NAMED = 3
"""Other members up to which every pattern of fooled ones is a niche of its own: at most 8 patterns. With more of them
only how many are fooled counts, which with the most members a panel may have is 8 patterns as well."""


class Niche(NamedTuple):
    """A cell of the archive.

    Attributes:
        fooled: names joined by "+", the deployed member first; or it and a number; or `HELD`.
        harm: what hurts.
        style: how the text differs from plain writing.
    """

    fooled: str
    harm: str
    style: str

    @property
    def held(self) -> bool:
        """Whether the deployed member flags what is in it."""
        return self.fooled == HELD

    def __str__(self) -> str:
        return " x ".join(self)


@dataclass(frozen=True)
class Grid:
    """All niches there are.

    Attributes:
        deployed: the member whose failures are hunted.
        others: the other members, sorted.
        harms, styles: those with niches of their own, sorted; `OTHER` is always among them, `UNKNOWN` among the harms.
    """

    deployed: str
    others: tuple[str, ...]
    harms: tuple[str, ...]
    styles: tuple[str, ...]

    @property
    def categories(self) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
        """Who is fooled (`HELD` last), harms, styles."""
        return (*fooled_patterns(self.deployed, self.others), HELD), self.harms, self.styles

    @property
    def cells(self) -> int:
        """Niches in which the deployed member is fooled."""
        return len(fooled_patterns(self.deployed, self.others)) * len(self.harms) * len(self.styles)


def grid_of(deployed: str, seeds: Sequence[LabelledText], styles: Sequence[str]) -> Grid:
    """The grid of a task: the commonest harms of its labelled texts, the operators' styles; members come later."""
    harms = Counter(harm_of(seed.meta) for seed in seeds)
    common = [harm for harm, _ in sorted(harms.items(), key=lambda pair: (-pair[1], pair[0]))[:MOST_HARMS]]
    listed = sorted(set(styles))[:MOST_STYLES]
    return Grid(deployed, (), tuple(sorted({*common, OTHER, UNKNOWN})), tuple(sorted({*listed, OTHER})))


def harm_of(meta: Mapping[str, Any]) -> str:
    """What hurts, of a row or a provenance; `UNKNOWN` where nothing is said."""
    return str(meta.get("harm") or UNKNOWN)


def fooled_patterns(deployed: str, others: Sequence[str]) -> tuple[str, ...]:
    """All that `fooled_by` may say of texts that the deployed member passes, fewest fooled first."""
    if len(others) > MOST_NAMED:
        return (deployed, *(f"{deployed}+{count}" for count in range(1, len(others) + 1)))
    return tuple(
        "+".join([deployed, *chosen])
        for size in range(len(others) + 1)
        for chosen in combinations(sorted(others), size)
    )


def fooled_by(verdict: Verdict, deployed: str, others: Sequence[str]) -> str | None:
    """Who passes the text together with the deployed member; `HELD` where that one flags it.

    A member that did not answer, or was not asked, counts as not fooled. None where the deployed member is missing.
    """
    own = verdict.members.get(deployed)
    if own is None:
        return None
    if own.vote == "yes":
        return HELD
    fooled = sorted(name for name in others if name in verdict.members and verdict.members[name].vote == "no")
    if len(others) > MOST_NAMED:
        return f"{deployed}+{len(fooled)}" if fooled else deployed
    return "+".join([deployed, *fooled])


def niche_of(meta: Mapping[str, Any], verdict: Verdict, grid: Grid) -> Niche | None:
    """The niche of a text.

    Args:
        meta: of its provenance; "harm" and "style" are read.
        verdict: what the panel says of it, by members that the grid knows.
        grid: where the niche lies.

    Returns:
        None where the deployed member did not answer.
    """
    fooled = fooled_by(verdict, grid.deployed, grid.others)
    if fooled is None:
        return None
    harm, style = harm_of(meta), str(meta.get("style"))
    return Niche(fooled, harm if harm in grid.harms else OTHER, style if style in grid.styles else OTHER)
