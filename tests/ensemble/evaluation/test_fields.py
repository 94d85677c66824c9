"""Finding fields, and naming the slices that a row belongs to."""

import pytest

from ensemble.errors import InputError
from ensemble.evaluation.fields import look_up, slice_names


def test_paths_with_and_without_meta():
    """Both find nested fields; a key that holds the dot itself comes first; what is not there is None."""
    meta = {"event": "flood", "strict": {"injury": 1}, "a.b": "dotted", "a": {"b": "nested"}}
    assert look_up(meta, "event") == look_up(meta, "meta.event") == "flood"
    assert look_up(meta, "strict.injury") == 1
    assert look_up(meta, "a.b") == "dotted"
    assert look_up(meta, "event.deeper") is None
    assert look_up({}, "event") is None


def test_values_of_all_kinds_have_names():
    """Numbers, truth values and texts, side by side."""
    metas = [{"x": "a"}, {"x": 1}, {"x": True}, {"x": 0.5}, {"x": 0}]
    assert slice_names(metas, "x") == [("a",), ("1",), ("true",), ("0.5",), ("0",)]


def test_rows_without_the_field_belong_to_none():
    """Missing, null, empty and nan alike."""
    metas = [{"x": "a"}, {}, {"x": None}, {"x": ""}, {"x": float("nan")}, {"x": []}]
    assert slice_names(metas, "x") == [("a",), (), (), (), (), ()]


def test_a_list_puts_a_row_into_several_slices_once_each():
    """A value that comes twice counts once."""
    assert slice_names([{"x": ["a", "b", "a"]}, {"x": ["b", None]}], "x") == [("a", "b"), ("b",)]


def test_many_numbers_become_bands():
    """A hundred years in four bands of 25, named by what lies in them."""
    names = slice_names([{"year": 1900 + i} for i in range(100)], "year")
    assert sorted({name for (name,) in names}) == ["1900 to 1924", "1925 to 1949", "1950 to 1974", "1975 to 1999"]
    assert names[24] == ("1900 to 1924",)
    assert names[25] == ("1925 to 1949",)


def test_bands_of_mostly_one_number_do_not_overlap():
    """Where one value fills several bands there are fewer of them."""
    names = slice_names([{"hits": 0}] * 90 + [{"hits": i} for i in range(1, 41)], "hits")
    assert names[0] == ("0 to 0",)
    assert len({name for (name,) in names}) == 3


def test_few_numbers_stay_themselves():
    """A scale from 0 to 4 has five values."""
    assert slice_names([{"s": 0}, {"s": 4}], "s") == [("0",), ("4",)]


def test_a_field_that_no_row_has_is_refused_with_those_there_are():
    """A typo costs no scoring."""
    with pytest.raises(InputError, match="event, source"):
        slice_names([{"event": 1}, {"source": 2}], "evnt")
    with pytest.raises(InputError, match="no fields beside"):
        slice_names([{}], "event")


def test_a_field_that_holds_objects_is_refused_with_what_is_inside():
    """The fields within can be named."""
    with pytest.raises(InputError, match=r"ratings\.ann"):
        slice_names([{"ratings": {"ann": 1, "ben": 0}}], "ratings")
