"""A bulk run as a program of its own, so that it can be killed:
`bulk_driver.py ADDRESS SETTINGS FOLDER PIECE_BYTES SHARD...`.

Prints how many rows are done, every few seconds a line, and in the end the report as JSON.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import ray

from miners.bulk.plan import BulkSettings, make_plan
from miners.bulk.run import run_bulk

EVERY_SECONDS = 10.0


class Told:
    """Prints the rows done, seldom enough to be read."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def __call__(self, rows: int) -> None:
        """Prints them, unless it did a moment ago."""
        if time.monotonic() - self._last >= EVERY_SECONDS:
            self._last = time.monotonic()
            print(f"rows {rows}", flush=True)


def main(address: str, settings: str, folder: str, piece_bytes: str, *shards: str) -> None:
    """Joins the cluster, runs, leaves."""
    ray.init(address=address, log_to_driver=False, logging_level=40)
    chosen = BulkSettings.model_validate_json(settings)
    plan = make_plan([Path(one) for one in shards], chosen, piece_bytes=int(piece_bytes))
    report = run_bulk(plan, chosen, Path(folder), processes=2, niceness=0, progress=Told())
    print(report.model_dump_json())


if __name__ == "__main__":
    main(*sys.argv[1:])
