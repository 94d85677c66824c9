"""The pools that `tests/benchmarks/pools.py` makes, as strategies see them."""

import json
import os
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from ensemble.members.meaning import SentenceMeaning
from ensemble.rows import RowReader
from ensemble.text import Text
from miners.acquisition.text_features import text_features
from miners.replay_rows import Gathered, Labelled, carried, to_replay, with_features

FOLDER = "HUNGJURY_BENCH_POOLS"

EMBEDDER = "HUNGJURY_BENCH_EMBEDDER"
"""A folder with an embedder, as an artifact's keyword/embedder; without it learners know texts by their words."""


@dataclass(frozen=True)
class PoolFile:
    """A pool that was made.

    Attributes:
        name: of the pool.
        path: its rows.
        deployed: the member whose failures are hunted.
        votes: P(yes) from which each member votes yes.
    """

    name: str
    path: Path
    deployed: str
    votes: dict[str, float]

    def labelled(self) -> Labelled:
        """The texts that the deployed member passes, with the features that `hungjury replay` gives them.

        Where the environment names an embedder, as with `--embed`.
        """
        gathered = Gathered()
        with closing(iter(RowReader([self.path]))) as rows:
            for row in rows:
                gathered.add(row)
        threshold = self.votes[self.deployed]
        found = to_replay(gathered, carried(gathered, threshold), self.deployed, threshold)
        own = np.array([self.votes[name] for name in found.pool.members])
        found, embedder = replace(found, pool=replace(found.pool, thresholds=own)), os.environ.get(EMBEDDER)
        if not embedder:
            return with_features(found, text_features(found.texts))
        vectors = SentenceMeaning(Path(embedder))([Text(text) for text in found.texts])
        return with_features(found, vectors.astype(np.float32))


def pool_files() -> list[PoolFile]:
    """All that lie in the folder named by the environment; the benchmark is skipped where there are none."""
    named = os.environ.get(FOLDER)
    if not named:
        pytest.skip(
            f"set {FOLDER} to a folder of pools; `python tests/benchmarks/pools.py --help` tells how to make it"
        )
    listing = Path(named) / "pools.json"
    if not listing.is_file():
        pytest.skip(f"{listing} is not there; `python tests/benchmarks/pools.py --help` tells how to make it")
    found = json.loads(listing.read_text(encoding="utf-8"))
    return [PoolFile(name, Path(named) / it["file"], it["deployed"], it["votes"]) for name, it in found.items()]
