"""Which words the answer of a task hangs on, and which are free: changed, or put in, they leave it as it is.

A rule of thumb and not a proof: the words that the task's lexicon names, those that carry an injury, a denial or a
doubt in any task, and what lies near one of them in a language model's output layer, are kept out, with words of
grammar and number. The rest is free.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ensemble.members.writing import word_vectors
from ensemble.tasks.task import Lexicon

if TYPE_CHECKING:  # it needs torch
    from ensemble.members.language_model import LanguageModel

NEAR = 0.45
"""Cosine with a word that carries the answer from which a word is kept out, among the English words of a language
model's output layer."""

_FILE = "words.json"
_SHORTEST = 3
_PLAIN = re.compile("[a-z]{3,}")


@cache
def word_lists() -> dict[str, list[str]]:
    """Words of grammar and number ("fixed"), stems that carry an answer in any task ("carriers"), "opposites"."""
    found: dict[str, list[str]] = json.loads(files(__package__).joinpath(_FILE).read_bytes())
    return found


def lexicon_words(lexicon: Lexicon | None) -> list[str]:
    """The single words of a lexicon, without their wildcards."""
    groups = lexicon.groups.values() if lexicon else ()
    return [pattern.rstrip("*") for group in groups for pattern in group.patterns if " " not in pattern]


def plain_words(tokenizer: Path) -> list[str]:
    """Plain English words: those that a sentence encoder's tokenizer.json reads as one piece."""
    from ensemble.members.windows import WindowTokenizer

    return sorted(word for word in WindowTokenizer(tokenizer).vocabulary() if _PLAIN.fullmatch(word))


def directions(vectors: NDArray[np.floating]) -> NDArray[np.floating]:
    """Word vectors, centred and brought to length 1; shape (words, width)."""
    centred = vectors - vectors.mean(axis=0)
    found: NDArray[np.floating] = centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-9)
    return found


def kept_out(
    words: Sequence[str], vectors: NDArray[np.floating], carriers: Collection[str], distance: float
) -> NDArray[np.bool_]:
    """Which words are not free: grammar, too short, carriers, and what lies near a carrier.

    Args:
        words: lower-case words, each once.
        vectors: their directions, shape (words, width).
        carriers: the task's words on which the answer hangs, as stems.
        distance: cosine with a carrier from which a word is kept out.

    Returns:
        Shape (words,).
    """
    fixed = set(word_lists()["fixed"])
    stems = tuple({*carriers, *word_lists()["carriers"]})
    barred = np.array([word in fixed or len(word) < _SHORTEST for word in words])
    named = np.array([word.startswith(stems) for word in words]) if stems else np.zeros_like(barred)
    places = {word: place for place, word in enumerate(words)}
    anchors = [places[stem] for stem in stems if stem in places]
    if anchors:
        barred |= (vectors @ vectors[anchors].T).max(axis=1) >= distance
    return np.asarray(barred | named)


def free_words(model: LanguageModel, carriers: Sequence[str]) -> list[str]:
    """The plain English words that are free, by where a language model's output layer puts them; takes seconds.

    Args:
        model: knows where words stand.
        carriers: the task's words on which the answer hangs, as stems; see `lexicon_words`.
    """
    from ensemble.training.bert import minilm_path

    words, vectors = word_vectors(model, plain_words(minilm_path() / "tokenizer.json"))
    barred = kept_out(words, directions(vectors.astype(np.float32)), carriers, NEAR)
    return [word for word, out in zip(words, barred, strict=True) if not out]
