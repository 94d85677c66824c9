"""Which rows `evaluate` measures on."""

import json

import pytest
import typer

from service.cli.evaluate import _labelled

ROWS = [
    {"text": "He fell.", "label": 1, "meta": {"strict": {"injury": 0}}},
    {"text": "She sang.", "label": 0, "meta": {"strict": {"injury": 1}}},
    {"text": "It rained.", "label": 0},
    {"text": "It snowed.", "label": 1, "meta": {"strict": {"injury": "yes"}}},
    {"text": "It froze."},
]


@pytest.fixture
def data(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in ROWS))
    return str(path)


def test_rows_without_a_label_are_told_and_left_out(data, capsys):
    """The last row has none."""
    assert [row.label for row in _labelled(data, "label")] == [1, 0, 0, 1]
    assert "rows.jsonl:5: has no label" in capsys.readouterr().err


def test_the_label_may_stand_in_another_field(data, capsys):
    """A dotted path names it, with or without `meta.`; what is neither 0 nor 1 is told."""
    assert [row.label for row in _labelled(data, "meta.strict.injury")] == [0, 1]
    assert [row.label for row in _labelled(data, "strict.injury")] == [0, 1]
    told = capsys.readouterr().err
    assert "rows.jsonl:4: meta.strict.injury must be 0 or 1, not 'yes'" in told
    assert "rows.jsonl:5: has no meta.strict.injury" in told


def test_no_labelled_row_ends_with_exit_1(data):
    """There is nothing to measure."""
    with pytest.raises(typer.Exit) as ended:
        _labelled(data, "meta.missing")
    assert ended.value.exit_code == 1
