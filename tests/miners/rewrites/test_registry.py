"""Which operators a task gets, and what the README says of them."""

import json
import re

import numpy as np
import pytest
import word_models

from ensemble.errors import TaskError
from ensemble.tasks.task import load_task
from miners.campaigns.sources import proposers_for
from miners.campaigns.spec import CampaignSpec
from miners.rewrites.modelled import WRITTEN
from miners.rewrites.operator import effect_on
from miners.rewrites.registry import operators

KNOWING = {
    "algospeak",
    "denial",
    "distractors",
    "euphemism",
    "figurative",
    "planted",
    "quiet-words",
    "understatement",
    "unreal",
}
"""Operators that must know what the question's yes is."""


@pytest.fixture
def fire(tmp_path):
    """A task of somebody's own, with seed rows and nothing else."""
    folder = tmp_path / "fire"
    folder.mkdir()
    (folder / "task.json").write_text(json.dumps({"name": "fire", "question": "Is anything on fire?"}))
    (folder / "guideline.md").write_text("Yes, if anything burns.")
    rows = [
        {
            "id": f"r{number}",
            "context": "",
            "text": f"Boat number {number} lay at anchor, and its cook was frying {number + 3} herrings for supper.",
            "label": number % 2,
            "severity": 0,
            "harm": "none",
            "style": "none",
            "family": f"f{number}",
            "split": "train",
        }
        for number in range(40)
    ]
    (folder / "seed.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    return folder


def test_the_default_task_gets_every_operator(found):
    """All operators apply to the packaged task."""
    assert set(found) >= KNOWING | {"dilution", "typos", "injection", "splice", "homoglyphs", "genre"}
    assert list(found) == sorted(found)


def test_another_task_gets_those_that_need_not_know_what_yes_is(found, fire):
    """Tables about injuries are not used for a question about fires."""
    assert set(operators(load_task(fire))) == set(found) - KNOWING


def test_a_task_may_bring_tables_of_its_own(fire):
    """A table in the task's folder brings its operator along."""
    (fire / "rewrites").mkdir()
    sentences = [f"The stove number {number} was cold." for number in range(3)]
    (fire / "rewrites" / "distractors.json").write_text(json.dumps({"sentences": sentences}))
    task = load_task(fire)
    made = operators(task)["distractors"].rewrite(task.rows()[0], np.random.default_rng(0))
    assert "was cold." in made[0].text


@pytest.mark.parametrize(
    ("table", "content", "message"),
    [
        ("euphemism", {"entries": [{"pattern": "(", "say": ["x"]}]}, "is no regular expression"),
        ("euphemism", {"entries": []}, "at least 1 item"),
        ("distractors", {"sentences": ["One."]}, "at least 3 items"),
        ("unreal", {"frames": [{"name": "x", "template": "no text"}]}, "must hold one of text, quoted"),
        ("unreal", {"frames": [{"name": "x", "template": "{text} {who}"}]}, "names lists that are not there: who"),
    ],
)
def test_a_table_that_is_off_is_named(fire, table, content, message):
    """A task's own table that cannot be used is an error with its path and the reason."""
    (fire / "rewrites").mkdir()
    (fire / "rewrites" / f"{table}.json").write_text(json.dumps(content))
    with pytest.raises(TaskError, match=rf"{table}\.json(.|\n)*{re.escape(message)}"):
        operators(load_task(fire))


def test_operators_without_enough_rows_are_left_out(fire):
    """A task with few benign rows is neither diluted nor spliced."""
    lines = (fire / "seed.jsonl").read_text().splitlines()
    (fire / "seed.jsonl").write_text("\n".join(lines[:4]))
    assert {"dilution", "splice"} & set(operators(load_task(fire))) == set()


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        ({"rewrite": 0.0}, set()),
        ({"rewrite": 0.0, "rewrite:verse": 1.0}, {"rewrite:verse"}),
        ({"rewrite": 0.0, "rewrite:unreal": 2.0, "rewrite:typos": 1.0}, {"rewrite:unreal", "rewrite:typos"}),
    ],
)
def test_a_campaign_takes_the_operators_that_have_a_share(task, shares, expected):
    """Shares switch operators on and off, all of them or by name."""
    spec = CampaignSpec(task="injury", deployed="encoder", shares={"search": 0.0, **shares})
    assert {proposer.name for proposer in proposers_for(spec, task, None)} == expected


def test_all_operators_take_part_unless_told_otherwise(task, found):
    """Without shares a campaign has a proposer for each operator."""
    spec = CampaignSpec(task="injury", deployed="encoder", shares={"search": 0.0})
    assert {proposer.name for proposer in proposers_for(spec, task, None)} == {f"rewrite:{name}" for name in found}


def test_the_readme_lists_every_operator_with_effect_and_style(root, found):
    """The table of operators in the README is that of the code."""
    lines = re.findall(
        r"^\| `([a-z-]+)` \| ([a-z]+) \| ([a-z]+) \| ([a-z]+) \| \S.*\|$", (root / "README.md").read_text(), re.M
    )
    said = {name: (yes, no, style) for name, yes, no, style in lines}
    every = {**found, **word_models.models().operators(written=WRITTEN)}
    assert said == {
        name: (effect_on(operator, 1), effect_on(operator, 0), operator.style) for name, operator in every.items()
    }
