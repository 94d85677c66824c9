"""The signature of everything that decides which texts people label next, and what it is given to decide by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

FloatArray: TypeAlias = NDArray[np.float64]
IntArray: TypeAlias = NDArray[np.intp]


@dataclass(frozen=True)
class Pool:
    """n texts to choose from.

    Attributes:
        probabilities: P(yes), shape (n, members), in [0, 1]; nan where a member did not answer.
        members: names of the columns.
        deployed: name of the member whose failures are hunted.
        thresholds: P(yes) from which each member votes yes, shape (members,).
        posterior: the panel's P(yes), shape (n,), in [0, 1].
        features: what else is known of the texts, such as an embedding, shape (n, d); d may be 0.
        origins: where each text comes from (source, operators), length n; empty = all from the same.
    """

    probabilities: FloatArray
    members: tuple[str, ...]
    deployed: str
    thresholds: FloatArray
    posterior: FloatArray
    features: NDArray[np.float32]
    origins: Sequence[str] = ()


@dataclass(frozen=True)
class Answered:
    """What people have said of texts of the pool so far, in the order of their answers.

    Attributes:
        indices: places in the pool, shape (m,); a text that was answered twice stands there twice.
        labels: 1 = yes, 0 = no, nan = could not say, shape (m,).
        severity: 0 to 4, nan where not given, shape (m,).
        waiting: places in the pool of answered texts for which further answers are wanted already.
    """

    indices: IntArray = field(default_factory=lambda: np.empty(0, dtype=np.intp))
    labels: FloatArray = field(default_factory=lambda: np.empty(0))
    severity: FloatArray = field(default_factory=lambda: np.empty(0))
    waiting: IntArray = field(default_factory=lambda: np.empty(0, dtype=np.intp))


@dataclass(frozen=True)
class Choice:
    """The texts chosen for the next labels, most wanted first.

    Attributes:
        indices: places in the pool, shape (k,).
        probabilities: probability in (0, 1] with which each was chosen out of those that were left, shape (k,), given
            all answers before; 1 for rules that leave nothing to chance, from whose answers no rate can be told, and
            for second votes. `miners.acquisition` says how a rate is told from them.
        values: what each was worth when it was chosen, higher is more, shape (k,).
    """

    indices: IntArray
    probabilities: FloatArray
    values: FloatArray


class Strategy(Protocol):
    """Decides which texts are labelled next. It holds no state: all that it knows are pool and answers."""

    @property
    def name(self) -> str:
        """As on the command line, words joined by hyphens."""

    @property
    def learns(self) -> bool:
        """Whether answers change what it chooses; one that does not may be asked for all its texts at once."""

    def choose(self, pool: Pool, answered: Answered, count: int, rng: np.random.Generator) -> Choice:
        """At most `count` texts, none of them answered before unless a second vote is worth more; ties at random."""
