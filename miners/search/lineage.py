"""Descent: what a chain of rewrites began with, what it does to the label, and what is kept of both."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ensemble.text import LabelledText, Text
from miners.candidate import RESCORE, Candidate, Provenance
from miners.proposer import Outcome
from miners.rewrites.operator import Effect, Operator, effect_on, label_after
from miners.rewrites.seeds import family_of, split_of
from miners.search.elites import Elite

SOURCE = "search"

RESERVED = frozenset({"harm", "severity", "told", "split", "effect", "style", "label", "root", "origin", RESCORE})
"""Keys of the meta that say how a text descends; no operator's notes may speak for them."""


def compose(first: Effect, second: Effect) -> Effect:
    """What a chain does to the label: one flip flips, two are not trusted to cancel, the unknown stays unknown."""
    if "unknown" in (first, second) or first == second == "flips":
        return "unknown"
    return "flips" if "flips" in (first, second) else "keeps"


@dataclass(frozen=True)
class Parent:
    """A text that may be rewritten.

    Attributes:
        text: with the label that it is believed to have; meta names family and split, by which operators keep apart
            what must not mix.
        original: the text that its chain began with.
        operators: applied so far, oldest first.
        label: the known label from which `effect` counts; None where nobody knows it.
        effect: of the operators applied since that label was known.
        harm, severity, told: of the text that the chain began with; None where it says nothing.
    """

    text: LabelledText
    original: Text
    operators: tuple[str, ...] = ()
    label: int | None = None
    effect: Effect = "keeps"
    harm: str | None = None
    severity: float | None = None
    told: str | None = None

    def child(self, text: Text, operator: Operator, notes: Mapping[str, Any], origin: str) -> Candidate:
        """What an operator made of it, with its descent; `origin` says what kind of parent it was."""
        step = effect_on(operator, self.text.label)
        effect = compose(self.effect, step)
        kept = {"harm": self.harm, "severity": None if step == "flips" else self.severity, "told": self.told}
        meta = {
            **{key: value for key, value in notes.items() if key not in RESERVED},
            **{key: value for key, value in kept.items() if value is not None},
            "split": split_of(self.text),
            "effect": effect,
            "style": operator.style,
            "label": self.label,
            "root": self.original.id,
            "origin": origin,
        }
        provenance = Provenance(
            source=SOURCE,
            operators=(*self.operators, operator.name),
            parent=self.text.id,
            family=family_of(self.text),
            row_id=self.text.row_id or None,
            expected_label=None if self.label is None else label_after(effect, self.label),
            meta=meta,
        )
        return Candidate(text, provenance)


def of_seed(seed: LabelledText) -> Parent:
    """A labelled text as parent."""
    meta = seed.meta
    return Parent(
        seed, seed, label=seed.label, harm=_word(meta.get("harm")), severity=_number(meta.get("severity")),
        told=_word(meta.get("style")),
    )  # fmt: skip


def of_elite(elite: Elite, original: Text | None) -> Parent:
    """An elite as parent; the label that people gave it, once they did, is where its children's labels count from."""
    provenance, meta = elite.provenance, elite.provenance.meta
    told = elite.label is not None
    believed = elite.label if told else provenance.expected_label
    text = LabelledText(
        elite.text,
        elite.context,
        label=1 if believed is None else believed,  # what is searched for
        row_id=provenance.row_id or "",
        meta={
            "family": provenance.family,
            "split": meta.get("split", ""),
            "harm": meta.get("harm", ""),
            "style": meta.get("told", "none"),  # a dream stays one: what is put behind it would not have happened
        },
    )
    return Parent(
        text,
        original or text,
        operators=provenance.operators,
        label=elite.label if told else meta.get("label"),
        effect="keeps" if told else meta["effect"],
        harm=meta.get("harm"),
        severity=meta.get("severity") if elite.severity is None else elite.severity,
        told=meta.get("told"),
    )


def of_finding(outcome: Outcome) -> Parent:
    """A miss that people confirmed, from whatever source, as parent."""
    meta = outcome.provenance.meta
    kept: dict[str, Any] = {key: meta[key] for key in ("split", "harm", "style") if key in meta}
    text = LabelledText(
        outcome.text,
        outcome.context,
        label=1,
        row_id=outcome.provenance.row_id or "",
        meta={**kept, "family": outcome.provenance.family},
    )
    return Parent(
        text, text, operators=outcome.provenance.operators, label=1, harm=_word(meta.get("harm")),
        severity=outcome.severity, told=_word(meta.get("told")),
    )  # fmt: skip


def _word(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _number(value: object) -> float | None:
    usable = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if usable else None  # type: ignore[arg-type] # a number, as checked
