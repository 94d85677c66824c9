"""Cutting rows into train, calibration and test between groups, never through one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeVar, cast

import numpy as np

from ensemble.errors import InputError
from ensemble.members.hashing import version_of
from ensemble.tasks.task import Split
from ensemble.text import LabelledText
from ensemble.training.gather import Gathered
from ensemble.training.held_out import FOLD
from ensemble.training_record import SplitSize

_Part = TypeVar("_Part")

TEST_SHARE = 0.2
MOST_TEST_SHARE = 0.5

FOLDS, FOLDS_OF_MANY = 5, 3
"""Parts of the train rows, each of which is scored by models fitted to the others."""

MANY = 2000
"""Rows from which models fitted to two thirds are hardly worse than models fitted to four fifths, and cost half."""

FEWEST: Mapping[Split, int] = {"train": 10, "calibration": 5, "test": 5}
"""Rows of each label that a split must have."""

_GIVEN: Mapping[str, Split] = {
    "train": "train",
    "training": "train",
    "calibration": "calibration",
    "validation": "calibration",
    "valid": "calibration",
    "dev": "calibration",
    "test": "test",
}
_HELD_OUT: Mapping[Split, int] = {"train": 0, "calibration": 1, "test": 2}


def split(gathered: Gathered, *, seed: int = 0, test_share: float = TEST_SHARE) -> Gathered:
    """The same rows with meta["split"], and train rows with meta["fold"] where no split is there to calibrate on.

    Where every row brings a `split` of its own (train, calibration or validation, test), that is kept. Otherwise groups
    are dealt out so that rows and labels come near the shares: the same rows and seed always give the same splits.

    Args:
        gathered: rows with meta["group"].
        seed: deals.
        test_share: share of the rows that only measure, in [0, 0.5]; means nothing for rows with splits of their own.

    Raises:
        InputError: the share is out of range, a group straddles the splits given, or there are too few groups to fill
            every split and fold.
    """
    if not 0 <= test_share <= MOST_TEST_SHARE:
        raise InputError(f"must be from 0 to {MOST_TEST_SHARE:g}, not {test_share:g}", field="--test-share")
    rows, record = gathered.rows, gathered.record
    given = [_GIVEN.get(str(row.meta.get("split")).lower()) for row in rows]
    kept, names = list(rows), cast("list[Split]", given)
    if any(name is None for name in given) or "train" not in given:
        shares: dict[Split, float] = {"train": 1 - test_share, "test": test_share}
        names = deal(rows, {name: share for name, share in shares.items() if share}, seed)
        wanted = {name for name, share in shares.items() if share}
    else:
        kept, names = _as_given(rows, names, record.split_by)
        wanted = set(names)
    done = _folded([_with(row, split=name) for row, name in zip(kept, names, strict=True)], seed)
    sizes = {name: _size([row for row in done if row.meta["split"] == name]) for name in FEWEST if name in wanted}
    _check(sizes, done, record.split_by)
    parts = [[row.id, row.label, row.meta["group"], row.meta["split"], row.meta.get(FOLD)] for row in done]
    update = {"splits": sizes, "fingerprint": version_of(parts), "held_back": len(rows) - len(kept)}
    return Gathered(tuple(done), record.model_copy(update=update))


def _folded(rows: Sequence[LabelledText], seed: int) -> list[LabelledText]:
    """The rows, the train ones with folds unless there are calibration rows."""
    if any(row.meta["split"] == "calibration" for row in rows):
        return list(rows)
    train = [row for row in rows if row.meta["split"] == "train"]
    count = min(FOLDS if len(train) < MANY else FOLDS_OF_MANY, len({row.meta["group"] for row in train}))
    dealt = iter(deal(train, dict.fromkeys(range(count), 1 / count), seed) if count else [])
    return [_with(row, fold=next(dealt)) if row.meta["split"] == "train" else row for row in rows]


def _with(row: LabelledText, **meta: object) -> LabelledText:
    return replace(row, meta={**row.meta, **meta})


def deal(rows: Sequence[LabelledText], shares: Mapping[_Part, float], seed: int) -> list[_Part]:
    """A part for every row. Groups, the largest first, go where rows and labels then come nearest to the shares."""
    groups: dict[str, list[int]] = defaultdict(list)
    for index, row in enumerate(rows):
        groups[row.meta["group"]].append(index)
    mixed = [list(groups.values())[i] for i in np.random.default_rng(seed).permutation(len(groups))]
    names = list(shares)
    wanted = np.array([shares[name] for name in names])[:, None]
    positives = sum(row.label for row in rows)
    totals = np.maximum([len(rows) - positives, positives], 1)
    filled, chosen = np.zeros((len(names), 2)), [names[0]] * len(rows)
    for members in sorted(mixed, key=len, reverse=True):
        yes = sum(rows[i].label for i in members)
        adding = np.array([len(members) - yes, yes])
        lacking = wanted - filled / totals
        # The change of the squared distance from the shares, were the group put into each of the splits.
        cost = ((lacking - adding / totals) ** 2 - lacking**2).sum(axis=1)
        place = int(np.argmin(cost))
        filled[place] += adding
        for index in members:
            chosen[index] = names[place]
    return chosen


def _as_given(
    rows: Sequence[LabelledText], given: Sequence[Split], split_by: str | None
) -> tuple[list[LabelledText], list[Split]]:
    """Rows kept and their splits, as the file says; a row like one of a stricter split is left out."""
    strictest: dict[str, Split] = {}
    for row, name in zip(rows, given, strict=True):
        before = strictest.setdefault(row.meta["group"], name)
        if before != name and split_by is not None:
            message = f"{split_by} {row.meta['group']!r} has rows in {before} and in {name} (`split` of the rows)"
            raise InputError(f"{message}; put each group into one split, or leave `split` out", field="--split-by")
        strictest[row.meta["group"]] = max(before, name, key=_HELD_OUT.__getitem__)
    kept = [(row, name) for row, name in zip(rows, given, strict=True) if strictest[row.meta["group"]] == name]
    return [row for row, _ in kept], [name for _, name in kept]


def _size(rows: Sequence[LabelledText]) -> SplitSize:
    return SplitSize(
        rows=len(rows), positives=sum(row.label for row in rows), groups=len({row.meta["group"] for row in rows})
    )


def _check(sizes: Mapping[Split, SplitSize], rows: Sequence[LabelledText], split_by: str | None) -> None:
    groups = len({row.meta["group"] for row in rows})
    whose = f"values of {split_by}" if split_by else "groups of similar texts"
    for name, size in sizes.items():
        for label, count in ((1, size.positives), (0, size.rows - size.positives)):
            if count < FEWEST[name]:
                raise InputError(
                    f"{len(rows):,} rows in {groups} {whose} leave {name} with {count} rows labelled {label}, and it "
                    f"needs {FEWEST[name]}; give more rows, or split by a field with more and smaller groups",
                    field="--split-by" if split_by else "--data",
                )
    train = [row for row in rows if FOLD in row.meta]
    for fold in {row.meta[FOLD] for row in train}:
        rest = [row.label for row in train if row.meta[FOLD] != fold]
        if min(sum(rest), len(rest) - sum(rest)) < FEWEST["train"] // 2:
            raise InputError(
                f"nearly all rows of one label lie in one of {groups} {whose}, so that no model can be fitted without "
                "it; give rows of more groups, or split by a field with more and smaller groups",
                field="--split-by" if split_by else "--data",
            )
