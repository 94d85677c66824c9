"""Argilla: items as its records, the settings of their data set, and records as items and answers.

Records have the form of `rg.Record.to_dict`, which `Dataset.records.from_json` reads and `to_json` writes. Argilla's
metadata are plain values, so what is no such value stands as JSON in `metadata.hungjury`. A response's `user_id` is
a UUID; raters from here get one made from their name (UUID version 5), by which they are known again.
"""

from __future__ import annotations

import json
import uuid
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from ensemble.errors import InputError
from ensemble.tasks.task import Task
from ensemble.text import Text
from miners.exchange.incoming import Incoming, Raters, digest
from miners.exchange.spans import SPANS
from miners.imports import GivenAnswer, answer_id_of, first_line
from miners.queue.types import Answer, Item, NewAnswer, NewItem

PROGRAM = "argilla"
OURS, ITEM_ID = "hungjury", "hungjury_item"
ANSWER, SEVERITY, NOTE = "answer", "severity", "note"
_ANSWERS = ("yes", "no", "unsure")
_RATERS = uuid.UUID("7c0a4c5e-3b0f-5b0a-9d0e-6d8f2b1f9a41")
"""Namespace of the UUIDs of raters."""


def settings(task: Task) -> dict[str, Any]:
    """The settings of a data set for `to_record`, as `rg.Settings.from_json` reads them."""
    fields = [_field("text", "Text", required=True), _field("context", "Context", required=False)]
    labels = [{"value": one, "text": one, "description": None} for one in _ANSWERS]
    answer = {"type": "label_selection", "options": labels}
    options = [{"value": "shows it", "text": "shows it", "description": None}]
    span = {"type": "span", "field": "text", "allow_overlapping": False, "options": options}
    questions = [
        _question(ANSWER, task.header.question, answer, required=True),
        _question(
            SEVERITY,
            "Severity, 0 (none) to 4 (fatal or maiming)",
            {"type": "rating", "options": [{"value": number} for number in range(5)]},
        ),
        _question(NOTE, "Note", {"type": "text", "use_markdown": False}),
        _question(SPANS, "Which words show it?", span),
    ]
    return {
        "guidelines": task.guideline or None,
        "questions": questions,
        "fields": fields,
        "vectors": [],
        "metadata": [],
        "allow_extra_metadata": True,
        "distribution": {"strategy": "overlap", "min_submitted": 1},
        "mapping": None,
    }


def to_record(item: Item) -> dict[str, Any]:
    """An item as a record of Argilla, with the panel's verdict as suggestion and answers as responses."""
    new, verdict = item.new, item.new.verdict
    yes = verdict.decision == "flag"
    ours = {
        "new": new.model_dump(mode="json", exclude={"text", "context"}),
        "answers": [answer.model_dump(mode="json") for answer in item.answers],
        "digest": digest(new.text, new.context),
        **item.model_dump(mode="json", exclude={"new", "answers", "live"}),
    }
    metadata = {
        ITEM_ID: new.id,
        "selection_probability": new.selection_probability,
        "probability": verdict.probability,
        "decision": verdict.decision,
        "disagreement": verdict.disagreement,
        "priority": new.priority,
        "source": new.provenance.source,
        "campaign": new.provenance.campaign or None,
        "state": item.state,
        "label": item.label,
        "finding": item.finding,
        OURS: json.dumps(ours, ensure_ascii=False),
    }
    score = verdict.probability if yes else 1 - verdict.probability
    return {
        "id": new.id,
        "fields": {"text": new.text, **({"context": new.context} if new.context else {})},
        "metadata": {name: value for name, value in metadata.items() if value is not None},
        "suggestions": {ANSWER: {"value": "yes" if yes else "no", "score": score, "agent": "panel"}},
        "responses": _responses(item),
        "vectors": {},
        "status": "completed" if item.state == "done" else "pending",
        "_server_id": None,
    }


def user_id(rater: str) -> str:
    """The UUID under which a rater's responses stand."""
    return str(uuid.uuid5(_RATERS, rater))


def from_record(record: object, file: str, line: int, raters: Raters) -> Incoming:
    """What a record of Argilla brings: one of ours, or any with a text field.

    Raises:
        InputError: it is no record, or its text is not the item's.
    """
    if not isinstance(record, Mapping) or not isinstance(fields := record.get("fields"), Mapping):
        raise InputError("is no record of Argilla: it has no object 'fields'")
    text, context = fields.get("text"), fields.get("context") or ""
    if not isinstance(text, str) or not isinstance(context, str):
        raise InputError("must be a string", field="fields.text")
    metadata = record.get("metadata")
    metadata = metadata if isinstance(metadata, Mapping) else {}
    ours = _ours(metadata.get(OURS))
    item = _item(ours, text, context) if ours else None
    named = metadata.get(ITEM_ID)
    item_id = item.id if item is not None else named if isinstance(named, str) else Text(text, context).id
    answers, problems, skipped = _answers(record, item_id, ours, raters)
    plain = Incoming(file, line, answers=tuple(answers), skipped=skipped, problems=tuple(problems))
    if item is not None:
        return replace(plain, item=item)
    if isinstance(named, str):
        return replace(plain, text=text)
    kept = {PROGRAM: {"record": record.get("id"), "suggestions": record.get("suggestions") or {}}}
    row = {"text": text, "context": context, "meta": {**metadata, **kept}}
    given = {one.rater: one.body.model_dump(mode="json") for one in answers}
    return replace(plain, row={**row, "answers": given} if given else row, answers=())


