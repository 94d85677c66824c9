"""Between the queue's types and the strings that Redis keeps."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, cast

from miners.queue.labels import mean_severity
from miners.queue.types import (
    Answer,
    AnswerValue,
    Finding,
    FindingChange,
    FindingKind,
    Item,
    Lease,
    NewAnswer,
    NewItem,
    Receipt,
    Skip,
)

_RANKED = {"priority", "why", "parts"}
"""What changes when an item is ranked anew; kept apart from the item itself."""


def moment(ms: str | float) -> datetime:
    """Milliseconds since the epoch, by the store's clock, as UTC."""
    return datetime.fromtimestamp(float(ms) / 1000, UTC)


def rank_json(why: str, parts: dict[str, float]) -> str:
    """The reasons behind a priority."""
    return json.dumps({"why": why, "parts": parts})


def pack_item(item: NewItem) -> tuple[str | int, ...]:
    """Arguments of one item for `enqueue.lua`. Priorities travel as shortest exact decimal."""
    return (
        item.id,
        repr(item.priority),
        repr(-item.priority),
        item.needed,
        "p" if item.plant else int(item.deployed_passed),
        item.model_dump_json(exclude=_RANKED),
        rank_json(item.why, item.parts),
        item.author,
        item.truth or "",
        item.provenance.family if item.provenance.parent else "",
        spaced(item.tags),
    )


def spaced(tags: Collection[str]) -> str:
    """Tags as scripts take them: sorted, each with a space around it; empty where there is none."""
    return f" {' '.join(sorted(tags))} " if tags else ""


def unpack_leases(reply: Sequence[Any], task: str) -> list[Lease]:
    """Leases out of (lease, deadline, item, new) times n."""
    return [unpack_lease(reply[at : at + 4], task) for at in range(0, len(reply), 4)]


def unpack_lease(fields: Sequence[Any], task: str) -> Lease:
    """A lease shows text and context alone; verdict and reasons stay behind."""
    lease_id, deadline, item_id, new = fields
    shown = json.loads(new)
    return Lease(
        lease_id=lease_id,
        item_id=item_id,
        text=shown["text"],
        context=shown["context"],
        expires_at=moment(deadline),
        task=task,
    )


def answer_args(body: NewAnswer) -> tuple[str, str, str, int]:
    """Arguments of a body behind its comparable form: JSON, value, severity, where its last span ends (0: no spans)."""
    severity = "" if body.severity is None else str(body.severity)
    return body.model_dump_json(), body.answer, severity, body.spans[-1].end if body.spans else 0


def unpack_receipt(fields: Sequence[Any]) -> Receipt:
    """Receipt out of (answer, item, answers, needed, label)."""
    answer_id, item_id, answers, needed, label = fields
    return Receipt(
        answer_id=answer_id,
        item_id=item_id,
        answers=int(answers),
        needed=int(needed),
        label=cast(AnswerValue, label) or None,
    )


def pairs(flat: Sequence[str]) -> dict[str, str]:
    """A hash as scripts return it: field, value, field, value."""
    return dict(zip(flat[::2], flat[1::2], strict=True))


def unpack_answer(flat: Sequence[str]) -> Answer:
    """Answer out of its hash; each earlier body carries the time at which it was given."""
    fields = pairs(flat)
    history = json.loads(f"[{fields['history']}]")
    return Answer(
        answer_id=fields["id"],
        item_id=fields["item"],
        rater=fields["rater"],
        body=NewAnswer.model_validate_json(fields["body"]),
        at=moment(fields["at"]),
        history=tuple({**old["body"], "at": moment(old["at"]).isoformat()} for old in history),
    )


def unpack_item(whole: Sequence[Sequence[str]]) -> Item:
    """Item out of its hash and those of its answers; its mark is kept elsewhere, by family."""
    fields = pairs(whole[0])
    changed = {"priority": float(fields["prio"]), "needed": int(fields["need"])}
    new = {**json.loads(fields["new"]), **json.loads(fields["rank"]), **changed}
    return Item(
        new=NewItem.model_validate(new),
        state=cast(Any, "open" if fields["state"] == "gold" else fields["state"]),
        live=int(fields["act"]),
        enqueued_at=moment(fields["at"]),
        answers=tuple(unpack_answer(answer) for answer in whole[1:]),
        skips=tuple(Skip(**{**skip, "at": moment(skip["at"])}) for skip in json.loads(f"[{fields.get('skips', '')}]")),
        label=cast(AnswerValue, fields.get("label", "")) or None,
        retired="retired" in fields,
        confidence=float(fields["conf"]) if "conf" in fields else None,
        ambiguity=float(fields["amb"]) if "amb" in fields else None,
        finding=cast(FindingKind, fields.get("finding", "")) or None,
        found_at=moment(fields["found_at"]) if fields.get("finding") else None,
    )


def finding_in(item: Item) -> Finding | None:
    """Finding out of an item; None if it is none (any more)."""
    if item.finding is None or item.found_at is None:
        return None
    severity = mean_severity([answer.body for answer in item.answers])
    return Finding(kind=item.finding, item=item, severity=severity, at=item.found_at)


def unpack_change(text: str) -> FindingChange:
    """Change of a finding out of its JSON."""
    item_id, before, after, at = json.loads(text)
    return FindingChange(item_id=item_id, before=before or None, after=after or None, at=moment(at))


def chunks(items: Sequence[NewItem], *, most: int, most_bytes: int) -> Iterator[list[NewItem]]:
    """Cuts a long call into short scripts; no id stands twice in one chunk, so that each has one outcome there."""
    chunk: list[NewItem] = []
    ids: set[str] = set()
    size = 0
    for item in items:
        weight = len(item.text) + len(item.context) + 1_000
        if chunk and (len(chunk) == most or size + weight > most_bytes or item.id in ids):
            yield chunk
            chunk, ids, size = [], set(), 0
        chunk.append(item)
        ids.add(item.id)
        size += weight
    if chunk:
        yield chunk
