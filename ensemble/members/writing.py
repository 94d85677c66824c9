"""What a language model says of how a text reads, and what it would write in a gap or in other words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ensemble.scorer import FloatArray

if TYPE_CHECKING:  # who only passes these functions on, as the service's front does, needs no torch
    from ensemble.members.language_model import LanguageModel

_AFTER_WORDS = 12
"""Words behind a gap that a filling must lead to; what stands further off says little about it."""

_NEXT_WORDS = 4
"""The same for single words, of which many are judged while a person waits."""

_WHOLE = re.compile(r"\x20(?:[^\W\d_]{2,}|[aI])")
"""A token that begins a word; nearly all of those that a model finds likely are whole ones."""

_FEW = (
    ("The old ferry crossed twice a day, and nobody minded.", "Twice a day the ferry went over; people were content."),
    ("She slipped on the icy step and broke her wrist.", "On the icy step her feet went, and her wrist broke."),
    ("Nobody had seen the dog since the storm came in.", "Since the storm came in, there had been no sign of the dog."),
    ("He laughed when the doctor showed him the bill.", "The bill that the doctor showed him made him laugh."),
)  # fmt: skip
_PROMPT = "".join(f"Sentence: {old}\nThe same in other words: {new}\n\n" for old, new in _FEW)


def mean_log_likelihoods(model: LanguageModel, texts: Sequence[str]) -> FloatArray:
    """Mean log-probability a token in nats, shape (len(texts),); exp of its negative is the perplexity.

    A text without tokens has 0.
    """
    found = model.likelihoods("", texts)
    return np.array([tokens.mean() if len(tokens) else 0.0 for tokens in found])


def word_vectors(model: LanguageModel, words: Sequence[str]) -> tuple[list[str], NDArray[np.float16]]:
    """Which of some words the model knows as one token, and their rows of its output layer, shape (known, width).

    Words that the model would say in like places have like rows. Halves are enough for that, and travel twice as fast.
    """
    known = {word: token for word in words if len(tokens := model.tokens(f" {word}")) == 1 for token in tokens}
    return list(known), model.answer_rows(list(known.values())).astype(np.float16)


def infill(
    model: LanguageModel, gaps: Sequence[tuple[str, str, int]], *, samples: int = 6, seed: int = 0
) -> list[list[tuple[str, float]]]:
    """Words for a gap, as the model would write them after what stands before, judged by what stands behind.

    Args:
        model: writes and judges.
        gaps: (left, right, words): the text before and behind each gap, and how many words it may take, at least 1.
        samples: continuations drawn for each gap.
        seed: of the drawing.

    Returns:
        For each gap the fillings (without spaces at the ends) with the mean log-probability a token of filling and what
        follows, the best first; empty where the model wrote no words.
    """
    prompts = [left.rstrip() for left, _, _ in gaps for _ in range(samples)]
    most = max((words for _, _, words in gaps), default=1)
    written = model.generate(prompts, max_new_tokens=2 * most + 2, seed=seed, batch=4 * samples)
    found = []
    for place, (left, right, words) in enumerate(gaps):
        drawn = written[place * samples : (place + 1) * samples]
        found.append(_ranked(model, left, right, sorted({cut for text in drawn for cut in _cuts(text, words)})))
    return found


def likely_next(model: LanguageModel, lefts: Sequence[str], *, count: int = 120) -> list[list[tuple[str, float]]]:
    """Whole words that may follow each text, with their log-probability in nats, the likeliest first.

    Args:
        model: foretells.
        lefts: what stands before; trailing space does not matter.
        count: tokens of the model among which whole words are looked for.
    """
    found = []
    for left, tokens in zip(lefts, model.likely_words([left.rstrip() for left in lefts], count), strict=True):
        pieces = model.spelled([token for token, _ in tokens])
        spaced = pieces if left.strip() else [f" {piece.strip()}" for piece in pieces]
        words = {
            piece.strip(): logs for piece, (_, logs) in zip(spaced, tokens, strict=True) if _WHOLE.fullmatch(piece)
        }
        found.append(list(words.items()))
    return found


def fit(model: LanguageModel, gaps: Sequence[tuple[str, str, Sequence[str]]]) -> list[list[float]]:
    """How well words fit into gaps (left, right, words): for each the mean log-probability a token, in nats.

    It is that of the word and the few words behind the gap; right brings its own leading space.
    """
    found = []
    for left, right, words in gaps:
        scores = dict(_ranked(model, left, right, list(dict.fromkeys(words)), behind=_NEXT_WORDS))
        found.append([scores[word] for word in words])
    return found


def paraphrase(model: LanguageModel, texts: Sequence[str], *, seed: int = 0) -> list[str]:
    """Each text once more in other words, by example; empty where the model wrote nothing on one line."""
    longest = max((len(model.tokens(text)) for text in texts), default=0)
    prompts = [f"{_PROMPT}Sentence: {' '.join(text.split())}\nThe same in other words:" for text in texts]
    written = model.generate(prompts, max_new_tokens=longest + longest // 2, temperature=0.7, seed=seed, stop=("\n",))
    return [text.strip() for text in written]


def _ranked(
    model: LanguageModel, left: str, right: str, fillings: Sequence[str], *, behind: int = _AFTER_WORDS
) -> list[tuple[str, float]]:
    if not fillings:
        return []
    follows = " ".join(right.split(" ")[:behind])
    space = " " if left else ""
    read = model.likelihoods(left.rstrip(), [f"{space}{filling}{follows}" for filling in fillings])
    scores = [float(tokens.mean()) for tokens in read]
    return sorted(zip(fillings, scores, strict=True), key=lambda pair: -pair[1])


def _cuts(text: str, most: int) -> list[str]:
    """The first 1 to `most` words of a continuation, as far as it is plain words on one line."""
    line = re.match(r"\s*((?:[^\W\d_][\w'\u2019-]*[ ]?)+)", text.split("\n", 1)[0])
    words = line.group(1).split() if line else []
    whole = words if line and line.end() < len(text.rstrip()) else words[:-1]  # the last one may be half a word
    return [" ".join(whole[:count]) for count in range(1, min(most, len(whole)) + 1)]
