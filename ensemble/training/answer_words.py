"""Words that a language model might answer beside yes and no.

A small model's yes and no say little by themselves, and what else it would say tells more. The words are chosen without
a look at any label: those that mean nearly what the question and the keywords say, by the model's own output layer, and
those that the model finds likeliest in the answer's place. What each says is fitted afterwards, see `judge_fit`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from ensemble.members.language_model import LanguageModel
from ensemble.members.prompts import Prompt
from ensemble.scorer import FloatArray
from ensemble.tasks.task import Task
from ensemble.text import Text

NEIGHBOURS = 15
LIKELIEST = 100
MOST_RELATED = 200
"""Bounds on what is fitted: a few hundred labelled rows bear a few hundred penalised weights."""

SAMPLED_ROWS = 64

_WORD = re.compile(r"[^\W\d_]{3,}")


def answer_words(model: LanguageModel, prompt: Prompt, task: Task, texts: Sequence[Text]) -> tuple[str, ...]:
    """Up to `MOST_RELATED` + `LIKELIEST` words, leading spaces included, likeliest last.

    Args:
        model: whose words they are.
        prompt: in whose answer's place they would stand.
        task: its question and keywords.
        texts: any of the task; the first `SAMPLED_ROWS` are asked.
    """
    vocabulary = model.words()
    words, ids = list(vocabulary), list(vocabulary.values())
    related = _related(model, words, ids, _said(task))
    suffixes = [prompt.suffix(text) for text in texts[:SAMPLED_ROWS]]
    likely = _likelihood(model.read(prompt.prefix, suffixes, ids).logits)
    likeliest = np.argsort(-likely, kind="stable")[:LIKELIEST].tolist()
    chosen = dict.fromkeys(words[place] for place in (*related, *likeliest))
    return tuple(word for word in chosen if word not in (prompt.yes, prompt.no))


def _said(task: Task) -> list[str]:
    """Content words of the question, then single keywords, in order and once each."""
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    asked = [word for word in _WORD.findall(task.header.question.lower()) if word not in ENGLISH_STOP_WORDS]
    keywords = [pattern.rstrip("*").lower() for group in task.lexicon.groups.values() for pattern in group.patterns]
    return list(dict.fromkeys([*asked, *keywords]))


def _related(model: LanguageModel, words: Sequence[str], ids: Sequence[int], said: Sequence[str]) -> list[int]:
    """Places of the said words and of their nearest neighbours by the cosine of output rows."""
    rows = model.answer_rows(ids)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True) + 1e-9
    place = {word: index for index, word in enumerate(words)}
    found: dict[int, None] = {}
    for word in said:
        at = place.get(f" {word}")
        if at is not None and len(found) < MOST_RELATED:
            found |= dict.fromkeys(np.argsort(-(rows @ rows[at]), kind="stable")[:NEIGHBOURS].tolist())
    return list(found)[:MOST_RELATED]


def _likelihood(logits: FloatArray) -> FloatArray:
    """Mean probability of each word among the words, (texts, words) -> (words,)."""
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray((odds / odds.sum(axis=1, keepdims=True)).mean(axis=0))
