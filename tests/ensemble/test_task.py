"""The packaged task, and what a broken task folder is told."""

import json
from collections import Counter, defaultdict

import pytest

from ensemble.errors import InputError, TaskError
from ensemble.tasks.task import load_task
from ensemble.text import Text, check_text, normalise


@pytest.fixture(scope="module")
def task():
    return load_task("injury")


def test_seed_rows_are_many_and_of_the_wanted_kinds(task):
    """At least 700 rows, 250 of them twins, 100 injuries without a violence word."""
    labels = defaultdict(set)
    for row in task.seed:
        labels[row.family].add(row.label)
    twins = sum(len(found) == 2 for found in labels.values())
    unworded = sum(row.style == "unworded" and row.label == 1 for row in task.seed)
    print(f"{len(task.seed)} rows, {twins} pairs of twins, {unworded} injuries without a violence word")
    assert len(task.seed) >= 700
    assert twins >= 250
    assert unworded >= 100


def test_no_family_straddles_a_split(task):
    """A rewrite of a held-out text must never leak into training."""
    splits = defaultdict(set)
    for row in task.seed:
        splits[row.family].add(row.split)
    assert {len(found) for found in splits.values()} == {1}


def test_no_two_rows_are_alike(task):
    """Neither ids nor texts with their contexts repeat."""
    assert max(Counter(row.id for row in task.seed).values()) == 1
    assert max(Counter(Text(row.text, row.context).id for row in task.seed).values()) == 1


def test_labels_are_balanced_and_severity_follows_them(task):
    """Severity is 0 exactly where nobody is hurt; every split has both labels in like numbers."""
    assert all((row.severity > 0) == (row.label == 1) for row in task.seed)
    for split in ("train", "calibration", "test"):
        labels = [row.label for row in task.rows(split)]
        assert 0.4 < sum(labels) / len(labels) < 0.6


def test_texts_of_the_task_are_complete(task):
    """Guideline, examples, lexicon and openings are all there and parse."""
    assert 900 < len(task.guideline.split()) < 1800
    assert {example.label for example in task.few_shot} == {0, 1}
    assert len(task.lexicon.groups) >= 25
    assert len(task.openings) >= 100


def test_unknown_task_names_the_packaged_ones():
    """The message helps."""
    with pytest.raises(TaskError, match="injury"):
        load_task("no-such-task")


def test_a_broken_folder_names_file_line_and_field(tmp_path):
    """A labeler who edits a task sees which line is off."""
    (tmp_path / "task.json").write_text(json.dumps({"name": "mine", "question": "Is it?"}))
    (tmp_path / "seed.jsonl").write_text('{"id": "1"}\n')
    broken = load_task(tmp_path)
    with pytest.raises(TaskError, match=r"seed.jsonl:1: \w+"):
        _ = broken.seed
    with pytest.raises(TaskError, match=r"guideline\.md"):
        _ = broken.guideline


def test_identity_ignores_spacing_and_unicode_form_but_not_context():
    """The same text typed differently is one item; another context makes it another."""
    assert Text("caf\u00e9  au\nlait").id == Text("cafe\u0301 au lait").id
    assert Text("a", "b").id != Text("a").id
    assert normalise(" A\t b ") == "A b"


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "empty"), (" \n", "empty"), ("x" * 20_001, "20,001"), ("a\0b", "NUL"), ("a\ud800", "surrogate")],
)
def test_texts_that_nobody_can_read_are_refused(text, message):
    """Each with its reason and limit."""
    with pytest.raises(InputError, match=message):
        check_text(text)
