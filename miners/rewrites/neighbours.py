"""Which word may stand in which word's place: near in a model's embeddings, and not one that carries the answer.

Counter-fitted vectors, which part synonyms from opposites, are not at hand. What plain embeddings put side by side are
words of one kind ("kitchen", "bathroom"), inflections ("walk", "walked") and opposites ("hot", "cold"). Words of one
kind are welcome where the answer does not hang on them. The rest is kept out by rules: words that the task's lexicon
names, and what lies near them, are neither replaced nor put in; words of grammar and number stay; endings and parts of
speech must agree; opposites, and forms of one word, never replace each other.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache

import lemminflect
import numpy as np
from numpy.typing import NDArray

from miners.rewrites.carriers import directions, kept_out, word_lists

_ENDINGS = ("ing", "ed", "ly", "est", "ness", "s")


def ending(word: str) -> str:
    """What stands in for a part of speech: the inflection that a word seems to carry; empty for none."""
    return next((mark for mark in _ENDINGS if word.endswith(mark) and len(word) > len(mark) + 2), "")


@lru_cache(maxsize=65_536)
def _readings(word: str) -> tuple[frozenset[str], frozenset[str]]:
    """Tags of the Penn Treebank that a word can have by the tables of `lemminflect`, and its lemmas."""
    tags: set[str] = set()
    lemmas: set[str] = set()
    for kind, found in lemminflect.getAllLemmas(word).items():
        lemmas |= set(found)
        for lemma in found:
            forms = lemminflect.getAllInflections(lemma, kind)
            tags |= {tag for tag, spelled in forms.items() if word in spelled}
    return frozenset(tags), frozenset(lemmas)


def _alike(word: str, other: str) -> bool:
    """Whether two words can be one part of speech in one form, and are no forms of one word, as "sang" and "sung"."""
    (tags, lemmas), (others, roots) = _readings(word), _readings(other)
    return bool(tags & others) and not lemmas & roots


class Neighbours:
    """Words near each other, from any table of word vectors.

    Args:
        words: lower-case words, each once.
        vectors: their embeddings, shape (words, width); centred and brought to length 1 here.
        carriers: words on which the answer hangs, as stems.
        likeness: least cosine of a neighbour, -1 to 1.
        distance: cosine with a carrier from which a word is kept out.
    """

    def __init__(
        self,
        words: Sequence[str],
        vectors: NDArray[np.float32],
        *,
        carriers: Collection[str] = (),
        likeness: float = 0.5,
        distance: float = 0.5,
    ) -> None:
        self._vectors = directions(vectors)
        self._words = list(words)
        self._places = {word: place for place, word in enumerate(self._words)}
        self._likeness = likeness
        self._known: dict[str, list[tuple[str, float]]] = {}
        self._opposite = _opposites()
        self._barred = kept_out(self._words, self._vectors, carriers, distance)

    def allowed(self, word: str) -> bool:
        """Whether a word may be replaced, or put in a place."""
        place = self._places.get(word.lower())
        return place is not None and not self._barred[place]

    def of(self, word: str, count: int = 12) -> list[tuple[str, float]]:
        """At most `count` words that may stand in a word's place, with their cosine, the nearest first."""
        lower = word.lower()
        if lower not in self._known:
            self._known[lower] = self._found(lower) if self.allowed(lower) else []
        return [(cased(other, word), cosine) for other, cosine in self._known[lower][:count]]

    def _found(self, word: str) -> list[tuple[str, float]]:
        """All that may stand in a word's place, the nearest first."""
        cosines = self._vectors @ self._vectors[self._places[word]]
        near = np.flatnonzero(cosines >= self._likeness)
        near = near[np.argsort(-cosines[near], kind="stable")]
        return [(self._words[i], float(cosines[i])) for i in near if self._fits(word, int(i))]

    def _fits(self, word: str, place: int) -> bool:
        other = self._words[place]
        related = word.startswith(other[:4]) and abs(len(word) - len(other)) < 4  # "garden", "gardens"
        opposed = other in self._opposite.get(word, ())
        return (
            other != word
            and not self._barred[place]
            and not related
            and not opposed
            and ending(other) == ending(word)
            and _alike(word, other)
            and starts_with_vowel(other) == starts_with_vowel(word)  # "a" and "an" stay right
        )


def cased(word: str, like: str) -> str:
    """A word with the first letter as another has it."""
    return word[:1].upper() + word[1:] if like[:1].isupper() else word


def starts_with_vowel(word: str) -> bool:
    """By its letter."""
    return word[:1].lower() in "aeiou"


def _opposites() -> Mapping[str, frozenset[str]]:
    """Each word that has opposites, with them; groups of words that all exclude each other."""
    found: dict[str, frozenset[str]] = {}
    for group in word_lists()["opposites"]:
        one, other = (side.split(",") for side in group.split("|"))
        for word in one:
            found[word] = found.get(word, frozenset()) | frozenset(other)
        for word in other:
            found[word] = found.get(word, frozenset()) | frozenset(one)
    return found
