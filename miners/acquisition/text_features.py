"""Features of texts without any model: hashed words and pairs of words, weighted and projected to a few dimensions.

Latent semantic analysis (Deerwester and others 1990) over a hashed vocabulary. Fitted on the pool itself, without
labels, so nothing about the answers enters. A trained model's embedding says more; this needs nothing but the words.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

DIMENSIONS = 128
"""Columns at most."""

_BUCKETS = 1 << 17
_FITTED_ON = 20_000
_CHUNK = 20_000


def text_features(texts: Sequence[str], *, seed: int = 0, dimensions: int = DIMENSIONS) -> NDArray[np.float32]:
    """Features, shape (len(texts), d), rows of length 1 (0 where a text has no word); d is smaller for few texts.

    Args:
        texts: n texts.
        seed: of the projection and of the sample that it is fitted on, at most 20,000 texts.
        dimensions: d, at most.
    """
    from scipy.sparse import csr_matrix, vstack
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer

    words = HashingVectorizer(n_features=_BUCKETS, alternate_sign=False, norm=None, ngram_range=(1, 2))
    counts = vstack(
        [csr_matrix(words.transform(texts[i : i + _CHUNK])) for i in range(0, len(texts), _CHUNK)], format="csr"
    )
    some = np.random.default_rng(seed).permutation(len(texts))[:_FITTED_ON]
    width = min(dimensions, len(some) - 1)
    if width < 1 or not counts.nnz:
        return np.zeros((len(texts), 0), dtype=np.float32)
    weighted = TfidfTransformer(sublinear_tf=True).fit(counts[some])
    projection = TruncatedSVD(width, random_state=seed, n_iter=3).fit(weighted.transform(counts[some]))
    features = np.vstack(
        [
            projection.transform(weighted.transform(counts[i : i + _CHUNK])).astype(np.float32)
            for i in range(0, len(texts), _CHUNK)
        ]
    )
    length = np.linalg.norm(features, axis=1, keepdims=True)
    return np.asarray(features / np.where(length > 0, length, 1), dtype=np.float32)
