"""Bulk runs on a real Ray: killed anywhere they go on, and end with the very same shortlist."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from bulk_corpus import settings, shard, texts
from ray_cluster import running_cluster

from miners.bulk.gate import FILE as GATE
from miners.bulk.piece import PieceWorker
from miners.bulk.pilot import make_gate
from miners.bulk.plan import BulkSettings, make_plan
from miners.bulk.shortlist import BulkReport, join

pytestmark = pytest.mark.service

PIECE_BYTES = 60_000

DRIVER = Path(__file__).resolve().parents[2] / "support" / "bulk_driver.py"


@pytest.fixture(scope="module")
def cluster(free_port, tmp_path_factory):
    """A Ray cluster of one node with an object store far smaller than any corpus."""
    with running_cluster({}, free_port, tmp_path_factory.mktemp("ray") / "log.txt") as running:
        yield running


@pytest.fixture
def corpus(tmp_path):
    """Three shards, one of them Parquet, with repeats and bad rows: 9,050 rows."""
    rows = texts(8_000)
    return [
        shard(tmp_path / "a.jsonl", rows[:5_000], bad_every=100),
        shard(tmp_path / "b.parquet", rows[5_000:]),
        shard(tmp_path / "c.jsonl", rows[:1_000]),
    ]


def _plan(corpus, chosen):
    return make_plan(corpus, chosen, piece_bytes=PIECE_BYTES)


def _undisturbed(folder: Path, chosen: BulkSettings, corpus: list[Path]) -> bytes:
    """The shortlist of the same run in this process, without Ray and without a break."""
    plan, worker = _plan(corpus, chosen), PieceWorker(chosen, folder)
    for piece in plan.pieces:
        worker.work(piece)
    join(folder, plan.pieces, chosen, BulkReport(shards=3, pieces=len(plan.pieces)))
    return (folder / "shortlist.jsonl").read_bytes()


def _started(cluster, chosen, folder, corpus):
    command = [sys.executable, str(DRIVER), cluster.address, chosen.model_dump_json(), str(folder)]
    command += [str(PIECE_BYTES), *map(str, corpus)]
    root = str(DRIVER.parents[2])
    environment = {**cluster.environment, "HUNGJURY_HOME": os.environ["HUNGJURY_HOME"], "PYTHONPATH": root}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _ended(driver) -> BulkReport:
    out, error = driver.communicate(timeout=300)
    assert driver.returncode == 0, error
    told = [line for line in out.splitlines() if line.startswith("{")]  # Ray tells of dead actors in other lines
    return BulkReport.model_validate_json(told[-1])


def _read(folder: Path) -> int:
    """Rows that the pieces' files say are done."""
    states = [json.loads(path.read_text()) for path in (folder / "pieces").glob("[!.]*.json")]
    return sum(state["read"] for state in states)


def test_a_killed_run_goes_on_and_ends_with_the_same_shortlist(cluster, corpus, tmp_path, wait_until):
    """kill -9 of the driver twice, half-way: called again it reads only what is left; the result is byte for byte."""
    chosen, folder = settings(part_rows=50), tmp_path / "run"
    for goal in (1_000, 5_000):
        driver = _started(cluster, chosen, folder, corpus)
        wait_until(lambda goal=goal: _read(folder) >= goal, seconds=180)
        assert driver.poll() is None
        driver.kill()
        driver.communicate()
    done = _read(folder)
    assert 5_000 <= done < 9_050
    report = _ended(_started(cluster, chosen, folder, corpus))
    assert (folder / "shortlist.jsonl").read_bytes() == _undisturbed(tmp_path / "whole", chosen, corpus)
    assert (report.rows, report.bad_rows, report.broken) == (9_050, 50, {})
    assert round(report.rows_per_second * report.seconds) <= 9_050 - done
    assert _ended(_started(cluster, chosen, folder, corpus)).rows_per_second == 0


def test_a_killed_actor_is_replaced(cluster, corpus, tmp_path, wait_until):
    """kill -9 of a process that reads: Ray starts another, which goes on with the piece; the result is the same."""
    chosen, folder = settings(part_rows=50), tmp_path / "run"
    driver = _started(cluster, chosen, folder, corpus)
    wait_until(lambda: _read(folder) >= 2_000, seconds=180)
    before = {int(note.name.rpartition("-")[2]) for note in (folder / "progress").iterdir()}
    for pid in before:
        os.kill(pid, 9)
    report = _ended(driver)
    after = {int(note.name.rpartition("-")[2]) for note in (folder / "progress").iterdir()}
    assert after - before
    assert report.rows == 9_050
    assert (folder / "shortlist.jsonl").read_bytes() == _undisturbed(tmp_path / "whole", chosen, corpus)


def test_a_run_behind_a_gate_fits_it_first(cluster, corpus, tmp_path):
    """With a share to look at, the gate is fitted in the cluster, and the result is that of the run without Ray."""
    chosen = settings(part_rows=500, look=0.2)
    report = _ended(_started(cluster, chosen, tmp_path / "run", corpus))
    make_gate(chosen, _plan(corpus, chosen).pieces, tmp_path / "whole")
    whole = _undisturbed(tmp_path / "whole", chosen, corpus)
    assert (tmp_path / "run" / "shortlist.jsonl").read_bytes() == whole
    assert (tmp_path / "run" / GATE).read_bytes() == (tmp_path / "whole" / GATE).read_bytes()
    assert 0.1 < report.scored / report.rows < 0.35


def test_members_that_cannot_be_loaded_are_named(cluster, corpus, tmp_path):
    """A changed model ends the run with what is wrong, not with a stack of frames."""
    chosen = settings()
    (Path(chosen.artifact) / "encoder" / "model.onnx").write_bytes(b"no model")
    driver = _started(cluster, chosen, tmp_path / "run", corpus)
    _, error = driver.communicate(timeout=300)
    assert driver.returncode == 1
    last = error.strip().splitlines()[-1]
    assert "CampaignError: the bulk run failed: " in last
    assert "model.onnx is missing or not what its manifest says" in last
