"""Cutting rows into train, calibration and test between groups, never through one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast

import numpy as np

from ensemble.errors import InputError
from ensemble.members.hashing import version_of
from ensemble.tasks.task import Split
from ensemble.text import LabelledText
from ensemble.training.gather import Gathered
from ensemble.training_record import SplitSize

SHARES: Mapping[Split, float] = {"train": 0.6, "calibration": 0.2, "test": 0.2}

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


def split(gathered: Gathered, *, seed: int = 0) -> Gathered:
    """The same rows with meta["split"], and sizes and fingerprint on record.

    Where every row brings a `split` of its own (train, calibration or validation, test), that is kept, and splits that
    the file lacks are cut from its train rows. Otherwise groups are dealt out so that rows and labels come near
    `SHARES`: the same rows and seed always give the same splits.

    Raises:
        InputError: a group straddles the splits given, or there are too few groups to fill every split.
    """
    rows, record = gathered.rows, gathered.record
    names = [_GIVEN.get(str(row.meta.get("split")).lower()) for row in rows]
    if any(name is None for name in names) or "train" not in names:
        chosen = _dealt(rows, SHARES, seed)
        kept = list(rows)
    else:
        given = cast("list[Split]", names)
        kept, chosen = _as_given(rows, given, record.split_by, seed)
    done = tuple(replace(row, meta={**row.meta, "split": name}) for row, name in zip(kept, chosen, strict=True))
    sizes = {name: _size([row for row in done if row.meta["split"] == name]) for name in SHARES}
    _check(sizes, done, record.split_by)
    parts = [[row.id, row.label, row.meta["group"], row.meta["split"]] for row in done]
    update = {"splits": sizes, "fingerprint": version_of(parts), "held_back": len(rows) - len(kept)}
    return Gathered(done, record.model_copy(update=update))


def _dealt(rows: Sequence[LabelledText], shares: Mapping[Split, float], seed: int) -> list[Split]:
    """A split for every row. Groups, the largest first, go where rows and labels then come nearest to the shares."""
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
    rows: Sequence[LabelledText], given: Sequence[Split], split_by: str | None, seed: int
) -> tuple[list[LabelledText], list[Split]]:
    """Rows kept, and their splits: as the file says, splits that it lacks cut from its train rows."""
    strictest: dict[str, Split] = {}
    for row, name in zip(rows, given, strict=True):
        before = strictest.setdefault(row.meta["group"], name)
        if before != name and split_by is not None:
            message = f"{split_by} {row.meta['group']!r} has rows in {before} and in {name} (`split` of the rows)"
            raise InputError(f"{message}; put each group into one split, or leave `split` out", field="--split-by")
        strictest[row.meta["group"]] = max(before, name, key=_HELD_OUT.__getitem__)
    kept = [(row, name) for row, name in zip(rows, given, strict=True) if strictest[row.meta["group"]] == name]
    shares = {name: share for name, share in SHARES.items() if name == "train" or name not in given}
    train = [row for row, name in kept if name == "train"]
    dealt = iter(_dealt(train, {name: share / sum(shares.values()) for name, share in shares.items()}, seed))
    return [row for row, _ in kept], [next(dealt) if name == "train" else name for _, name in kept]


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
