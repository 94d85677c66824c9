"""What rewrites ask of a language model, and the one that the running service has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ensemble.members import writing
from ensemble.scorer import FloatArray
from miners.rewrites.infill import Gap

if TYPE_CHECKING:  # it needs torch, which a miner that asks the service does without
    from ensemble.members.language_model import LanguageModel

_WORDS_AT_ONCE = 4_000
"""Words asked about in one call: 5 MB of vectors for a small model."""


class Writer(Protocol):
    """A language model that reads, rewrites and compares words."""

    def log_likelihoods(self, texts: Sequence[str]) -> FloatArray:
        """Mean log-probability a token in nats, shape (len(texts),)."""

    def infill(self, gaps: Sequence[Gap], seed: int) -> list[list[tuple[str, float]]]:
        """Fillings of each gap with their log-probability, the best first."""

    def paraphrase(self, texts: Sequence[str], seed: int) -> list[str]:
        """Each text in other words, perhaps empty."""

    def word_vectors(self, words: Sequence[str]) -> tuple[list[str], NDArray[np.float32]]:
        """Which of the words it knows, and where they stand, shape (known, width)."""


class ModelWriter:
    """A language model in this process, for notebooks and benchmarks."""

    def __init__(self, model: LanguageModel) -> None:
        """Takes the loaded model."""
        self._model = model

    def log_likelihoods(self, texts: Sequence[str]) -> FloatArray:
        """See `Writer`."""
        return writing.mean_log_likelihoods(self._model, texts)

    def infill(self, gaps: Sequence[Gap], seed: int) -> list[list[tuple[str, float]]]:
        """See `Writer`."""
        return writing.infill(self._model, gaps, seed=seed)

    def paraphrase(self, texts: Sequence[str], seed: int) -> list[str]:
        """See `Writer`."""
        return writing.paraphrase(self._model, texts, seed=seed)

    def word_vectors(self, words: Sequence[str]) -> tuple[list[str], NDArray[np.float32]]:
        """See `Writer`."""
        known, vectors = writing.word_vectors(self._model, words)
        return known, vectors.astype(np.float32)


class ServiceWriter:
    """The language model behind the Serve application."""

    def __init__(self, call: Callable[[Callable[[Any], Any]], Any]) -> None:
        """Takes what calls the application by its handle, and waits for the answer."""
        self._call = call

    def log_likelihoods(self, texts: Sequence[str]) -> FloatArray:
        """See `Writer`."""
        return np.array(self._call(lambda app: app.log_likelihoods.remote(list(texts))), dtype=np.float64)

    def infill(self, gaps: Sequence[Gap], seed: int) -> list[list[tuple[str, float]]]:
        """See `Writer`."""
        found: list[list[tuple[str, float]]] = self._call(lambda app: app.infill.remote(list(gaps), seed))
        return found

    def paraphrase(self, texts: Sequence[str], seed: int) -> list[str]:
        """See `Writer`."""
        found: list[str] = self._call(lambda app: app.paraphrase.remote(list(texts), seed))
        return found

    def word_vectors(self, words: Sequence[str]) -> tuple[list[str], NDArray[np.float32]]:
        """See `Writer`."""
        known: list[str] = []
        parts: list[NDArray[np.float32]] = []
        for start in range(0, len(words), _WORDS_AT_ONCE):
            found, vectors = self._call(partial(_asked_vectors, words=list(words[start : start + _WORDS_AT_ONCE])))
            known += found
            parts.append(vectors.astype(np.float32))
        return known, np.concatenate(parts)


def _asked_vectors(app: Any, words: list[str]) -> Any:
    return app.word_vectors.remote(words)
