"""`queue`, `answers` and `export`: looking at data and taking it along."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from service.cli.auditing import note
from service.cli.output import Json, opened, put, put_json, say, table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic import BaseModel

    from ensemble.tasks.task import Task
    from miners.queue.redis_queue import RedisQueue
    from miners.queue.types import Item

T = TypeVar("T")

PAGE = 100
TEXT_CHARS = 200

Count = Annotated[int, typer.Option("--count", "-n", min=1, max=10_000, help="How many at most.")]


class What(StrEnum):
    """What can be exported."""

    items = "items"
    answers = "answers"
    findings = "findings"
    plants = "plants"


class To(StrEnum):
    """Formats that are written, see `miners.exchange.writing.Target`."""

    jsonl = "jsonl"
    csv = "csv"
    parquet = "parquet"
    label_studio = "label-studio"
    argilla = "argilla"
    hf = "hf"


def add_to(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command()(queue)
    app.command()(answers)
    app.command()(export)


@contextlib.contextmanager
def open_queue() -> Iterator[RedisQueue]:
    """The queue of the running service's task."""
    from ensemble.tasks.task import load_task
    from service.runtime_state import require_running
    from service.supervisor.store import open_store

    task = load_task(require_running().task).name
    with open_store() as store:
        yield store.queue(task)


def queue(count: Count = 20, as_json: Json = False) -> None:
    """Show the top of the queue: what a new labeler would be given next, and why."""
    with open_queue() as found:
        items = found.top(count)
    note("queue", count=len(items))
    if as_json:
        put_json([item.model_dump(mode="json") for item in items])
    elif not items:
        put("nothing waits; `hungjury mine` looks for texts worth an answer")
    else:
        show_items("", items)


def show_items(title: str, items: list[Item]) -> None:
    """Prints queued items as a table."""
    members = list(dict.fromkeys(name for item in items for name in item.new.verdict.members))
    rows = [
        (
            str(rank),
            f"{item.new.priority:.3f}",
            f"{item.new.selection_probability:.3f}",
            *(_probability(item, name) for name in members),
            _cut(item.new.why),
            _cut(item.new.text),
        )
        for rank, item in enumerate(items, start=1)
    ]
    table(title, ("#", "priority", "q", *members, "why", "text"), rows, wide=("why", "text"))


def _probability(item: Item, name: str) -> str:
    score = item.new.verdict.members.get(name)
    return f"{score.probability:.2f}" if score is not None else "-"


def _cut(text: str) -> str:
    from service.cli.output import printable

    return printable(text, TEXT_CHARS)


def answers(count: Count = 20, as_json: Json = False) -> None:
    """Show the newest answers."""
    from collections import deque

    with open_queue() as found:
        newest = list(deque(found.answers(), maxlen=count))[::-1]
    note("answers", count=len(newest))
    if as_json:
        put_json([answer.model_dump(mode="json") for answer in newest])
        return
    rows = [
        (
            f"{a.at:%Y-%m-%d %H:%M:%S}",
            a.rater,
            a.item_id[:12],
            a.body.answer,
            "-" if a.body.severity is None else str(a.body.severity),
            _cut(a.body.note or ""),
        )
        for a in newest
    ]
    table("", ("when", "rater", "item", "answer", "severity", "note"), rows, wide=("note",))


def export(
    what: Annotated[What, typer.Argument(help="Items carry verdict, provenance, q and their answers.")] = What.items,
    output: Annotated[
        Path | None, typer.Option("--output", "--out", "-o", help="Write here.", metavar="FILE|DIR")
    ] = None,
    target: Annotated[
        To | None, typer.Option("--format", help="Default: csv or parquet if --out ends so, else jsonl.")
    ] = None,
) -> None:
    """Write items, answers or findings, with where they came from and how likely they were selected.

    Every format carries all of it, and `hungjury import` takes each back. CSV, Parquet and hf, a folder of Parquet
    files that Hugging Face `datasets` loads, are tables with a column a field; label-studio and argilla are tasks and
    records with the verdict as predictions and the answers as annotations; beside them lies a labeling configuration
    (.labeling.xml) or the data set's settings (.settings.json). A cell of a CSV file that a spreadsheet would compute
    begins with an apostrophe.

    What drills planted, and gold, and answers to either are left out, so that nobody trains on them; `plants` writes
    those texts alone.
    """
    from miners.exchange.writing import companion, target_of, write, write_text

    chosen = target_of(target.value if target is not None else None, output)
    with open_queue() as found:
        left = Counter[str]()
        records = _tallied(_records(found, what), left)
        try:
            if output is None:
                with opened(None) as stream:
                    written = write_text(records, _kind(what), chosen, stream)
            else:
                written = write(records, _kind(what), chosen, output, _task())
        finally:  # what has left is noted, also where the rest did not
            note(f"export {what.value}", str(output or "-"), left.total(), {"format": chosen})
    say(f"{written:,} {what.value} written")
    if output is not None and (beside := companion(chosen, output)) is not None:
        say(f"{beside} is for the project that they go into")


def _tallied(records: Iterable[T], left: Counter[str]) -> Iterator[T]:
    for record in records:
        left["records"] += 1
        yield record


def _kind(what: What) -> type[BaseModel]:
    from miners.queue.types import Answer, Finding, Item

    kinds: dict[What, type[BaseModel]] = {What.answers: Answer, What.findings: Finding}
    return kinds.get(what, Item)


def _task() -> Task:
    from ensemble.tasks.task import load_task
    from service.runtime_state import require_running

    return load_task(require_running().task)


def _records(found: RedisQueue, what: What) -> Iterable[BaseModel]:
    if what is What.findings:
        return _findings(found)
    if what is What.plants:
        return found.plants()
    if what is What.items:
        return (item for item in found.items() if not item.new.plant)
    planted = {item.new.id for item in found.plants()}
    return (answer for answer in found.answers() if answer.item_id not in planted)


def _findings(found: RedisQueue) -> Iterator[BaseModel]:
    offset = 0
    while page := found.findings(offset=offset, count=PAGE):
        yield from page
        offset += len(page)
