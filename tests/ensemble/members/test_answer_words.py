"""Words that a model might answer are chosen without labels."""

import json

import pytest

from ensemble.members.prompts import general_prompts
from ensemble.tasks.task import load_task
from ensemble.text import Text
from ensemble.training.answer_words import LIKELIEST, MOST_RELATED, answer_words

TEXTS = [Text(f"he broke his arm in the well {i}") for i in range(5)]


@pytest.fixture
def task(tmp_path):
    """A question and keywords that the tiny model's vocabulary holds."""
    header = {"name": "t", "question": "Is anybody injured?"}
    (tmp_path / "task.json").write_text(json.dumps(header))
    groups = {"groups": {"breaks": {"patterns": ["broke*"]}}}
    (tmp_path / "lexicon.json").write_text(json.dumps(groups))
    return load_task(tmp_path)


def test_words_are_single_tokens_and_not_yes_or_no_again(tiny, task):
    """Each word has a logit of its own; yes and no are there already."""
    prompt = general_prompts(task.header.question, ())[0].model_copy(update={"yes": " injured", "no": " safe"})
    words = answer_words(tiny, prompt, task, TEXTS)
    assert words
    assert len(set(words)) == len(words) <= LIKELIEST + MOST_RELATED
    assert not {prompt.yes, prompt.no} & set(words)
    assert all(len(tiny.tokens(word)) == 1 for word in words)


def test_the_keywords_are_among_them(tiny, task):
    """What the task's own files say comes first."""
    prompt = general_prompts(task.header.question, ())[0]
    assert " broke" in answer_words(tiny, prompt, task, TEXTS)
