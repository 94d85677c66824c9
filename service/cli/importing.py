"""`import`: texts, labels and answers from elsewhere."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli.auditing import note
from service.cli.data import open_queue
from service.cli.output import printable, put, say
from service.cli.panels import tell_bad

if TYPE_CHECKING:
    from miners.exchange.incoming import Incoming, Raters
    from miners.exchange.reading import Form
    from miners.imports import GivenAnswer
    from miners.queue.redis_queue import RedisQueue
    from service.runtime_state import RuntimeState

_AT_ONCE = 200
"""Items enqueued at once."""

_MOST_TOLD = 20
"""Conflicts that are named; the others are counted."""


class From(StrEnum):
    """Formats that are read."""

    auto = "auto"
    rows = "rows"
    jsonl = "jsonl"
    csv = "csv"
    parquet = "parquet"
    hf = "hf"
    label_studio = "label-studio"
    argilla = "argilla"


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("import")(import_file)


def import_file(
    source: Annotated[
        Path,
        typer.Argument(metavar="FILE|DIR", help="Labelled rows, what `export` wrote, or another program's export."),
    ],
    form: Annotated[
        From, typer.Option("--format", help="auto goes by what stands in the file; rows takes a table of ours as rows.")
    ] = From.auto,
    rater: Annotated[
        str, typer.Option("--rater", help="Who is taken to have given the labels of rows that name nobody.")
    ] = "import",
    label: Annotated[
        str | None, typer.Option("--label", help="Field of rows that holds the label, where it is not `label`.")
    ] = None,
    raters: Annotated[
        Path | None,
        typer.Option("--raters", metavar="FILE", help="JSON: who is who, names or ids elsewhere to names here."),
    ] = None,
    answers: Annotated[int, typer.Option("--answers", min=1, max=100, help="Answers wanted for each text.")] = 1,
    correct: Annotated[
        bool,
        typer.Option("--correct", help="Answers that an earlier import brought say from now on what the file says."),
    ] = False,
) -> None:
    """Take texts into the queue with the labels and answers that they have elsewhere.

    A row's label counts as the answer of its own `rater`, or of --rater; a row with {"answers": {"ann": "yes", "bob":
    {"answer": "no", "severity": 0}}} brings the answers of these raters. All texts are scored by the running service
    and queued, with selection probability 1 among the texts of the file; what has no answer waits for one.

    What `hungjury export` wrote comes back as it was, with verdict, provenance, selection probability and answers, in
    any of its formats. A JSON export of Label Studio brings each annotation as the answer of whoever completed it,
    records of Argilla each response; predictions and suggestions are kept and are no answers.

    Importing the same file again changes nothing. An answer that contradicts what its rater did here is left out and
    named; with --correct, one that came from there before is corrected, and what it was stays in its history.
    """
    from service.runtime_state import require_running

    state = require_running()
    with open_queue() as queue:
        found = _Import(state, queue, rater, answers, label, _who(raters), correct=correct).run(source, form)
    note("import", str(source), found["texts"], {"answers": str(found["recorded"] + found["corrected"])})
    put(_summary(found))
    if not found["texts"]:
        raise typer.Exit(1)


def _summary(found: Counter[str]) -> str:
    parts = {
        "corrected": "corrected",
        "conflict": "left out: their raters have had these texts here",
        "missing": "to texts that were not queued (nobody can read them)",
        "skipped": "skipped there or replaced by a newer one",
        "unread": "could not be read",
        "bad": "bad rows skipped",
    }
    told = [f", {found[name]:,} {what}" for name, what in parts.items() if found[name]]
    return f"{found['texts']:,} texts read, {found['recorded']:,} answers recorded{''.join(told)}"


def _who(path: Path | None) -> Raters:
    from ensemble.errors import InputError
    from miners.exchange.incoming import Raters

    if path is None:
        return Raters()
    try:
        names = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise InputError(f"{path} is not JSON", field="--raters") from None
    if not isinstance(names, dict) or not all(isinstance(name, str) and name for name in names.values()):
        raise InputError(f'{path} must be an object such as {{"ann@example.org": "ann"}}', field="--raters")
    return Raters(names)


class _Import:
    """One run of the command."""

    def __init__(
        self,
        state: RuntimeState,
        queue: RedisQueue,
        rater: str,
        wanted: int,
        label: str | None,
        raters: Raters,
        *,
        correct: bool,
    ) -> None:
        self._state, self._queue, self._rater, self._wanted = state, queue, rater, wanted
        self._label, self._raters, self._correct = label, raters, correct
        self._found: Counter[str] = Counter()

    def run(self, source: Path, form: From) -> Counter[str]:
        """Takes every file of the source in; what is a row is scored in the end, all at once."""
        from ensemble.errors import InputError
        from ensemble.row_files import find_files
        from miners.exchange.reading import is_array

        files = [Path(str(file.path)) for file in find_files(source).files]
        if missing := [path for path in files if not path.is_file()]:
            raise InputError(f"{missing[0]} is neither a file nor a folder", field="FILE")
        forms = {path: self._form(path, form) for path in files}
        as_they_are = self._label is None and not any(map(is_array, files))
        if as_they_are and set(forms.values()) == {"rows"}:
            self._rows(source, _digest(files))
            return self._found
        staged = _staging(_digest(files))
        with staged.open("w", encoding="utf-8") as stream:
            for path in files:
                for row in self._take(path, forms[path]):
                    stream.write(json.dumps(row, ensure_ascii=False) + "\n")
        if staged.stat().st_size:
            self._rows(staged, staged.stem)
        else:
            staged.unlink()
        return self._found

    def _form(self, path: Path, form: From) -> Form:
        from miners.exchange.reading import form_of

        forced: dict[From, Form] = {From.label_studio: "label-studio", From.argilla: "argilla", From.rows: "rows"}
        return forced.get(form) or form_of(path)

    def _take(self, path: Path, form: Form) -> Iterator[dict[str, Any]]:
        """Takes in what is queued or known already; hands on the rows, which must be scored first."""
        from ensemble.rows import BadRow
        from miners.exchange.reading import read

        records = read(path, form, self._raters)
        while page := list(itertools.islice(records, _AT_ONCE)):
            good = []
            for one in page:
                if isinstance(one, BadRow):
                    self._bad(one)
                else:
                    good.append(one)
            self._queue.enqueue([one.item for one in good if one.item is not None])
            for one in good:
                yield from self._taken(one)

    def _taken(self, one: Incoming) -> Iterator[dict[str, Any]]:
        from ensemble.errors import InputError
        from ensemble.rows import BadRow

        self._found["skipped"] += one.skipped
        self._found["unread"] += len(one.problems)
        for problem in one.problems:
            say(printable(f"{one.where}: {problem}"))
        try:
            if one.row is not None:
                yield self._relabelled(one)
                return
            self._check_text(one)
        except InputError as error:
            self._bad(BadRow(one.file, one.line, f"{error.field} {error}" if error.field else str(error)))
            return
        self._found["texts"] += 1
        self._record(one.answers)

    def _relabelled(self, one: Incoming) -> dict[str, Any]:
        """The row with its label where rows have it, and with where it came from.

        Raises:
            InputError: the label is none.
        """
        from ensemble.errors import InputError
        from miners.exchange.incoming import MEANT

        row = dict(one.row or {})
        row["meta"] = {**(row.get("meta") or {}), "imported": one.where}
        if self._label is not None and (said := row.pop(self._label, row["meta"].pop(self._label, None))) is not None:
            meant = MEANT.get(str(said).strip().lower().removesuffix(".0"))
            if meant is None:
                raise InputError(f"must be one of {', '.join(MEANT)}, not {str(said)[:40]!r}", field=self._label)
            row["label"] = {"yes": 1, "no": 0}.get(meant)
            if meant == "unsure":
                row["answers"] = {str(row.get("rater") or self._rater): meant}
        return row

    def _check_text(self, one: Incoming) -> None:
        """An item that a file names by id must be queued here, with the text that the file says.

        Raises:
            InputError: it is another.
        """
        from ensemble.errors import InputError
        from miners.errors import UnknownItemError

        if one.text is None or not one.answers:
            return
        try:
            text = self._queue.item(one.answers[0].item_id).new.text
        except UnknownItemError:
            return  # counted when its answers are recorded
        if text != one.text:
            raise InputError(f"is not the text of item {one.answers[0].item_id}", field="text")

    def _rows(self, source: Path, digest: str) -> None:
        """Rows of any file: a campaign scores and queues every text, then the answers are recorded."""
        from ensemble.errors import InputError
        from ensemble.rows import BadRow, RowReader
        from miners.imports import answers_of
        from service.cli.campaigning import campaign_spec, run_campaign

        given: list[GivenAnswer] = []
        reader = RowReader([source], on_bad=tell_bad)
        for row in reader:
            try:
                given += answers_of(row, self._rater)
            except InputError as error:
                self._bad(BadRow(row.file, row.line, f"{error.field} {error}" if error.field else str(error)))
        self._found["texts"] += reader.good
        self._found["bad"] += reader.bad
        if not reader.good:
            return
        spec = campaign_spec(self._state, [source], queue=reader.good, answers=self._wanted, strategy="ranked")
        members = spec.budget // max(self._state.mining.budget_texts, 1)
        spec = spec.model_copy(
            update={"budget": 2 * members * reader.good + 8, "near_duplicate": 1.0, "shuffle": False}
        )
        run_campaign(f"import-{digest}", spec)
        self._record(given)

    def _record(self, answers: Iterable[GivenAnswer]) -> None:
        from miners.imports import record_all

        self._found += record_all(self._queue, answers, correct=self._correct, refused=self._tell_refused)

    def _tell_refused(self, answer: GivenAnswer, why: str) -> None:
        self._found["told"] += 1
        if self._found["told"] <= _MOST_TOLD:
            say(printable(f"{answer.where}: {why}"))
        elif self._found["told"] == _MOST_TOLD + 1:
            say("and so on; further ones are only counted")

    def _bad(self, row: Any) -> None:
        self._found["bad"] += 1
        tell_bad(row)


def _staging(digest: str) -> Path:
    """Where rows of other programs lie for the service to read; it may have to read them again after a restart."""
    from ensemble.home import home

    folder = home() / "imports"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder / f"{digest}.jsonl"


def _digest(files: Iterable[Path]) -> str:
    """Names the import, so that the same files again are the same campaign."""
    found = hashlib.sha256()
    for path in files:
        with path.open("rb") as stream:
            found.update(hashlib.file_digest(stream, "sha256").digest())
    return found.hexdigest()[:16]
