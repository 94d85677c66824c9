"""What a rewrite must keep to before a verdict is spent on it, and the two rules that need no model."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ensemble.near_duplicates import shingles
from ensemble.scorer import FloatArray
from ensemble.text import Text
from miners.proposer import Cost


class Checked(NamedTuple):
    """What a constraint says of n texts.

    Attributes:
        keep: False = dropped, shape (n,).
        numbers: what it measured, by name, each of shape (n,); kept with the text.
    """

    keep: NDArray[np.bool_]
    numbers: dict[str, FloatArray]


class Constraint(Protocol):
    """Judges rewrites beside the original text that their chain began with, so that nothing creeps over a chain.

    Deterministic, and independent of what else is in the list.
    """

    @property
    def name(self) -> str:
        """One word, for people."""

    def check(
        self, parents: Sequence[Text], texts: Sequence[Text]
    ) -> Checked | tuple[NDArray[np.bool_], dict[str, FloatArray]]:
        """Which texts to keep; `parents[i]` is the original of `texts[i]`."""


@runtime_checkable
class Spares(Protocol):
    """A constraint that says nothing of some rewrites.

    What is spelt so that machines stumble, and people do not, neither reads fluently to a language model nor means to
    an embedder what it means: those numbers say nothing of it.
    """

    def spares(self, operators: Sequence[str]) -> bool:
        """Whether a text that these operators made is not for it to judge."""


class Measure(Protocol):
    """What one pair of texts was found to be."""

    @property
    def passes(self) -> bool:
        """Whether it keeps to all limits."""

    @property
    def meaning(self) -> float | None:
        """Cosine of the sentence embeddings, -1 to 1; None where it was not measured."""

    @property
    def perplexity_ratio(self) -> float | None:
        """Perplexity a token, of the original's; above 0; None as above."""


class Measured:
    """Fluency and drift of meaning, by whatever measures pairs of texts.

    Attributes:
        name: see `Constraint`.
    """

    def __init__(
        self,
        check: Callable[[Sequence[tuple[Text, Text]]], Sequence[Measure]],
        *,
        name: str = "measured",
        take_read: Callable[[], int] = lambda: 0,
        spared: Collection[str] = (),
        only: Collection[str] | None = None,
    ) -> None:
        """Takes what measures.

        Args:
            check: measures (original, rewrite) pairs, in order.
            name: for people; one of a kind among the constraints of a search.
            take_read: texts that a language model read for it since the last call.
            spared: operators whose texts pass unmeasured, see `Spares`.
            only: operators of which one must have had a hand in a text that is measured; None = any.
        """
        self.name = name
        self._check, self._take_read = check, take_read
        self._spared, self._only = frozenset(spared), None if only is None else frozenset(only)

    def spares(self, operators: Sequence[str]) -> bool:
        """See `Spares`."""
        untouched = self._only is not None and self._only.isdisjoint(operators)
        return untouched or not self._spared.isdisjoint(operators)

    def take_cost(self) -> Cost:
        """Texts that a language model read since the last call."""
        return Cost(model_texts=self._take_read())

    def check(self, parents: Sequence[Text], texts: Sequence[Text]) -> Checked:
        """Keeps what passes, with its meaning and perplexity ratio; nan where one was not measured."""
        found = self._check(list(zip(parents, texts, strict=True)))
        numbers = {
            "meaning": [one.meaning for one in found],
            "perplexity_ratio": [one.perplexity_ratio for one in found],
        }
        return Checked(
            np.array([one.passes for one in found], dtype=np.bool_),
            {name: np.array(values, dtype=np.float64) for name, values in numbers.items()},  # None becomes nan
        )


class Length:
    """A rewrite may not be longer than a person reads in a minute, nor lose most of the text."""

    name = "length"

    def __init__(self, *, most: int = 1_500, least: float = 0.5) -> None:
        """Takes the most characters, and the least share of the original's words, in [0, 1]."""
        self._most, self._least = most, least

    def check(self, parents: Sequence[Text], texts: Sequence[Text]) -> Checked:
        """Drops what is too long, or has too few words for its original."""
        shares = [
            len(text.text.split()) / max(1, len(parent.text.split()))
            for parent, text in zip(parents, texts, strict=True)
        ]
        short = np.array([len(text.text) <= self._most for text in texts], dtype=np.bool_)
        grown = np.array(shares, dtype=np.float64)
        return Checked(short & (grown >= self._least), {})


def similarity(first: Text, second: Text) -> float:
    """Jaccard similarity of the word triples of two texts, in [0, 1], as `ensemble.near_duplicates` has it; exact."""
    a, b = set(shingles(first.text)), set(shingles(second.text))
    return len(a & b) / len(a | b)
