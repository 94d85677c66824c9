"""Label Studio: its labeling configuration for a task, items as its tasks, and its tasks as items and answers.

A task of ours shows text and context alone. The panel's verdict goes along as predictions, answers as annotations, and
everything else (provenance, selection probability, whose answers these are) lies in the task's `meta`, which Label
Studio keeps and nobody is shown. `data.hungjury_item` names the item where an export leaves `meta` out.

Label Studio gives annotations that are imported to whoever imports them. So each of ours carries its answer's name in
the ids of its regions, by which it is known again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree as ET  # only written, never parsed

from pydantic import ValidationError

from ensemble.errors import InputError
from ensemble.tasks.task import Task
from ensemble.text import Text
from miners.exchange.incoming import MEANT, Incoming, Raters, digest
from miners.exchange.spans import SPANS, from_regions, to_regions
from miners.imports import GivenAnswer, answer_id_of, first_line
from miners.queue.types import Answer, Item, NewAnswer, NewItem

PROGRAM = "label-studio"
OURS, ITEM_ID = "hungjury", "hungjury_item"
ANSWER, SEVERITY, NOTE = "answer", "severity", "note"
_ANSWERS = ("yes", "no", "unsure")


def labeling_config(task: Task) -> str:
    """The labeling configuration (XML) under which tasks of `to_task` are shown and answered."""
    view = ET.Element("View")
    ET.SubElement(view, "Header", value=task.header.question)
    ET.SubElement(view, "Text", name="context", value="$context", valueType="text")
    ET.SubElement(view, "Text", name="text", value="$text", valueType="text", granularity="word")
    spans = ET.SubElement(view, "Labels", name=SPANS, toName="text")
    ET.SubElement(spans, "Label", value="shows it")
    answer = ET.SubElement(view, "Choices", name=ANSWER, toName="text", choice="single", required="true")
    for value, hint in zip(_ANSWERS, (task.header.yes, task.header.no, "cannot tell"), strict=True):
        ET.SubElement(answer, "Choice", value=value, hint=hint, hotkey=value[0])
    ET.SubElement(view, "Header", value="Severity, 0 (none) to 4 (fatal or maiming)", size="5")
    severity = ET.SubElement(view, "Choices", name=SEVERITY, toName="text", choice="single", showInline="true")
    for number in range(5):
        ET.SubElement(severity, "Choice", value=str(number), hotkey=str(number))
    ET.SubElement(view, "TextArea", name=NOTE, toName="text", placeholder="Note", maxSubmissions="1", rows="2")
    ET.indent(view)
    return ET.tostring(view, encoding="unicode") + "\n"


def to_task(item: Item) -> dict[str, Any]:
    """An item as a task of Label Studio, with predictions and annotations."""
    new = item.new.model_dump(mode="json", exclude={"text", "context"})
    shown = item.model_dump(mode="json", exclude={"new", "answers", "live"})
    answers = [answer.model_dump(mode="json") for answer in item.answers]
    ours = {**shown, "new": new, "answers": answers, "digest": digest(item.new.text, item.new.context)}
    return {
        "data": {"text": item.new.text, "context": item.new.context, ITEM_ID: item.new.id},
        "meta": {OURS: ours},
        "predictions": list(_predictions(item.new)),
        "annotations": [_annotation(answer, item.new.text) for answer in item.answers],
    }


def from_task(record: object, file: str, line: int, raters: Raters) -> Incoming:
    """What a task of Label Studio brings: one of ours, or any with a text in its data.

    Raises:
        InputError: it is no task, or its text was changed.
    """
    if not isinstance(record, Mapping) or not isinstance(data := record.get("data"), Mapping):
        raise InputError("is no task of Label Studio: it has no object 'data'")
    text, context = data.get("text"), data.get("context") or ""
    if not isinstance(text, str) or not isinstance(context, str):
        raise InputError("must be a string", field="data.text")
    meta = record.get("meta")
    ours = meta.get(OURS) if isinstance(meta, Mapping) else None
    item = _item(ours, text, context) if isinstance(ours, Mapping) else None
    named = data.get(ITEM_ID)
    item_id = item.id if item is not None else named if isinstance(named, str) else Text(text, context).id
    found = _Annotations(item_id, text, ours if isinstance(ours, Mapping) else {}, raters)
    for annotation in _newest_last(record.get("annotations")):
        found.take(annotation)
    answers = tuple(found.answers)
    plain = Incoming(file, line, answers=answers, skipped=found.skipped, problems=tuple(found.problems))
    if item is not None:
        return replace(plain, item=item)
    if isinstance(named, str):
        return replace(plain, text=text)
    return replace(plain, row=_row(record, text, context, answers), answers=())


class _Annotations:
    """Answers out of the annotations of one task."""

    def __init__(self, item_id: str, text: str, ours: Mapping[str, Any], raters: Raters) -> None:
        """Reads the answers that the task was exported with.

        Raises:
            InputError: they are none.
        """
        self._item, self._text, self._raters = item_id, text, raters
        self._given: dict[str, GivenAnswer] = {}
        self.skipped, self.problems = 0, list[str]()
        try:
            known = [Answer.model_validate(one) for one in ours.get("answers", ())]
        except (ValidationError, TypeError) as error:
            raise InputError(first_line(error), field=f"meta.{OURS}.answers") from None
        for one in known:
            self._given[one.answer_id] = GivenAnswer(item_id, one.rater, one.body, one.answer_id)
        self._marks = {_mark(one.answer_id): one.answer_id for one in known}

    @property
    def answers(self) -> list[GivenAnswer]:
        """All of them, one a rater."""
        return list(self._given.values())

    def take(self, annotation: Mapping[str, Any]) -> None:
        """Reads one more; a later one of the same rater takes the place of an earlier one."""
        if annotation.get("was_cancelled"):
            self.skipped += 1
            return
        regions = [one for one in annotation.get("result") or () if isinstance(one, Mapping)]
        original = self._original(regions)
        who = original.rater if original is not None else self._rater(annotation)
        name = original.answer_id if original is not None else answer_id_of(self._item, who)
        try:
            said = _body(regions, annotation.get("lead_time"), self._text)
            if original is not None:
                said = _unless_same(original.body, said)
        except (InputError, ValidationError) as error:
            what = first_line(error) if isinstance(error, ValidationError) else str(error)
            self.problems.append(f"annotation {annotation.get('id', '')} by {who}: {what}")
            return
        self.skipped += original is None and name in self._given
        self._given[name] = GivenAnswer(self._item, who, said, name)

    def _original(self, regions: Sequence[Mapping[str, Any]]) -> GivenAnswer | None:
        for region in regions:
            name = self._marks.get(str(region.get("id", "")).partition(".")[0])
            if name is not None:
                return self._given[name]
        return None

    def _rater(self, annotation: Mapping[str, Any]) -> str:
        by = annotation.get("completed_by")
        if isinstance(by, Mapping):
            return self._raters.named(PROGRAM, by.get("email"), by.get("id"))
        return self._raters.named(PROGRAM, by)


def _item(ours: Mapping[str, Any], text: str, context: str) -> NewItem:
    if ours.get("digest") != digest(text, context):
        raise InputError("its text is not the one that was exported", field="data.text")
    try:
        return NewItem.model_validate({**ours["new"], "text": text, "context": context})
    except (ValidationError, KeyError, TypeError) as error:
        raise InputError(first_line(error), field=f"meta.{OURS}") from None


def _predictions(new: NewItem) -> Iterator[dict[str, Any]]:
    """The panel's verdict and every member's; `score` is the probability of what is predicted."""
    verdict = new.verdict
    yield _prediction("panel", verdict.probability, yes=verdict.decision == "flag")
    for name, member in verdict.members.items():
        yield _prediction(f"{name} {member.version}", member.probability, yes=member.vote == "yes")


def _prediction(who: str, probability: float, *, yes: bool) -> dict[str, Any]:
    score = probability if yes else 1 - probability
    region = _region(_mark(who), ANSWER, "choices", {"choices": ["yes" if yes else "no"]})
    return {"model_version": who, "score": score, "result": [region]}


def _annotation(answer: Answer, text: str) -> dict[str, Any]:
    mark, body = _mark(answer.answer_id), answer.body
    regions = [_region(f"{mark}.{ANSWER}", ANSWER, "choices", {"choices": [body.answer]})]
    if body.severity is not None:
        regions.append(_region(f"{mark}.{SEVERITY}", SEVERITY, "choices", {"choices": [str(body.severity)]}))
    if body.note:
        regions.append(_region(f"{mark}.{NOTE}", NOTE, "textarea", {"text": [body.note]}))
    for number, value in enumerate(to_regions(body, text)):
        regions.append(_region(f"{mark}.{SPANS}{number}", SPANS, "labels", {**value, "labels": ["shows it"]}))
    return {"result": regions, "lead_time": body.seconds, "was_cancelled": False, "ground_truth": False}


def _region(name: str, control: str, kind: str, value: dict[str, Any]) -> dict[str, Any]:
    return {"id": name, "from_name": control, "to_name": "text", "type": kind, "value": value}


def _body(regions: Sequence[Mapping[str, Any]], seconds: object, text: str) -> NewAnswer:
    """What an annotation says.

    Raises:
        InputError: it has no answer that is one.
        ValidationError: a value is out of its limits.
    """
    said: dict[str, Any] = {}
    spans: list[Mapping[str, Any]] = []
    for region in regions:
        control, value = region.get("from_name"), region.get("value")
        if not isinstance(value, Mapping):
            continue
        chosen = [str(one) for one in value.get("choices") or ()]
        if control == SEVERITY and chosen:
            said[SEVERITY] = int(chosen[0]) if chosen[0].isdigit() else chosen[0]
        elif chosen and chosen[0].lower() in MEANT and (control == ANSWER or ANSWER not in said):
            said[ANSWER] = MEANT[chosen[0].lower()]
        elif control == NOTE or region.get("type") == "textarea":
            lines = value.get("text")
            said[NOTE] = "\n".join(map(str, lines)) if isinstance(lines, list) else str(lines)
        elif region.get("type") in ("labels", "hypertextlabels"):
            spans.append(value)
    if ANSWER not in said:
        raise InputError(f"says none of {', '.join(_ANSWERS)}")
    if isinstance(seconds, int | float) and seconds >= 0:
        said["seconds"] = min(float(seconds), 86_400.0)
    return NewAnswer.model_validate({**said, SPANS: from_regions(spans, text)})


def _unless_same(original: NewAnswer, said: NewAnswer) -> NewAnswer:
    """The original where nobody changed what Label Studio shows of it."""
    return original if _shown(original) == _shown(said) else said


def _shown(body: NewAnswer) -> tuple[object, ...]:
    return body.answer, body.severity, body.note or None, body.spans


def _newest_last(annotations: object) -> list[Mapping[str, Any]]:
    found = [one for one in annotations if isinstance(one, Mapping)] if isinstance(annotations, list) else []
    return sorted(found, key=lambda one: str(one.get("updated_at") or one.get("created_at") or ""))


def _row(record: Mapping[str, Any], text: str, context: str, answers: Sequence[GivenAnswer]) -> dict[str, Any]:
    """A task that is none of ours; what models said of it is kept, and is no answer."""
    kept = {
        "task": record.get("id"),
        "predictions": [
            {name: one.get(name) for name in ("model_version", "score", "result")}
            for one in record.get("predictions") or ()
            if isinstance(one, Mapping)
        ],
    }
    given = {one.rater: one.body.model_dump(mode="json") for one in answers}
    named = {str(name): value for name, value in record["data"].items() if name not in ("text", "context")}
    row = {"text": text, "context": context, "meta": {**named, PROGRAM: kept}}
    return {**row, "answers": given} if given else row


def _mark(name: str) -> str:
    """Short name of an answer or a model, for ids of regions."""
    return f"hj{hashlib.blake2b(name.encode(), digest_size=8).hexdigest()}"
