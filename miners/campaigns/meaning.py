"""What a campaign's texts mean, for selections that learn from answers: sentence embeddings, each computed once.

The labelled texts of the queue come again with every round. What a process remembers is lost when it ends; embeddings
are the same whenever they are computed, so a campaign that goes on selects as it would have.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ensemble.artifacts import current_artifact
from ensemble.errors import ArtifactError
from ensemble.text import Text
from miners.constraints import Meaning

_MOST = 20_000
"""Texts remembered; an embedding of 384 numbers takes 1.5 kB."""


class RememberedMeaning:
    """Embeddings of texts, remembered by the text's id.

    Args:
        meaning: embeds texts.
        most: texts to remember; beyond that all are forgotten.
    """

    def __init__(self, meaning: Meaning, most: int = _MOST) -> None:
        self._meaning, self._most = meaning, most
        self._known: dict[str, NDArray[np.float32]] = {}

    def __call__(self, texts: Sequence[Text]) -> NDArray[np.float32]:
        """Embeddings of length 1, shape (len(texts), width); the width of no texts is 0."""
        new = {text.id: text for text in texts if text.id not in self._known}
        if len(self._known) + len(new) > self._most:
            self._known.clear()
            new = {text.id: text for text in texts}
        if new:
            vectors = np.asarray(self._meaning(list(new.values())), dtype=np.float32)
            self._known |= dict(zip(new, vectors, strict=True))
        return np.stack([self._known[text.id] for text in texts]) if texts else np.zeros((0, 0), dtype=np.float32)


def artifact_meaning(task: str) -> RememberedMeaning | None:
    """By the embedder of a task's current artifact; None where this machine has none, and texts are known by words.

    Which of the two it was stands with every item of the queue.

    Args:
        task: name of the task.
    """
    from ensemble.members.meaning import meaning_of  # onnxruntime, which most campaigns need not load

    try:
        meaning = meaning_of(current_artifact(task))
    except ArtifactError:
        return None
    return RememberedMeaning(meaning) if meaning is not None else None
