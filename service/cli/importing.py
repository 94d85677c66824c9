"""`import`: texts, labels and answers from elsewhere."""

from __future__ import annotations

import gzip
import hashlib
import itertools
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli.data import open_queue
from service.cli.output import printable, put, say
from service.cli.panels import tell_bad

if TYPE_CHECKING:
    from miners.imports import GivenAnswer
    from miners.queue.redis_queue import RedisQueue
    from service.runtime_state import RuntimeState

_AT_ONCE = 200
"""Items enqueued at once."""


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("import")(import_file)


def import_file(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="Labelled rows, or items that `export` wrote.")],
    rater: Annotated[
        str, typer.Option("--rater", help="Who is taken to have given the labels of rows that name nobody.")
    ] = "import",
    answers: Annotated[int, typer.Option("--answers", min=1, max=100, help="Answers wanted for each text.")] = 1,
) -> None:
    """Take texts into the queue with the labels and answers that they have elsewhere.

    A row's label counts as the answer of --rater; a row with {"answers": {"ann": "yes", "bob": {"answer": "no",
    "severity": 0}}} brings the answers of these raters. All texts are scored by the running service and queued, with
    selection probability 1 among the texts of the file; what has no answer waits for one. Items that `hungjury export`
    wrote come back as they were, with verdict, provenance, selection probability and answers.

    Importing the same file again changes nothing.
    """
    from service.runtime_state import require_running

    state = require_running()
    with open_queue() as queue:
        found = _items(source, queue) if _is_export(source) else _rows(source, state, queue, rater, answers)
    put(
        f"{found['texts']:,} texts read, {found['recorded']:,} answers recorded"
        + (f", {found['conflict']:,} left out: their raters have had these texts here" if found["conflict"] else "")
        + (f", {found['missing']:,} to texts that were not queued (nobody can read them)" if found["missing"] else "")
        + (f", {found['bad']:,} bad rows skipped" if found["bad"] else "")
    )
    if not found["texts"]:
        raise typer.Exit(1)


def _rows(source: Path, state: RuntimeState, queue: RedisQueue, rater: str, wanted: int) -> Counter[str]:
    """Rows of any file: a campaign scores and queues every text, then the answers are recorded."""
    from ensemble.errors import InputError
    from ensemble.rows import BadRow, RowReader
    from miners.imports import answers_of, record_all
    from service.cli.campaigning import campaign_spec, run_campaign

    found: Counter[str] = Counter()
    given: list[GivenAnswer] = []
    reader = RowReader([source], on_bad=tell_bad)
    for row in reader:
        try:
            given += answers_of(row, rater)
        except InputError as error:
            found["bad"] += 1
            tell_bad(BadRow(row.file, row.line, f"{error.field} {error}" if error.field else str(error)))
    found["texts"] = reader.good
    found["bad"] += reader.bad
    if not reader.good:
        return found
    spec = campaign_spec(state, [source], queue=reader.good, answers=wanted, strategy="ranked")
    members = spec.budget // max(state.mining.budget_texts, 1)
    spec = spec.model_copy(update={"budget": 2 * members * reader.good + 8, "near_duplicate": 1.0, "shuffle": False})
    run_campaign(f"import-{_digest(source)}", spec)
    return found + record_all(queue, given)


def _items(source: Path, queue: RedisQueue) -> Counter[str]:
    """Items that were exported: enqueued as they were."""
    from ensemble.errors import InputError
    from ensemble.rows import BadRow
    from miners.imports import exported, record_all

    found: Counter[str] = Counter()
    records = enumerate(_json_lines(source), start=1)
    while page := list(itertools.islice(records, _AT_ONCE)):
        read = []
        for line, record in page:
            try:
                read.append(exported(record))
            except InputError as error:
                found["bad"] += 1
                tell_bad(BadRow(str(source), line, str(error)))
        queue.enqueue([item for item, _ in read])
        found += record_all(queue, [answer for _, answers in read for answer in answers])
        found["texts"] += len(read)
    return found


def _is_export(source: Path) -> bool:
    """Whether the file holds items as `export` writes them."""
    try:
        first = next(_json_lines(source), None)
    except (OSError, ValueError):
        return False
    return isinstance(first, dict) and "new" in first


def _json_lines(source: Path) -> Iterator[Any]:
    with gzip.open(source, "rb") if source.suffix == ".gz" else source.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            if line.strip():
                try:
                    yield json.loads(line)
                except ValueError:
                    if number == 1:
                        raise
                    say(printable(f"{source}:{number}: is no JSON; skipped"))
                    yield {}


def _digest(source: Path) -> str:
    """Names the import, so that the same file again is the same campaign."""
    with source.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()[:16]
