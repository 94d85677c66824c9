"""Labelled rows on their way from a file to the fits."""

import pytest
from training_rows import made_up, without, write

from ensemble.errors import InputError
from ensemble.training.gather import gather

LONG = "On the last day of the month the old ferry left the pier of the northern town with forty people and one dog"


@pytest.fixture
def gathered(tmp_path):
    """Gathers rows; keyword arguments go on."""

    def run(rows, **more):
        return gather(write(tmp_path / "rows.jsonl", rows), **more)

    return run


def _row(text, label, **meta):
    return {"text": text, "label": label, "meta": meta}


def test_clean_rows_all_come_through_in_order(gathered):
    """Nothing is left out of rows that are fine, and each knows its group."""
    found = gathered(made_up(60), split_by="doc")
    assert [row.row_id for row in found.rows] == [f"r{i}" for i in range(60)]
    assert [row.meta["group"] for row in found.rows[:4]] == ["d0", "d0", "d1", "d1"]
    assert found.record.read == 60
    assert (found.record.bad, found.record.exact_duplicates, found.record.near_duplicates) == (0, 0, 0)


def test_repeated_texts_count_once(gathered):
    """The same text, or nearly the same, with the same label is kept the first time."""
    again = {**made_up(60)[0], "id": "again"}
    found = gathered([*made_up(60), again, _row(LONG, 1), _row(LONG + " today", 1)])
    assert found.record.exact_duplicates == 1
    assert found.record.near_duplicates == 1
    assert "again" not in {row.row_id for row in found.rows}
    assert [row.text for row in found.rows[-1:]] == [LONG]


def test_a_text_with_both_labels_is_left_out_everywhere_and_told(gathered):
    """Which label is right cannot be known; every place is named."""
    told = []
    rows = made_up(60)
    found = gathered([*rows, {**rows[0], "label": 1}], on_bad=told.append)
    assert found.record.contradictions == 2
    assert "r0" not in {row.row_id for row in found.rows}
    assert [bad.line for bad in told] == [1, 61]
    assert "labelled 0 here and 1 elsewhere" in told[0].message


def test_twins_are_kept_in_one_group(gathered):
    """Nearly the same text with another label teaches most, and no split may part the two."""
    found = gathered([*made_up(60), _row(LONG, 0), _row(LONG + " hurt", 1)])
    assert found.record.twins == 1
    assert found.record.near_duplicates == 0
    one, other = found.rows[-2:]
    assert one.meta["group"] == other.meta["group"]


def test_twins_of_two_groups_are_not_both_kept(gathered):
    """They could stand on both sides of a split."""
    found = gathered([*made_up(60), _row(LONG, 0, doc="x"), _row(LONG + " hurt", 1, doc="y")], split_by="meta.doc")
    assert (found.record.twins, found.record.near_duplicates) == (0, 1)


def test_without_a_field_similar_texts_are_a_group(gathered):
    """So are rows that name the same family; all others are groups of their own."""
    half = "the old ferry left the pier of the northern town"
    rows = [*made_up(60), _row(f"{half} at dawn", 0), _row(f"{half} by night once", 1)]
    rows += [_row("One thing entirely.", 0, family="f"), _row("Something else altogether here.", 1, family="f")]
    found = gathered(rows)
    groups = [row.meta["group"] for row in found.rows]
    assert groups[60] == groups[61]
    assert groups[62] == groups[63]
    assert len(set(groups)) == 62


def test_rows_without_label_or_group_are_told_and_counted(gathered):
    """A row that could stand in any group is not used."""
    told = []
    rows = [*made_up(60), without(made_up(61)[60], ["label"]), without(made_up(62)[61], ["meta"])]
    found = gathered(rows, split_by="doc", on_bad=told.append)
    assert (found.record.unlabelled, found.record.ungrouped, len(found.rows)) == (1, 1, 60)
    assert [bad.line for bad in told] == [61, 62]


def test_the_label_may_stand_in_meta(gathered):
    """A dotted path names it."""
    rows = [{**without(row, ["label"]), "meta": {"strict": {"hurt": row["label"]}}} for row in made_up(60)]
    assert sum(row.label for row in gathered(rows, label="meta.strict.hurt").rows) == 30


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "holds no rows"),
        ([{"text": "a"}], "has no label"),
        ([{**row, "label": "yes"} for row in made_up(60)], "must be 0 or 1"),
        ([{**row, "label": 1} for row in made_up(60)], "all 60 usable rows are labelled 1"),
        (made_up(20), "20 usable rows, 10 labelled 1 and 10 labelled 0 .* at least 20 of each label"),
        ([*made_up(4), *({**row, "label": 1 - row["label"]} for row in made_up(4))], "labelled both 0 and 1"),
    ],
    ids=["empty", "unlabelled", "strings", "one class", "twenty", "all contradict"],
)
def test_rows_that_cannot_train_are_refused_with_the_reason(gathered, rows, message):
    """Each says what is wrong and how much would do."""
    with pytest.raises(InputError, match=message):
        gathered(rows)


def test_labels_that_are_strings_are_told_row_by_row(gathered):
    """The reader names file, line and value."""
    told = []
    with pytest.raises(InputError):
        gathered([{**row, "label": "yes"} for row in made_up(4)], on_bad=told.append)
    assert "rows.jsonl:1: label must be 0, 1 or null, not a string ('yes')" in str(told[0])


def test_a_field_that_no_row_has_is_named(gathered):
    """A slip in the option is not silently another split."""
    with pytest.raises(InputError, match=r"has no meta\.event"):
        gathered(made_up(60), split_by="meta.event")


def test_rows_marked_as_kept_apart_do_not_train(gathered):
    """Nor does anything else of their families, whatever it is labelled or marked; they are counted."""
    marked = [
        _row("He held it over a flame.", 1, mark="hold-out", family="f1"),
        _row("Nobody saw it coming at all.", 0, mark="regression"),
        _row("Rewritten, and of the same family.", 1, family="f1"),
        _row("Not labelled, but it marks its family.", None, mark="regression", family="f2"),
        _row("A child of that one.", 0, mark="train", family="f2"),
        _row("To be trained on by all means.", 1, mark="train", family="f3"),
    ]
    found = gathered([*made_up(60), *marked])
    assert found.record.marked == 4
    assert [row.text for row in found.rows[60:]] == ["To be trained on by all means."]


def test_nothing_but_marked_rows(gathered):
    """It says why there is nothing to train on."""
    with pytest.raises(InputError, match="60 are marked hold-out or regression"):
        gathered([{**row, "meta": {**row["meta"], "mark": "hold-out"}} for row in made_up(60)])
