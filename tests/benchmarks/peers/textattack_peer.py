"""Runs TextAttack's recipes in an environment of its own, against a member that the other side of the pipe holds.

First line read: {"recipe", "guarded", "seeds": [text, ...], "embeddings": path}. Then lines are written and answered:
{"score": [texts]} -> [P(yes), ...]; {"effects": text, "words": [[word, [others]], ...]} -> [[change, ...], ...] (one
gradient pass); {"check": [parent, [texts]]} -> [bool, ...]. {"made": text or null} tells what became of a seed and is
not answered. P(yes) is given so that 0.5 is the member's threshold.
"""

import json
import logging
import os
import sys
import tempfile
from pathlib import Path

_FOLDER = Path(tempfile.mkdtemp())
os.environ |= {"TA_CACHE_DIR": str(_FOLDER), "NLTK_DATA": str(_FOLDER / "nltk"), "HF_HUB_OFFLINE": "1"}
(_FOLDER / "post_install_check_3").touch()  # else it tries to download at import

import numpy as np  # noqa: E402 - after the environment that it reads
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS  # noqa: E402 - as above

_STOPWORDS = _FOLDER / "nltk" / "corpora" / "stopwords" / "english"  # NLTK's own list is a download
_STOPWORDS.parent.mkdir(parents=True)
_STOPWORDS.write_text("\n".join(sorted(ENGLISH_STOP_WORDS)) + "\n")

from textattack import Attack  # noqa: E402 - as above
from textattack.attack_recipes import DeepWordBugGao2018  # noqa: E402 - as above
from textattack.attack_results import SuccessfulAttackResult  # noqa: E402 - as above
from textattack.constraints import Constraint  # noqa: E402 - as above
from textattack.constraints.overlap import MaxWordsPerturbed  # noqa: E402 - as above
from textattack.constraints.pre_transformation import RepeatModification, StopwordModification  # noqa: E402 - as above
from textattack.constraints.semantics import WordEmbeddingDistance  # noqa: E402 - as above
from textattack.goal_functions import UntargetedClassification  # noqa: E402 - as above
from textattack.models.wrappers import ModelWrapper  # noqa: E402 - as above
from textattack.search_methods import BeamSearch, GreedyWordSwapWIR  # noqa: E402 - as above
from textattack.shared import WordEmbedding  # noqa: E402 - as above
from textattack.transformations import WordSwap, WordSwapEmbedding  # noqa: E402 - as above

CANDIDATES = 20
"""Neighbours of a word, as TextFooler takes (up to 50 there)."""

LIKENESS = 0.5
"""Least cosine of a neighbour, as TextFooler has it."""


def ask(**question):
    """The other side's answer."""
    print(json.dumps(question), file=_OUT, flush=True)
    return json.loads(sys.stdin.readline())


class Asked(ModelWrapper):
    """The member."""

    def __init__(self):
        self.model = None

    def __call__(self, texts):
        yes = np.array(ask(score=list(texts)))
        return np.stack([1 - yes, yes], axis=1)


class Kept(Constraint):
    """The other side's constraints, asked about all candidates at once."""

    def __init__(self):
        super().__init__(compare_against_original=True)

    def _check_constraint_many(self, transformed_texts, reference_text):
        passes = ask(check=[reference_text.text, [one.text for one in transformed_texts]])
        return [one for one, kept in zip(transformed_texts, passes, strict=True) if kept]

    def _check_constraint(self, transformed_text, reference_text):
        return bool(self._check_constraint_many([transformed_text], reference_text))


class FlipByGradient(WordSwap):
    """HotFlip's choice among a word's neighbours: the swaps that should raise the loss most, to first order."""

    def __init__(self, embedding):
        super().__init__()
        self._near = WordSwapEmbedding(max_candidates=CANDIDATES, embedding=embedding)

    def _get_transformations(self, current_text, indices_to_modify):
        places = [(i, current_text.words[i]) for i in sorted(indices_to_modify)]
        asked = [(i, word, found) for i, word in places if (found := self._near._get_replacement_words(word))]
        if not asked:
            return []
        changes = ask(effects=current_text.text, words=[[word, found] for _, word, found in asked])
        swaps = sorted(
            (change, i, other)
            for (i, _, found), row in zip(asked, changes, strict=True)
            for change, other in zip(row, found, strict=True)
        )
        return [current_text.replace_word_at_index(i, other) for _, i, other in swaps[:CANDIDATES]]


def local_embedding(path):
    """Word vectors out of a file with `words` and `vectors`.

    With every word's nearest others by cosine, itself first: computing them when asked fails in TextAttack 0.3.11.
    """
    table = np.load(path, allow_pickle=False)
    words = [str(word) for word in table["words"]]
    places = {word: place for place, word in enumerate(words)}
    unit = table["vectors"] / np.linalg.norm(table["vectors"], axis=1, keepdims=True).clip(1e-9)
    near = [row for start in range(0, len(unit), 512) for row in _nearest(unit, start, start + 512)]
    return WordEmbedding(table["vectors"], places, dict(enumerate(words)), nn_matrix=np.array(near))


def _nearest(unit, start, end):
    """The words nearest to some, with themselves in front: (words, CANDIDATES + 1)."""
    likeness = unit[start:end] @ unit.T
    likeness[np.arange(len(likeness)), np.arange(start, start + len(likeness))] = np.inf
    best = np.argpartition(-likeness, CANDIDATES, axis=1)[:, : CANDIDATES + 1]
    order = np.argsort(-np.take_along_axis(likeness, best, axis=1), axis=1)
    return np.take_along_axis(best, order, axis=1)


def attack(recipe, embeddings):
    """One of the recipes on the asked member."""
    wrapper = Asked()
    if recipe == "deepwordbug":
        return DeepWordBugGao2018.build(wrapper)
    embedding = local_embedding(embeddings)
    near = WordEmbeddingDistance(embedding=embedding, min_cos_sim=LIKENESS)
    kept = [RepeatModification(), StopwordModification(), near]
    goal = UntargetedClassification(wrapper)
    if recipe == "hotflip-local":
        return Attack(goal, [*kept, MaxWordsPerturbed(max_num_words=4)], FlipByGradient(embedding), BeamSearch(10))
    swap = WordSwapEmbedding(max_candidates=CANDIDATES, embedding=embedding)
    return Attack(goal, kept, swap, GreedyWordSwapWIR(wir_method="delete"))


def main():
    """Attacks every seed in turn."""
    task = json.loads(sys.stdin.readline())
    running = attack(task["recipe"], task["embeddings"])
    if task["guarded"]:
        running.constraints.append(Kept())
    for text in task["seeds"]:
        result = running.attack(text, 1)
        made = result.perturbed_result.attacked_text.text if isinstance(result, SuccessfulAttackResult) else None
        print(json.dumps({"made": made}), file=_OUT, flush=True)


if __name__ == "__main__":
    _OUT, sys.stdout = sys.stdout, sys.stderr  # whatever a library prints must not stand between the answers
    logging.disable(logging.WARNING)
    main()
