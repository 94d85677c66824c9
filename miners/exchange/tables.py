"""Items, findings and answers as rows of a table: one column a field, which people and `pandas` read as it is.

Fields that are no scalar (verdict, provenance, answers) stand in their column as JSON. A few columns are there for
readers only (`label` as 0 or 1, which `train` and `evaluate` take; the panel's numbers; the source) and follow from the
others; the way back does not look at them. The columns follow from the models, so that a new field is carried too.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from pydantic import BaseModel

from ensemble.errors import InputError
from miners.queue.labels import mean_severity
from miners.queue.types import Answer, Finding, Item, NewAnswer, NewItem
from miners.splits import split_of_item

Row = dict[str, Any]

_LABELS = {"yes": 1, "no": 0}

_FOR_READERS: dict[str, tuple[type, Callable[[Item], Any]]] = {
    "label": (int, lambda item: _LABELS.get(item.label or "")),
    "label_name": (str, lambda item: item.label),
    "severity": (float, lambda item: mean_severity([answer.body for answer in item.answers])),
    "probability": (float, lambda item: item.new.verdict.probability),
    "decision": (str, lambda item: item.new.verdict.decision),
    "disagreement": (float, lambda item: item.new.verdict.disagreement),
    "source": (str, lambda item: item.new.provenance.source),
    "campaign": (str, lambda item: item.new.provenance.campaign),
    "parent": (str, lambda item: item.new.provenance.parent),
    "family": (str, lambda item: item.new.provenance.family),
    "mark": (str, lambda item: item.mark),
    "split": (str, split_of_item),
}
_FIRST = ("text", "context", "id", "label", "label_name", "finding", "severity", "selection_probability")
_SCALARS = (str, int, float, bool)
_APART = {"new", "answers", "label"}
"""Fields of an item with columns of their own."""


def columns(kind: type[BaseModel]) -> dict[str, type]:
    """Names and types (str, int, float, bool) of the columns of a table of `Item`, `Finding` or `Answer`.

    A field that is no scalar is a str, of JSON.
    """
    if kind is Answer:
        return {"item_id": str, "answer_id": str, "rater": str, "at": str, **_types(NewAnswer), "history": str}
    readers = {name: of for name, (of, _) in _FOR_READERS.items()}
    found = {**readers, **_types(NewItem), **_types(Item, _APART), "answers": str}
    if kind is Finding:
        found["found_at"] = str
    return {**{name: found[name] for name in _FIRST}, **found}


def to_row(record: Item | Finding | Answer) -> Row:
    """A record as a row with the columns of its kind; None where a cell is empty."""
    if isinstance(record, Answer):
        head = {"item_id": record.item_id, "answer_id": record.answer_id, "rater": record.rater}
        body = _fields(record.body)
        return {
            **head,
            "at": record.at.isoformat(),
            **body,
            "history": _json(record.history) if record.history else None,
        }
    item = record.item if isinstance(record, Finding) else record
    row = {name: value(item) for name, (_, value) in _FOR_READERS.items()}
    row |= {
        **_fields(item.new),
        **_fields(item, _APART),
        "answers": _json([answer.model_dump(mode="json") for answer in item.answers]),
    }
    if isinstance(record, Finding):
        row["found_at"] = record.at.isoformat()
    return row


def kind_of(names: Iterable[str]) -> type[BaseModel] | None:
    """Whether columns are those of items (or findings) or of answers; None for any other table."""
    has = set(names)
    if {"text", "selection_probability", "verdict", "provenance", "deployed"} <= has:
        return Item
    return Answer if {"item_id", "answer_id", "rater", "answer"} <= has else None


def from_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """An exported record, as JSON, out of a row of `kind_of` Item or Answer.

    Raises:
        InputError: a cell that must be JSON is none.
    """
    if kind_of(row) is Answer:
        head = {name: row[name] for name in ("item_id", "answer_id", "rater")}
        return {**head, "body": _parsed(NewAnswer, row)}
    return {"new": _parsed(NewItem, row), "answers": _decoded("answers", row.get("answers") or "[]")}


def _types(model: type[BaseModel], apart: Collection[str] = ()) -> dict[str, type]:
    return {name: _scalar(field.annotation) or str for name, field in model.model_fields.items() if name not in apart}


def _scalar(annotation: Any) -> type | None:
    """The scalar type of an annotation, its None set aside; None where it is no scalar."""
    if annotation in _SCALARS:
        return annotation  # type: ignore[no-any-return]  # just compared with the types
    inner = [one for one in getattr(annotation, "__args__", ()) if one is not type(None)]
    if inner and all(isinstance(one, str) for one in inner):
        return str  # a literal
    return _scalar(inner[0]) if len(inner) == 1 and type(None) in annotation.__args__ else None


def _fields(model: BaseModel, apart: Collection[str] = ()) -> Row:
    found = model.model_dump(mode="json", exclude=set(apart))
    kept = {name: _scalar(type(model).model_fields[name].annotation) is not None for name in found}
    # A moment is a string in JSON already.
    return {
        name: value if kept[name] or value is None or isinstance(value, str) else _json(value)
        for name, value in found.items()
    }


def _parsed(model: type[BaseModel], row: Mapping[str, Any]) -> dict[str, Any]:
    found = {}
    for name, field in model.model_fields.items():
        value, kind = row.get(name), _scalar(field.annotation)
        if value is not None:
            found[name] = value if kind is str or not isinstance(value, str) else _decoded(name, value)
    return found


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


def _decoded(name: str, value: object) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        raise InputError(f"must be JSON, not {value[:40]!r}", field=name) from None