def _answers(
    record: Mapping[str, Any], item_id: str, ours: Mapping[str, Any], raters: Raters
) -> tuple[list[GivenAnswer], list[str], int]:
    """Answers, what is wrong with others, and how many are no answers (drafts, discarded)."""
    try:
        known = [Answer.model_validate(one) for one in ours.get("answers", ())]
    except (ValidationError, TypeError) as error:
        raise InputError(first_line(error), field=f"metadata.{OURS}") from None
    given = {user_id(one.rater): GivenAnswer(item_id, one.rater, one.body, one.answer_id) for one in known}
    said, skipped = _by_user(record.get("responses"))
    problems = []
    for who, values in said.items():
        before = given.get(who)
        rater = before.rater if before is not None else raters.named(PROGRAM, who)
        try:
            body = _body(values)
        except (InputError, ValidationError) as error:
            what = first_line(error) if isinstance(error, ValidationError) else str(error)
            problems.append(f"response of {rater}: {what}")
            continue
        if before is None:
            given[who] = GivenAnswer(item_id, rater, body, answer_id_of(item_id, rater))
        elif _shown(body) != _shown(before.body):
            given[who] = GivenAnswer(item_id, rater, body, before.answer_id)
    return list(given.values()), problems, skipped


def _by_user(responses: object) -> tuple[dict[str, dict[str, Any]], int]:
    """Values by user and question, and the users whose response is a draft or was discarded."""
    said: dict[str, dict[str, Any]] = defaultdict(dict)
    unsaid: set[str] = set()
    for question, values in responses.items() if isinstance(responses, Mapping) else ():
        for one in values if isinstance(values, list) else ():
            if isinstance(one, Mapping):
                who = str(one.get("user_id"))
                if one.get("status") in (None, "submitted"):
                    said[who][str(question)] = one.get("value")
                else:
                    unsaid.add(who)
    return said, len(unsaid - said.keys())


def _responses(item: Item) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for answer in item.answers:
        body, who = answer.body, user_id(answer.rater)
        spans = [{"start": one.start, "end": one.end, "label": "shows it"} for one in body.spans]
        values = {ANSWER: body.answer, SEVERITY: body.severity, NOTE: body.note or None, SPANS: spans or None}
        for question, value in values.items():
            if value is not None:
                found[question].append({"value": value, "user_id": who})
    return dict(found)


def _body(values: Mapping[str, Any]) -> NewAnswer:
    if values.get(ANSWER) is None:
        raise InputError(f"has no {ANSWER!r}, only {', '.join(map(repr, values))}")
    said = {name: values[name] for name in (ANSWER, SEVERITY, NOTE) if values.get(name) is not None}
    spans = [
        {"start": one.get("start"), "end": one.get("end")}
        for one in values.get(SPANS) or ()
        if isinstance(one, Mapping)
    ]
    return NewAnswer.model_validate({**said, SPANS: spans})


def _shown(body: NewAnswer) -> tuple[object, ...]:
    return body.answer, body.severity, body.note or None, body.spans


def _ours(value: object) -> dict[str, Any]:
    try:
        found = json.loads(value) if isinstance(value, str) else {}
    except ValueError:
        raise InputError("is no JSON", field=f"metadata.{OURS}") from None
    return found if isinstance(found, dict) else {}


def _item(ours: Mapping[str, Any], text: str, context: str) -> NewItem:
    try:
        item = NewItem.model_validate({**ours["new"], "text": text, "context": context})
    except (ValidationError, KeyError, TypeError) as error:
        raise InputError(first_line(error), field=f"metadata.{OURS}") from None
    if ours.get("digest", "") != digest(text, context):
        raise InputError("its text is not the one that was exported", field="fields.text")
    return item


def _field(name: str, title: str, *, required: bool) -> dict[str, Any]:
    return {
        "name": name,
        "title": title,
        "required": required,
        "settings": {"type": "text", "use_markdown": False},
    }


def _question(name: str, title: str, kind: dict[str, Any], *, required: bool = False) -> dict[str, Any]:
    return {"name": name, "title": title, "description": None, "required": required, "settings": kind}
