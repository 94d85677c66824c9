"""A member that adds up words, with gradients, neighbours and a meaning to match."""

from __future__ import annotations

import numpy as np

from ensemble.calibration import Platt
from ensemble.scorer import FloatArray
from ensemble.sensitivity import Sensitivity, word_spans
from ensemble.text import Text
from miners.rewrites.modelled import RewriteModels
from miners.rewrites.neighbours import Neighbours

WORDS = {
    "kitchen": 2.0, "bathroom": 0.5, "cellar": -1.0, "garden": 1.0, "stable": -0.5, "station": 0.8,
    "loudly": 1.0, "noisily": -0.5, "letter": 0.4, "parcel": -0.6, "brother": 0.7, "cousin": -0.4,
    "horse": 0.3, "donkey": -0.7, "street": 0.5, "road": -0.3, "window": 0.6, "door": -0.2,
}  # fmt: skip
GROUPS = (("kitchen", "bathroom", "cellar", "garden", "stable", "station"), ("loudly", "noisily"), ("letter", "parcel"),
          ("brother", "cousin"), ("horse", "donkey"), ("street", "road"), ("window", "door"))  # fmt: skip


class WordSum:
    """Its logit is the sum of its words' weights, so that first order is all there is."""

    calibration = Platt(slope=1.0, intercept=0.0)

    def __init__(self) -> None:
        self.looked: list[str] = []

    def look(self, texts):
        """One pass a text, each noted."""
        self.looked += [text.text for text in texts]
        return [self._seen(text) for text in texts]

    def effects(self, sensitivity, word, candidates) -> FloatArray:
        """Exact changes."""
        old = WORDS.get(sensitivity.words[word].lower(), 0.0)
        return np.array([WORDS.get(other.lower(), 0.0) - old for other in candidates])

    def _seen(self, text: Text) -> Sensitivity:
        spans = word_spans(text.text)
        words = tuple(text.text[slice(*span)] for span in spans)
        weights = np.array([WORDS.get(word.lower(), 0.0) for word in words])
        return Sensitivity(
            text, float(weights.sum()), spans, words, weights, np.zeros((len(words), 1), dtype=np.float32)
        )


def neighbours() -> Neighbours:
    """Words of one group lie together."""
    rows = [np.eye(len(GROUPS))[place] for place, group in enumerate(GROUPS) for _ in group]
    noise = np.random.default_rng(0).normal(scale=0.02, size=(len(rows), len(GROUPS)))
    return Neighbours([word for group in GROUPS for word in group], (np.array(rows) + noise).astype(np.float32))


def meaning(texts) -> FloatArray:
    """How often each letter stands in a text, as a direction."""
    counts = np.array([[1.0 + text.text.lower().count(chr(97 + place)) for place in range(26)] for text in texts])
    return counts / np.linalg.norm(counts, axis=1, keepdims=True)


class Reader:
    """A language model to which shorter words are likelier, and which knows no other words."""

    def log_likelihoods(self, texts):
        """Mean length of a text's words, negative, in tenths."""
        return np.array([-np.mean([len(word) for word in text.split()]) / 10 for text in texts])

    def infill(self, gaps, _seed):
        """Always the same two words."""
        return [[("somewhere", -1.0), ("there", -2.0)] for _ in gaps]

    def paraphrase(self, texts, _seed):
        """What was said, said to be said."""
        return [f"It is told that {text[:1].lower()}{text[1:]}" for text in texts]

    def word_vectors(self, _words):
        """None."""
        return [], np.empty((0, 1), dtype=np.float32)


def models(**changes) -> RewriteModels:
    """Everything that rewrites go by."""
    return RewriteModels(
        **{"guide": WordSum(), "neighbours": neighbours(), "meaning": meaning, "writer": Reader(), **changes}
    )
