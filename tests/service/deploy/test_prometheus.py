"""The Prometheus scrape file reads Ray's list of nodes and keeps the numbers that Hung Jury exports."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from service.metrics import ALL


@pytest.fixture
def job(root: Path) -> dict[str, Any]:
    """The one scrape job."""
    (only,) = yaml.safe_load((root / "deploy/prometheus.yml").read_text())["scrape_configs"]
    return dict(only)


def test_it_reads_the_list_that_ray_writes(job: dict[str, Any]):
    """Targets come from Ray's own list, in patterns as Prometheus allows them: a star in the last part at most."""
    files = [name for entry in job["file_sd_configs"] for name in entry["files"]]
    assert any(name.endswith("/prom_metrics_service_discovery.json") for name in files)
    assert [name for name in files if not re.fullmatch(r"(/[^*/]+)+/[^*/]*\*?[^*/]*\.json", name)] == []


def test_it_keeps_every_number_of_the_service(job: dict[str, Any]):
    """The filter lets through each metric that the service exports, under the name that Ray gives it."""
    (keep,) = job["metric_relabel_configs"]
    kept = re.compile(keep["regex"])
    endings = {"counter": ["_total"], "gauge": [""], "histogram": ["_bucket", "_sum", "_count"]}
    exported = [f"ray_{metric.name}{ending}" for metric in ALL for ending in endings[metric.kind]]
    assert keep["action"] == "keep"
    assert [name for name in exported if not kept.fullmatch(name)] == []


@pytest.mark.parametrize("name", ["ray_tasks", "ray_gcs_storage_operation_count", "go_gc_duration_seconds"])
def test_it_drops_what_nobody_looks_at(job: dict[str, Any], name: str):
    """Ray's internal series are not stored."""
    assert not re.fullmatch(job["metric_relabel_configs"][0]["regex"], name)


def test_prometheus_itself_accepts_it(root: Path):
    """Where promtool is installed it finds no fault; elsewhere the file at least holds what Prometheus asks for."""
    path = root / "deploy/prometheus.yml"
    if promtool := shutil.which("promtool"):
        checked = subprocess.run([promtool, "check", "config", path], capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stdout + checked.stderr
    content = yaml.safe_load(path.read_text())
    assert set(content) == {"global", "scrape_configs"}
    assert re.fullmatch(r"\d+s", content["global"]["scrape_interval"])
