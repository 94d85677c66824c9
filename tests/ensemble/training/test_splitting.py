"""Splits are cut between groups."""

from collections import defaultdict

import pytest
from training_rows import made_up, write

from ensemble.errors import InputError
from ensemble.training.gather import gather
from ensemble.training.splitting import FOLDS, split


@pytest.fixture
def gathered(tmp_path):
    """Gathers rows, by `meta.doc` unless told otherwise."""

    def run(rows, split_by="doc"):
        return gather(write(tmp_path / "rows.jsonl", rows), split_by=split_by)

    return run


def _with_split(rows, name_of):
    return [{**row, "meta": {**row["meta"], "split": name_of(row)}} for row in rows]


def _splits(found):
    return [row.meta["split"] for row in found.rows]


def test_no_group_is_torn_apart_and_sizes_are_near_their_shares(gathered):
    """Uneven groups are dealt so that rows and labels come out near 80 and 20 percent, and near a fifth a fold."""
    rows = made_up(400)
    for number, row in enumerate(rows):
        row["meta"]["doc"] = f"d{int((number // 2) ** 0.6)}"
    found = split(gathered(rows))
    where = defaultdict(set)
    for row in found.rows:
        where[row.meta["group"]].add(row.meta["split"])
    assert {len(names) for names in where.values()} == {1}
    sizes = found.record.splits
    assert sum(size.groups for size in sizes.values()) == len(where)
    for name, share in (("train", 0.8), ("test", 0.2)):
        assert sizes[name].rows == pytest.approx(400 * share, abs=20)
        assert sizes[name].positives == pytest.approx(200 * share, abs=10)
    train = [row for row in found.rows if row.meta["split"] == "train"]
    for fold in range(FOLDS):
        held = [row for row in train if row.meta["fold"] == fold]
        assert len(held) == pytest.approx(len(train) / FOLDS, abs=15)
        assert not {row.meta["group"] for row in held} & {row.meta["group"] for row in train if row not in held}


def test_without_a_test_share_every_row_trains(gathered):
    """Who measures on other rows need not put any aside."""
    found = split(gathered(made_up(200)), test_share=0)
    assert set(_splits(found)) == {"train"}
    assert set(found.record.splits) == {"train"}


@pytest.mark.parametrize("share", [-0.1, 0.6, float("nan")])
def test_a_share_that_is_none_is_refused(gathered, share):
    """Most rows must train."""
    with pytest.raises(InputError, match=r"must be from 0 to 0\.5"):
        split(gathered(made_up(200)), test_share=share)


def test_the_same_seed_gives_the_same_splits_and_another_seed_others(gathered):
    """The fingerprint goes with rows and splits."""
    rows = gathered(made_up(200))
    first, again, other = split(rows, seed=1), split(rows, seed=1), split(rows, seed=2)
    assert _splits(first) == _splits(again)
    assert first.record.fingerprint == again.record.fingerprint
    assert _splits(first) != _splits(other)
    assert first.record.fingerprint != other.record.fingerprint


def test_splits_that_the_rows_bring_are_kept(gathered):
    """Every row names one, no group straddles: nothing is dealt out anew."""
    names = {0: "train", 1: "train", 2: "train", 3: "validation", 4: "test"}
    rows = _with_split(made_up(200), lambda row: names[int(row["meta"]["doc"][1:]) % 5])
    found = split(gathered(rows))
    told = {"validation": "calibration"}
    assert _splits(found) == [told.get(row["meta"]["split"], row["meta"]["split"]) for row in rows]


def test_rows_without_a_calibration_split_get_folds(gathered):
    """A file with train and test alone keeps its test rows, and its train rows calibrate in turn."""
    rows = _with_split(made_up(200), lambda row: "test" if int(row["meta"]["doc"][1:]) % 4 == 0 else "train")
    found = split(gathered(rows))
    assert _splits(found) == [row["meta"]["split"] for row in rows]
    assert [("fold" in row.meta) for row in found.rows] == [row["meta"]["split"] == "train" for row in rows]


def test_a_label_that_one_group_holds_alone_is_refused(gathered):
    """A model fitted without that group would know one label only."""
    rows = made_up(200)
    for row in rows:
        row["meta"]["doc"] = "d0" if row["label"] else row["meta"]["doc"]
    with pytest.raises(InputError, match=r"nearly all rows of one label lie in one"):
        split(gathered(rows), test_share=0)


def test_a_group_that_straddles_given_splits_is_refused(gathered):
    """Its rows would be trained on and tested with."""
    rows = _with_split(made_up(200), lambda row: "test" if int(row["id"][1:]) % 5 == 0 else "train")
    with pytest.raises(InputError, match=r"doc 'd\d+' has rows in (train and in test|test and in train)"):
        split(gathered(rows))


def test_similar_texts_of_two_given_splits_stay_out_of_the_one_trained_on(gathered):
    """Where no field names groups, a train row like a test row is left out and counted."""
    rows = _with_split(made_up(200), lambda row: "test" if int(row["id"][1:]) % 5 == 0 else "train")
    half = "the old ferry left the pier of the northern town"
    for text, name in ((f"{half} at dawn", "test"), (f"{half} by night once", "train")):
        rows.append({"text": text, "label": 1, "meta": {"split": name}})
    found = split(gathered(rows, split_by=None))
    assert found.record.held_back == 1
    assert [row.text for row in found.rows if half in row.text] == [f"{half} at dawn"]


def test_too_few_groups_are_refused_with_their_number(gathered):
    """One document cannot fill two splits."""
    with pytest.raises(InputError, match=r"200 rows in 1 values of doc leave (train|test) with 0 rows"):
        split(gathered(made_up(200, groups=1)))
