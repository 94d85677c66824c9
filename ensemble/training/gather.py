"""Labelled rows of a file made fit for training: read, cleared of duplicates, and put into groups.

The same text with both labels says nothing and is left out altogether. Of nearly the same text with the same label one
is kept. Nearly the same text with different labels is a pair of twins, which teaches most, and both are kept, in one
group.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ensemble.errors import InputError
from ensemble.evaluation.fields import look_up
from ensemble.near_duplicates import DEFAULT_THRESHOLD, similar_pairs
from ensemble.row_checks import Row
from ensemble.rows import BadRow, RowReader, Source
from ensemble.text import LabelledText
from ensemble.training_record import DataRecord

FEWEST_OF_EACH_LABEL = 20
"""With fewer rows of a label there is nothing to calibrate on once they are split in three."""

ALIKE = 0.5
"""Texts that share this much of their word triples (Jaccard) are one family, and one group where no field names any."""

KEPT_APART = ("hold-out", "regression")
"""What `mark` may say of a row that must not train."""


@dataclass(frozen=True)
class Gathered:
    """Rows to train on.

    Attributes:
        rows: in file order; meta holds what the row brought, "group" (never torn apart by a split) and "family" (rows
            alike in text; a group may hold many).
        record: what was left out, and why; without splits yet.
    """

    rows: tuple[LabelledText, ...]
    record: DataRecord


def gather(
    source: Source,
    *,
    label: str = "label",
    split_by: str | None = None,
    on_bad: Callable[[BadRow], None] = lambda _: None,
) -> Gathered:
    """Reads and cleans the rows of a file.

    Args:
        source: path, or "-" for standard input.
        label: where the label stands: "label", or a dotted path in meta.
        split_by: dotted path in meta of what must not be torn apart; None = clusters of similar texts.
        on_bad: told every row that is left out because of what it is or lacks.

    Raises:
        InputError: the file cannot be read, or holds too few rows, or one label only; the message says what to do.
    """
    kept: list[tuple[Row, int, str]] = []
    reader, apart = RowReader([source], on_bad=on_bad), _Apart()
    counts: dict[str, int] = defaultdict(int)
    refused: list[BadRow] = []
    for row in reader:
        apart.look(row)
        problem, kind = _problem(row, label, split_by)
        if problem:
            counts[kind] += 1
            refused.append(BadRow(row.file, row.line, problem))
            on_bad(refused[-1])
        else:
            kept.append((row, int(field_of(row, label)), "" if split_by is None else str(field_of(row, split_by))))
    bad = reader.bad + counts.pop("bad", 0)
    record = DataRecord(source=str(source), read=reader.good + reader.bad, bad=bad, split_by=split_by)
    record = record.model_copy(update=counts)
    kept, marked = apart.without(kept)
    record = record.model_copy(update={"marked": marked})
    if not kept:
        raise _nothing(record, label, refused)
    rows, contradicted, exact = _distinct(kept, on_bad)
    rows, near, twins = _grouped(rows, split_by)
    record = record.model_copy(
        update={"contradictions": contradicted, "exact_duplicates": exact, "near_duplicates": near, "twins": twins}
    )
    _check_enough(rows, record)
    return Gathered(tuple(rows), record)


class _Apart:
    """Rows that are marked as not for training, and all others of their families, whatever those say."""

    def __init__(self) -> None:
        self._families: set[str] = set()
        self._texts: set[str] = set()

    def look(self, row: Row) -> None:
        """Notes what a row is marked as, whether or not it can be used otherwise."""
        if row.meta.get("mark") in KEPT_APART:
            self._texts.add(row.as_text().id)
            if row.meta.get("family"):
                self._families.add(str(row.meta["family"]))

    def without(self, kept: list[tuple[Row, int, str]]) -> tuple[list[tuple[Row, int, str]], int]:
        """The rows that may train, and how many may not."""
        left = [each for each in kept if not self._holds(each[0])]
        return left, len(kept) - len(left)

    def _holds(self, row: Row) -> bool:
        return row.as_text().id in self._texts or str(row.meta.get("family") or "") in self._families


def field_of(row: Row, path: str) -> Any:
    """What stands in a row at "label", or at a dotted path in meta (with or without "meta."); None where nothing."""
    return row.label if path == "label" else look_up(row.meta, path)


def _problem(row: Row, label: str, split_by: str | None) -> tuple[str, str]:
    """What keeps a row from being used, and under what that is counted; empty where nothing does."""
    value = field_of(row, label)
    if value is None:
        return f"has no {label}", "unlabelled"
    if isinstance(value, bool) or value not in (0, 1):
        return f"{label} must be 0 or 1, not {value!r}", "bad"
    if split_by is not None and field_of(row, split_by) in (None, ""):
        return f"has no {split_by}, by which rows are split", "ungrouped"
    return "", ""


def _nothing(record: DataRecord, label: str, refused: Sequence[BadRow]) -> InputError:
    if not record.read:
        return InputError(f"{record.source} holds no rows", field="--data")
    if record.marked:
        return InputError(
            f"of the {record.read:,} rows of {record.source} none may train: {record.marked:,} are marked "
            "hold-out or regression, by family",
            field="--data",
        )
    why = str(refused[0]) if refused else f"{label} must be 0 or 1; the reasons stand above"
    return InputError(f"none of the {record.read:,} rows of {record.source} can be used: {why}", field="--data")


def _distinct(
    kept: Sequence[tuple[Row, int, str]], on_bad: Callable[[BadRow], None]
) -> tuple[list[LabelledText], int, int]:
    """One row a text, and how many were left out as contradictory and as repeated."""
    labels: dict[str, set[int]] = defaultdict(set)
    for row, value, _ in kept:
        labels[row.as_text().id].add(value)
    rows: dict[str, LabelledText] = {}
    contradicted = exact = 0
    for row, value, group in kept:
        name = row.as_text().id
        if len(labels[name]) > 1:
            contradicted += 1
            on_bad(
                BadRow(row.file, row.line, f"is labelled {value} here and {1 - value} elsewhere; left out everywhere")
            )
        elif name in rows:
            exact += 1
        else:
            meta = {**row.meta, "group": group}
            rows[name] = replace(row, label=value, meta=meta, id=row.id or f"{row.file}:{row.line}").labelled()
    return list(rows.values()), contradicted, exact


def _grouped(rows: Sequence[LabelledText], split_by: str | None) -> tuple[list[LabelledText], int, int]:
    """The rows without near-duplicates, with family and group; how many were left out, and how many twins there are."""
    dropped: set[int] = set()
    twins: list[tuple[int, int]] = []
    links: list[tuple[int, int]] = []
    for earlier, later, similarity in similar_pairs(rows, ALIKE):
        links.append((earlier, later))
        if similarity < DEFAULT_THRESHOLD or earlier in dropped:
            continue
        # A twin in another group would stand on both sides of a split.
        if rows[earlier].label == rows[later].label or rows[earlier].meta["group"] != rows[later].meta["group"]:
            dropped.add(later)
        else:
            twins.append((earlier, later))
    families = _joined(len(rows), [*links, *_same_family(rows)])
    kept = [_placed(row, rows[families[i]], split_by) for i, row in enumerate(rows) if i not in dropped]
    return kept, len(dropped), sum(not dropped & set(pair) for pair in twins)


def _placed(row: LabelledText, first: LabelledText, split_by: str | None) -> LabelledText:
    family = first.id
    return replace(row, meta={**row.meta, "family": family, "group": family if split_by is None else row.meta["group"]})


def _same_family(rows: Sequence[LabelledText]) -> list[tuple[int, int]]:
    """Links between rows that bring the same `family` along."""
    first: dict[str, int] = {}
    return [(first.setdefault(str(row.meta["family"]), i), i) for i, row in enumerate(rows) if row.meta.get("family")]


def _joined(count: int, links: Iterable[tuple[int, int]]) -> list[int]:
    """For each of `count` things the first of those that it is linked to, however far (union-find)."""
    parent = list(range(count))

    def root(of: int) -> int:
        while parent[of] != of:
            parent[of] = parent[parent[of]]
            of = parent[of]
        return of

    for one, other in links:
        low, high = sorted((root(one), root(other)))
        parent[high] = low
    return [root(each) for each in range(count)]


def _check_enough(rows: Sequence[LabelledText], record: DataRecord) -> None:
    positives = sum(row.label for row in rows)
    of = {1: positives, 0: len(rows) - positives}
    if not rows:
        raise InputError(f"every text of {record.source} is labelled both 0 and 1; correct the labels", field="--data")
    if 0 in of.values():
        only = 1 if positives else 0
        raise InputError(
            f"all {len(rows):,} usable rows are labelled {only}; training needs both labels", field="label"
        )
    if min(of.values()) < FEWEST_OF_EACH_LABEL:
        raise InputError(
            f"{len(rows):,} usable rows, {of[1]:,} labelled 1 and {of[0]:,} labelled 0 (duplicates left out); training "
            f"needs at least {FEWEST_OF_EACH_LABEL} of each label, and a few hundred rows to be any good",
            field="--data",
        )
