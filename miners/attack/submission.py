"""An attack as it goes into the queue, for others to judge, with everything that led to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from ensemble.text import Text
from ensemble.verdict import Verdict
from miners.attack.edits import Edit
from miners.attack.goal import Goal
from miners.candidate import Provenance
from miners.queue.types import Item, NewItem
from miners.ranking import rank
from miners.splits import split_of

SOURCE = "attack"
"""Where such texts come from, in their provenance."""

StartKind = Literal["finding", "seed", "blank"]


@dataclass(frozen=True)
class Start:
    """What an attack began with.

    Attributes:
        kind: a finding of the queue, a labelled seed row, or nothing.
        id: the finding's item, or the row.
        text: what stood there; blank for "blank".
        family: everything descended from one original shares it; None = a family of its own.
        label, severity: what is known of it.
        meta: what its descendants keep: split, harm.
    """

    kind: StartKind
    id: str = ""
    text: Text = field(default_factory=lambda: Text(""))
    family: str | None = None
    label: int | None = None
    severity: float | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)


BLANK = Start("blank")


def start_of_item(item: Item, severity: float | None) -> Start:
    """A finding as the beginning of an attack; `severity` is what its raters said."""
    new, provenance = item.new, item.new.provenance
    meta = {"split": split_of(provenance), **{key: provenance.meta[key] for key in ("harm",) if key in provenance.meta}}
    label = {"yes": 1, "no": 0}.get(item.label or "")
    return Start("finding", new.id, Text(new.text, new.context), provenance.family, label, severity, meta)


@dataclass(frozen=True)
class Attack:
    """What a person hands in.

    Attributes:
        text: the text itself.
        start: what it began with.
        edits: every step from there to the text.
        by: identity of the person, who will not be asked to judge it.
        severity: their guess, 0 to 4.
        note: for whoever reads the findings; raters do not see it.
        seconds: from the start to handing in, as the client measured it.
    """

    text: Text
    start: Start
    edits: Sequence[Edit]
    by: str
    severity: int | None = None
    note: str = ""
    seconds: float | None = None


def item_of(attack: Attack, verdict: Verdict, goal: Goal, *, task: str, deployed: str, answers: int) -> NewItem:
    """The item of an attack; it was selected for certain, and nothing else was left out for it.

    Its priority is that of the ranking, or the goal where that is more: both are in [0, 1].
    """
    ranked, start = rank(verdict, deployed), attack.start
    meta: dict[str, Any] = {
        **start.meta,
        "by": attack.by,
        "start": {"kind": start.kind, "id": start.id},
        "edits": [edit.model_dump(exclude_defaults=True) for edit in attack.edits],
        "severity_guess": attack.severity,
        "note": attack.note,
        "seconds": attack.seconds,
    }
    provenance = Provenance(
        source=SOURCE,
        operators=("person",),
        parent=start.text.id if start.kind != "blank" else None,
        family=start.family or attack.text.id,
        row_id=start.id if start.kind == "seed" else None,
        meta={key: value for key, value in meta.items() if value not in (None, "", [])},
    )
    return NewItem(
        id=attack.text.id,
        task=task,
        text=attack.text.text,
        context=attack.text.context,
        priority=max(ranked.value, goal.value),
        needed=answers,
        selection_probability=1.0,
        deployed=deployed,
        deployed_passed=goal.passed,
        verdict=verdict,
        provenance=provenance,
        why=f"an attack by a person: {ranked.why}",
        parts={**ranked.parts, "goal": goal.value},
        author=attack.by,
    )
