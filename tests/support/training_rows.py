"""Labelled rows for training: made-up sentences for the fast tests, the packaged task's rows for real fits."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ensemble.tasks.task import load_task

_HURT = ("cut", "burned", "broke", "crushed", "bruised", "scalded")
_CALM = ("washed", "painted", "folded", "counted", "polished", "carried")


def made_up(count: int, *, groups: int = 30, seed: int = 0) -> list[dict[str, Any]]:
    """Rows of both labels in turn, no two alike, spread over groups in `meta.doc`."""
    rng = random.Random(seed)

    def word() -> str:
        return "".join(rng.choices("bdfgklmnprstvaeiou", k=6))

    rows = []
    for number in range(count):
        label = number % 2
        verb = rng.choice(_HURT if label else _CALM)
        text = f"{word()} {word()} {verb} the {word()} of {word()} {word()} and {word()} {word()}."
        rows.append({"id": f"r{number}", "text": text, "label": label, "meta": {"doc": f"d{(number // 2) % groups}"}})
    return rows


def real(count: int) -> list[dict[str, Any]]:
    """Rows of task injury, both labels alike often, with their families."""
    rows = load_task("injury").rows("train")
    chosen = [row for label in (0, 1) for row in [r for r in rows if r.label == label][: count // 2]]
    return [
        {"id": row.row_id, "text": row.text, "label": row.label, "meta": {"family": row.meta["family"]}}
        for row in chosen
    ]


def write(path: Path, rows: Iterable[dict[str, Any]]) -> Path:
    """The rows as JSONL."""
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return path


def without(row: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """The row less some fields."""
    return {name: value for name, value in row.items() if name not in names}
