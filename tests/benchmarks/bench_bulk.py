"""Rows a second, peak memory and resumption of bulk runs with the real cheap members.

`HJ_BULK_ROWS=20000,100000 make bench PYTEST_ARGS=tests/benchmarks/bench_bulk.py`; the default is 100,000 and a million
rows. `HJ_BULK_LOOK=0.1` has the members read about a tenth of the texts; `HJ_BULK_WORDS=4,16` cuts texts of 4 to 16
words instead of 15 to 60, which are read the faster. Every size is run to its end, and those of `HJ_BULK_KILL` (default
all; "" none) a second time, with kill -9 of the program half-way and then to its end. `HJ_BULK_WHOLE=HASH` leaves out
the run to the end of a size, and compares the killed one with the hash that an earlier one printed for the same texts;
`HJ_BULK_FOLDER=DIR` then has to name, both times, the folder where the shards are written, whose paths are in the
shortlist.
What is done and the peak of memory so far are printed every ten seconds, so that a long run can be followed and shows
by itself whether memory grows; the hash of the shortlist tells whether two runs ended alike.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from ray_cluster import Cluster, running_cluster

from ensemble.artifacts import current_artifact
from ensemble.rows import RowReader
from miners.bulk.plan import PIECE_BYTES, BulkSettings
from miners.bulk.shortlist import BulkReport
from service.cli.memory import MemoryPeak

pytestmark = [pytest.mark.service, pytest.mark.models]

DRIVER = Path(__file__).resolve().parents[1] / "support" / "bulk_driver.py"
SIZES = [int(size) for size in os.environ.get("HJ_BULK_ROWS", "100000,1000000").split(",")]
KILLED = {int(size) for size in os.environ.get("HJ_BULK_KILL", ",".join(map(str, SIZES))).split(",") if size}
LOOK = float(os.environ.get("HJ_BULK_LOOK", "1"))
SHORTEST, LONGEST = (int(words) for words in os.environ.get("HJ_BULK_WORDS", "15,60").split(","))
WHOLE, FOLDER = os.environ.get("HJ_BULK_WHOLE", ""), os.environ.get("HJ_BULK_FOLDER", "")
SHARD_ROWS = 25_000
EXPENSIVE = ("language_model", "remote_judge")


def recut(passages: Path, count: int) -> Iterator[str]:
    """Runs of some words out of passages drawn at random: as many as wanted, hardly two alike if they are long."""
    words = [row.text.split() for row in RowReader([passages])]
    rng = np.random.default_rng(7)
    for number in rng.integers(len(words), size=count):
        length = int(rng.integers(SHORTEST, LONGEST + 1))
        start = int(rng.integers(0, max(1, len(words[number]) - length)))
        yield " ".join(words[number][start : start + length])


def write_shards(folder: Path, passages: Path, count: int) -> list[Path]:
    """At least four JSONL shards, so that every size keeps as many processes busy, of 25,000 rows at most."""
    texts, shards = recut(passages, count), []
    while rows := list(islice(texts, min(SHARD_ROWS, -(-count // 4)))):
        shards.append(folder / f"{len(shards):04}.jsonl")
        shards[-1].write_text("".join(json.dumps({"text": text}) + "\n" for text in rows))
    return shards


@contextmanager
def corpus_folder() -> Iterator[Path]:
    """Where shards and runs lie, and are removed again."""
    if WHOLE and not FOLDER:
        pytest.fail("HJ_BULK_WHOLE needs HJ_BULK_FOLDER: the paths of the shards are in the shortlist")
    if FOLDER:
        Path(FOLDER).mkdir(parents=True)  # an error where it is there: what is in it is not ours
    with tempfile.TemporaryDirectory(prefix="hj-bulk-") as place:
        try:
            yield Path(FOLDER or place)
        finally:
            if FOLDER:
                shutil.rmtree(FOLDER)


@pytest.fixture
def chosen(prepared_home: Path, monkeypatch: pytest.MonkeyPatch) -> BulkSettings:
    """A run with the cheap members of task injury."""
    monkeypatch.setenv("HUNGJURY_HOME", str(prepared_home))
    artifact = current_artifact("injury")
    groups = tuple(group for group in artifact.groups if group not in EXPENSIVE)
    versions = {member.name: member.version for group in groups for member in artifact.members(group)}
    return BulkSettings(task="injury", artifact=str(artifact.path), groups=groups, versions=versions, look=LOOK)


@contextmanager
def started(cluster: Cluster, chosen: BulkSettings, folder: Path, shards: list[Path]) -> Iterator[subprocess.Popen]:
    """The run as a program of its own."""
    command = [sys.executable, str(DRIVER), cluster.address, chosen.model_dump_json(), str(folder), str(PIECE_BYTES)]
    environment = {**cluster.environment, "HUNGJURY_HOME": os.environ["HUNGJURY_HOME"]}
    environment["PYTHONPATH"] = str(DRIVER.parents[2])
    with subprocess.Popen([*command, *map(str, shards)], env=environment, stdout=subprocess.PIPE, text=True) as driver:
        yield driver


def ended(driver: subprocess.Popen, rows: int, memory: MemoryPeak | None = None) -> BulkReport:
    """What it printed in the end; what it prints on the way is shown."""
    began, last = time.monotonic(), ""
    for line in driver.stdout:
        if line.startswith("rows "):
            peak = f", peak of memory {mebibytes(memory):,.0f} MiB" if memory else ""
            say(f"  {time.monotonic() - began:6.0f} s: {int(line[5:]):>11,} of {rows:,} rows{peak}")
        last = line if line.startswith("{") else last
    assert driver.wait() == 0
    return BulkReport.model_validate_json(last)


def mebibytes(memory: MemoryPeak) -> float:
    """The peak so far, shared pages counted once where the system tells."""
    return (memory.pss or memory.rss) / 2**20


def say(line: str) -> None:
    """Prints a line past pytest's capture, so that a long run can be followed."""
    print(line, file=sys.__stderr__, flush=True)


