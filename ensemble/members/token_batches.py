"""Which rows go together in one forward pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np


def token_batches(lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Indices in batches of like length, each at most `budget` tokens with padding (a longer row goes alone)."""
    batch: list[int] = []
    for index in np.argsort(lengths, kind="stable"):
        if batch and lengths[index] * (len(batch) + 1) > budget:
            yield batch
            batch = []
        batch.append(int(index))
    if batch:
        yield batch
