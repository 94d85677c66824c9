"""A text's whole life as the queue knows it: what it was made from, what was made from it, what was said of each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from ensemble.verdict import MemberScore
from miners.queue.labels import mean_severity
from miners.queue.protocol import Ledger
from miners.queue.types import Answer, AnswerValue, FindingKind, Item, ItemState, Mark

MOST_RELATIVES = 500
"""Texts of one life beside the text itself and what it was made from."""

MOST_STEPS = 100
"""Steps back that are looked up: no chain of rewrites is so long."""

SHOWN_CHARS = 2_000
"""Characters of each text and context; `GET /v1/items/{id}` has all of them."""

Relation = Literal["itself", "ancestor", "descendant", "relative"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class Stage(_Frozen):
    """A text as it was queued, and what became of it.

    Attributes:
        text, context: their beginnings; `cut` says whether that is not all.
        operators: rewriting operators applied since the original, oldest first.
        scores: P(yes), vote and version of each member when the text was queued.
        probability: the panel's P(yes) then.
        severity: mean of the answers, 0 to 4.
    """

    text: str
    context: str
    cut: bool
    source: str
    campaign: str
    operators: tuple[str, ...]
    style: str
    enqueued_at: datetime
    state: ItemState
    scores: dict[str, MemberScore]
    deployed: str
    probability: float
    decision: str
    label: AnswerValue | None
    confidence: float | None
    ambiguity: float | None
    severity: float | None
    finding: FindingKind | None
    answers: tuple[Answer, ...]


class Link(_Frozen):
    """One text of a life.

    Attributes:
        depth: steps from the first text of its branch that is named here.
        relation: to the text asked for; a relative has an ancestor or the family in common.
        stage: None where the queue never had the text, only rewrites of it.
    """

    item_id: str
    parent: str | None
    depth: int
    relation: Relation
    stage: Stage | None


class Life(_Frozen):
    """A text with all that it came from and that came from it: each text behind the one that it was made from.

    Attributes:
        mark: what its family is for.
        truncated: whether there are more relatives.
    """

    item_id: str
    family: str
    mark: Mark | None
    links: tuple[Link, ...]
    truncated: bool


def life_of(ledger: Ledger, item_id: str) -> Life:
    """The life of a queued text.

    Raises:
        UnknownItemError: there is none.
    """
    item = ledger.item(item_id)
    family = item.new.provenance.family
    relatives = ledger.family(family, count=MOST_RELATIVES + 1)
    known = {one.new.id: one for one in (*relatives[:MOST_RELATIVES], item)}
    _add_parents(ledger, known)
    parents = {name: one.new.provenance.parent or None for name, one in known.items()}
    parents |= {parent: None for parent in parents.values() if parent is not None and parent not in parents}
    ancestors = _ancestors(item_id, parents)
    below = _below(item_id, parents)
    links = tuple(
        Link(
            item_id=name,
            parent=parents[name],
            depth=depth,
            relation=_relation(name, item_id, ancestors, below),
            stage=_stage(known[name]) if name in known else None,
        )
        for name, depth in _in_order(parents, known)
    )
    return Life(item_id=item_id, family=family, mark=item.mark, links=links, truncated=len(relatives) > MOST_RELATIVES)


def _add_parents(ledger: Ledger, known: dict[str, Item]) -> None:
    tried: set[str] = set()
    for _ in range(MOST_STEPS):
        wanted = (
            {one.new.provenance.parent for one in known.values() if one.new.provenance.parent} - known.keys() - tried
        )
        if not wanted:
            return
        tried |= wanted
        known.update({one.new.id: one for one in ledger.look_up(sorted(wanted))})


def _ancestors(item_id: str, parents: Mapping[str, str | None]) -> set[str]:
    found: set[str] = set()
    at = parents.get(item_id)
    while at is not None and at not in found:
        found.add(at)
        at = parents.get(at)
    return found


def _below(item_id: str, parents: Mapping[str, str | None]) -> set[str]:
    children = _children(parents)
    found: set[str] = set()
    waiting = [item_id]
    while waiting:
        for child in children[waiting.pop()]:
            if child not in found:
                found.add(child)
                waiting.append(child)
    return found


def _children(parents: Mapping[str, str | None]) -> defaultdict[str, list[str]]:
    children: defaultdict[str, list[str]] = defaultdict(list)
    for name, parent in parents.items():
        if parent is not None:
            children[parent].append(name)
    return children


def _in_order(parents: Mapping[str, str | None], known: Mapping[str, Item]) -> list[tuple[str, int]]:
    """Every text with its depth, parents before children, else by arrival; one in a circle begins a branch."""

    def arrival(name: str) -> tuple[bool, float, str]:
        at = known[name].enqueued_at.timestamp() if name in known else 0.0
        return (name in known, at, name)

    children = _children(parents)
    done: dict[str, int] = {}
    roots = sorted((name for name, parent in parents.items() if parent is None), key=arrival)
    for root in (*roots, *sorted(parents, key=arrival)):
        waiting = [(root, 0)]
        while waiting:
            name, depth = waiting.pop()
            if name not in done:
                done[name] = depth
                waiting += [(child, depth + 1) for child in sorted(children[name], key=arrival, reverse=True)]
    return list(done.items())


def _relation(name: str, item_id: str, ancestors: set[str], below: set[str]) -> Relation:
    if name == item_id:
        return "itself"
    if name in ancestors:
        return "ancestor"
    return "descendant" if name in below else "relative"


def _stage(item: Item) -> Stage:
    new, origin = item.new, item.new.provenance
    return Stage(
        text=new.text[:SHOWN_CHARS],
        context=new.context[:SHOWN_CHARS],
        cut=max(len(new.text), len(new.context)) > SHOWN_CHARS,
        source=origin.source,
        campaign=origin.campaign,
        operators=origin.operators,
        style=str(origin.meta.get("style") or ""),
        enqueued_at=item.enqueued_at,
        state=item.state,
        scores=new.verdict.members,
        deployed=new.deployed,
        probability=new.verdict.probability,
        decision=new.verdict.decision,
        label=item.label,
        confidence=item.confidence,
        ambiguity=item.ambiguity,
        severity=mean_severity([answer.body for answer in item.answers]),
        finding=item.finding,
        answers=item.answers,
    )
