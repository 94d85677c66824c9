"""Shards of made-up texts for bulk runs, with the settings of a run over the tiny artifact."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import tiny_artifact

from miners.bulk.plan import BulkSettings

WORDS = (
    "rain",
    "fell",
    "roof",
    "tea",
    "poured",
    "she",
    "shot",
    "him",
    "glance",
    "broke",
    "arm",
    "bled",
    "kill",
    "river",
)


def texts(count: int, seed: int = 0) -> list[str]:
    """Texts of eight words, of which no two are alike and some would hurt somebody."""
    rng = np.random.default_rng(seed)
    return [f"{' '.join(rng.choice(WORDS, 8))} {seed} {number}" for number in range(count)]


def shard(path: Path, rows: list[str], *, bad_every: int = 0) -> Path:
    """A JSONL or Parquet file of these texts; in JSONL every so many lines are broken besides."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        pq.write_table(pa.table({"text": rows, "id": [str(i) for i in range(len(rows))]}), path, row_group_size=100)
        return path
    lines = [json.dumps({"text": text, "id": str(i), "meta": {"book": "b"}}) for i, text in enumerate(rows)]
    if bad_every:
        lines = [piece for i, line in enumerate(lines) for piece in ([line] if i % bad_every else ["{broken", line])]
    path.write_text("".join(line + "\n" for line in lines))
    return path


def settings(**more: object) -> BulkSettings:
    """A run over the tiny artifact, which is made in the state directory."""
    artifact = tiny_artifact.make()
    members = [member for group in artifact.groups for member in artifact.members(group)]
    given = {"keep": 60, "part_rows": 100, "versions": {member.name: member.version for member in members}, **more}
    return BulkSettings.model_validate(
        {"task": "injury", "artifact": str(artifact.path), "groups": artifact.groups, **given}
    )
