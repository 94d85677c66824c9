"""What a text means, as a vector: the sentence embedding of the packaged MiniLM, from the keyword member."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ensemble.members.onnx_text import OnnxTextModel
from ensemble.scorer import FloatArray
from ensemble.text import Text

if TYPE_CHECKING:
    from ensemble.artifacts import Artifact

_WIDTH = 384
"""The embedder gives the means of several hidden layers side by side; MiniLM was trained to give the last one."""


class SentenceMeaning:
    """Unit vectors whose cosine says how much alike two texts are in meaning (Reimers and Gurevych 2019).

    Args:
        directory: the embedder's folder in an artifact, `keyword/embedder`.
        threads: CPU threads of a pass.
    """

    def __init__(self, directory: Path, *, threads: int = 1) -> None:
        self._model = OnnxTextModel(directory, threads=threads)

    def __call__(self, texts: Sequence[Text]) -> FloatArray:
        """Embeddings, shape (len(texts), width), each of length 1; the context is not read."""
        if not texts:
            return np.empty((0, _WIDTH))
        vectors = self._model.mean(texts, with_context=False)[:, -_WIDTH:]
        return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12))


def meaning_of(artifact: Artifact, *, threads: int = 1) -> SentenceMeaning | None:
    """The sentence embedder of an artifact, that of its keyword member; None where it has no such member.

    Args:
        artifact: of a task.
        threads: CPU threads of a pass.
    """
    if "keyword" not in artifact.groups:
        return None
    return SentenceMeaning(artifact.path / "keyword" / "embedder", threads=threads)
