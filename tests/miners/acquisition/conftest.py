"""Pools to choose from."""

import numpy as np
import pytest

from miners.acquisition.strategy import Pool


def make_pool(probabilities, *, posterior=None, thresholds=0.5, features=None, origins=(), deployed="a"):
    """A pool with members a, b, c, ...; the posterior is the mean, the features none, unless given."""
    table = np.array(probabilities, dtype=np.float64)
    count, width = table.shape
    members = tuple("abcdefgh"[:width])
    return Pool(
        probabilities=table,
        members=members,
        deployed=deployed,
        thresholds=np.broadcast_to(np.asarray(thresholds, dtype=np.float64), (width,)).copy(),
        posterior=np.nanmean(table, axis=1) if posterior is None else np.array(posterior, dtype=np.float64),
        features=np.zeros((count, 0), np.float32) if features is None else np.asarray(features, dtype=np.float32),
        origins=origins,
    )


def make_clusters(count=600, seed=0, clusters=12, bad=(3,), rate=0.6, elsewhere=0.03):
    """Texts in clusters that no member tells apart; failures crowd in some of them. Returns pool and labels."""
    rng = np.random.default_rng(seed)
    cluster = rng.integers(clusters, size=count)
    centres = np.eye(clusters, 16)
    features = centres[cluster] + rng.normal(0, 0.08, (count, 16))
    labels = (rng.random(count) < np.where(np.isin(cluster, bad), rate, elsewhere)).astype(np.float64)
    scores = np.clip(rng.beta(1.5, 12, (count, 3)) + 0.05 * labels[:, None], 0.005, 0.45)
    return make_pool(scores, features=features), labels


@pytest.fixture
def pool():
    """Makes a pool out of probabilities."""
    return make_pool


@pytest.fixture
def clusters():
    """Makes a pool whose failures crowd in a cluster."""
    return make_clusters
