"""From what texts are worth to the probability with which each is drawn, and the draw itself.

Four shares make up each text's probability: most places go steeply to the highest values; some in proportion to the
square root of the value, the design under which an estimated count varies least if the values are right (Neyman 1934;
Farquhar and others 2021, proposition 4); some evenly to all texts that are left; and some evenly to texts on which all
members agree that nothing is wrong, among the calmer half of these. The probabilities are those of inclusion in this
batch, given all answers before it; they are exact, sum to the size of the batch, and none is 0. The batch is drawn
systematically along an order of likeness, so that neighbours seldom come together (spatially balanced sampling; Stevens
and Olsen 2004, JASA 99), which changes no probability.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from miners.acquisition.settings import AdaptiveSettings
from miners.acquisition.strategy import FloatArray, IntArray, Pool
from miners.selection import inclusion_probabilities, systematic

_SMALLEST = 1e-12
_BITS = 20


def probabilities(values: FloatArray, agreed: NDArray[np.bool_], places: int, settings: AdaptiveSettings) -> FloatArray:
    """Inclusion probability of each text, shape (n,), in (0, 1], summing to `places`.

    Args:
        values: what the texts are worth, shape (n,), at least 0.
        agreed: texts on which all members agree that nothing is wrong, shape (n,).
        places: size of the batch, from 1 to n.
        settings: how the places are shared out.
    """
    count = len(values)
    if places >= count:
        return np.ones(count)
    audited = _calm(values, agreed)
    audit = settings.audit_share if audited.any() else 0.0
    even = np.full(count, settings.floor_share / count) + audit * audited / max(1, int(audited.sum()))
    roots = np.sqrt(np.maximum(values, _SMALLEST))
    even += settings.spread_share * roots / roots.sum()
    rest = max(0.0, 1.0 - audit - settings.floor_share - settings.spread_share)
    relative = np.log(np.maximum(values, _SMALLEST) / max(float(values.max()), _SMALLEST))
    steep = inclusion_probabilities(np.exp(np.maximum(settings.sharpness * relative, -600)), rest * places)
    return inclusion_probabilities(steep + even * places, places)


def draw(chances: FloatArray, pool: Pool, left: IntArray, rng: np.random.Generator) -> IntArray:
    """Positions in `left` of the texts drawn, as many as the probabilities sum to, increasing.

    Args:
        chances: inclusion probability of each text left, shape (n,).
        pool: has their features.
        left: places of these texts in the pool, shape (n,).
        rng: decides.
    """
    known = pool.features.shape[1] > 0
    features = pool.features[left] if known else np.nan_to_num(pool.probabilities[left]).astype(np.float32)
    return systematic(chances, rng, by_likeness(features, rng))


def by_likeness(features: NDArray[np.float32], rng: np.random.Generator) -> IntArray:
    """A random order of n texts in which like ones mostly stand together.

    Sorted by the signs of random projections, each cut at its median (Charikar 2002, STOC): texts that lie close share
    the first signs. Equal ones stand in random order.

    Args:
        features: shape (n, d).
        rng: draws projections and the order of equals.
    """
    shuffled = rng.permutation(len(features))
    directions = rng.standard_normal((features.shape[1], _BITS)).astype(np.float32)
    projected = features[shuffled] @ directions
    signs = projected > np.median(projected, axis=0)
    codes = signs @ (1 << np.arange(_BITS, dtype=np.int64))
    return np.asarray(shuffled[np.argsort(codes, kind="stable")], dtype=np.intp)


def _calm(values: FloatArray, agreed: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Texts to audit: all members agree, and the value is not above the median of such texts."""
    return np.asarray(agreed & (values <= np.median(values[agreed])) if agreed.any() else agreed, dtype=np.bool_)