def killed_half_way(cluster: Cluster, chosen: BulkSettings, folder: Path, shards: list[Path], rows: int) -> BulkReport:
    """kill -9 at half of the rows, then the same again to the end."""
    with started(cluster, chosen, folder, shards) as driver:
        while told_rows(folder) < rows / 2:
            assert driver.poll() is None
            time.sleep(0.5)
        driver.kill()
    say(f"  killed when {done_rows(folder):,} of {rows:,} rows were done; now the rest")
    with started(cluster, chosen, folder, shards) as driver:
        return ended(driver, rows)


def told_rows(folder: Path) -> int:
    """Rows that the processes say are done; cheaper to ask for than what is written down."""
    return sum(int(note.read_text() or 0) for note in folder.glob("progress/*"))


def done_rows(folder: Path) -> int:
    """Rows whose parts are written down."""
    return sum(json.loads(path.read_bytes())["read"] for path in folder.glob("pieces/[!.]*.json"))


def digest(folder: Path) -> str:
    """Hash of the shortlist."""
    return hashlib.sha256((folder / "shortlist.jsonl").read_bytes()).hexdigest()


@pytest.mark.timeout(48 * 3600)
def test_rows_a_second_memory_and_resumption(root, chosen, free_port, tmp_path):
    """Peak memory is flat within 10 % from one size to the next, and a killed run ends as an undisturbed one."""
    passages = root.parent / "shared" / "data" / "fiction_passages.jsonl.gz"
    if not passages.is_file():
        pytest.skip(f"{passages} is not there")
    peaks = []
    for rows in SIZES:
        with (
            corpus_folder() as folder,
            running_cluster({"RAY_worker_niceness": "0"}, free_port, tmp_path / "ray.txt") as cluster,
        ):
            shards = write_shards(folder, passages, rows)
            whole = WHOLE or undisturbed(cluster, chosen, folder / "whole", shards, rows, peaks)
            if rows in KILLED:
                again = killed_half_way(cluster, chosen, folder / "killed", shards, rows)
                found = digest(folder / "killed")
                same = found.startswith(whole)
                say(
                    f"  after kill -9 half-way the rest of {rows:,} rows took {again.seconds:.0f} s, "
                    f"{again.scored:,} read by the members; {found[:16]}, "
                    f"{'the same shortlist' if same else 'ANOTHER SHORTLIST'}"
                )
                assert same
                assert again.rows == rows
    assert WHOLE or max(peaks) < 1.1 * min(peaks)


def undisturbed(
    cluster: Cluster, chosen: BulkSettings, folder: Path, shards: list[Path], rows: int, peaks: list[float]
) -> str:
    """A run to its end, whose peak memory is added to the others'; the hash of its shortlist."""
    with MemoryPeak() as memory, started(cluster, chosen, folder, shards) as driver:
        report = ended(driver, rows, memory)
    peaks.append(mebibytes(memory))
    whole = digest(folder)
    show(rows, report, peaks[-1], whole)
    assert report.rows == rows
    return whole


def show(rows: int, report: BulkReport, peak: float, whole: str) -> None:
    """Prints what was measured."""
    say(
        f"\n{rows:,} rows, {report.scored:,} read by the members (look {LOOK:g}; {SHORTEST} to {LONGEST} words), "
        f"{os.cpu_count()} cores: "
        f"{report.rows_per_second:,.0f} rows/s in {report.seconds:,.0f} s, a million at this rate in "
        f"{1e6 / report.rows_per_second / 60:.0f} min; peak {peak:,.0f} MiB (PSS of all processes, this one among "
        f"them); SHA-256 of the shortlist {whole[:16]}"
    )
    for niche, count in report.kept.items():
        say(f"  {niche:14}{report.seen[niche]:>10,} scored{count:>8,} kept")
