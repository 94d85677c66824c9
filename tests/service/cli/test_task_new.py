"""`task new`, and what a task of little behaves like."""

import pytest

from ensemble.errors import TaskError
from ensemble.members.lexicon import LexiconMatcher
from ensemble.members.prompts import task_prompts
from ensemble.tasks.task import load_task
from ensemble.training.prepare import prepare
from miners.campaigns.sources import proposers_for
from miners.campaigns.spec import CampaignSpec


def test_a_new_task_loads_and_explains_itself(hungjury, tmp_path):
    """The folder holds every file that can be filled in, and a README about each; its name comes from the folder."""
    folder = tmp_path / "Fire Drills"
    made = hungjury("task", "new", folder, "--question", "Is anything on fire?", "--json")
    assert made.code == 0
    assert made.json["task"] == "fire-drills"
    task = load_task(folder)
    assert (task.name, task.header.question) == ("fire-drills", "Is anything on fire?")
    assert "Is anything on fire?" in task.guideline
    readme = (folder / "README.md").read_text()
    assert all(f"`{name}`" in readme for name in made.json["files"] if name != "README.md")


def test_the_patterns_in_the_readme_can_be_copied(hungjury, tmp_path):
    """Put into their files, the examples of the README load."""
    hungjury("task", "new", tmp_path / "fire")
    readme = (
        (tmp_path / "fire" / "README.md").read_text().replace("}     (on one line)", "}").replace(",\n       ", ", ")
    )
    patterns = [line.strip() for line in readme.splitlines() if line.startswith(" " * 6)]
    files = ("lexicon.json", "few_shot.jsonl", "judge_prompts.json", "openings.jsonl", "seed.jsonl")
    for name, pattern in zip(files, patterns, strict=True):
        (tmp_path / "fire" / name).write_text(pattern)
    task = load_task(tmp_path / "fire")
    assert task.lexicon.groups["fire"].patterns == ("burn*", "caught fire")
    assert [prompt.item for prompt in task_prompts(task)] == ["Text: {text}\nIs anything on fire?"]
    assert (len(task.few_shot), len(task.openings), len(task.rows("train"))) == (1, 1, 1)


@pytest.mark.parametrize("file", ["lexicon.json", "few_shot.jsonl", "openings.jsonl"])
def test_what_a_task_lacks_is_empty(hungjury, tmp_path, file):
    """A missing file is as good as an empty one."""
    hungjury("task", "new", tmp_path / "fire")
    (tmp_path / "fire" / file).unlink()
    task = load_task(tmp_path / "fire")
    assert (task.lexicon.groups, task.few_shot, task.openings, task.rows()) == ({}, (), (), [])
    assert LexiconMatcher(task.lexicon).counts(["one", "two"]).shape == (2, 0)
    assert [len(prompt.shots) for prompt in task_prompts(task)] == [0, 0, 0, 0]


def test_a_task_without_rows_is_mined_from_inputs_alone(hungjury, tmp_path):
    """Nothing is continued or rewritten, and the corpus is read."""
    hungjury("task", "new", tmp_path / "fire")
    (tmp_path / "texts.txt").write_text("One text.\nAnother text.\n")
    spec = CampaignSpec(task="fire", deployed="keyword", inputs=(str(tmp_path / "texts.txt"),))
    found = proposers_for(spec, load_task(tmp_path / "fire"), lambda prompts, _: list(prompts))
    assert [proposer.name.split(":")[0] for proposer in found] == ["corpus"]


def test_a_task_without_rows_cannot_be_prepared_and_says_how_to_train(hungjury, tmp_path):
    """There is nothing to fit on."""
    hungjury("task", "new", tmp_path / "fire")
    with pytest.raises(TaskError, match=r"no labelled seed rows.*hungjury train"):
        prepare(load_task(tmp_path / "fire"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["full"], "is not empty"),
        (["new", "--name", "injury"], "is a task of the package"),
        (["new", "--name", "Über"], "lower-case letters"),
        (["full/file"], "cannot write"),
    ],
    ids=["not empty", "packaged", "bad name", "no folder"],
)
def test_a_skeleton_that_cannot_be_written_is_an_error_of_one_line(hungjury, tmp_path, arguments, message):
    """Nothing of a person's is overwritten."""
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("mine")
    told = hungjury("task", "new", tmp_path / arguments[0], *arguments[1:])
    assert told.code == 2
    assert message in told.err
    assert told.err.count("\n") == 1
    assert (tmp_path / "full" / "file").read_text() == "mine"
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["file"]
