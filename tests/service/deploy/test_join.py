"""`hungjury up` with RAY_ADDRESS joins a cluster that already runs, and leaves it running."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from live_service import LiveService
from ray_cluster import BIN, Cluster, running_cluster

pytestmark = [pytest.mark.service, pytest.mark.models]


def test_the_service_joins_a_running_cluster_and_leaves_it_standing(
    prepared_home: Path, free_port: Callable[[], int], tmp_path: Path
):
    """Up, score, mine and down on somebody else's Ray; afterwards the cluster lives and the application is gone."""
    with (
        tempfile.TemporaryDirectory(prefix="hj-join-") as folder,
        running_cluster({}, free_port, tmp_path / "ray.txt") as cluster,
    ):
        service = LiveService(Path(folder), prepared_home, free_port())
        service.environment |= {**cluster.environment, "RAY_ADDRESS": cluster.address}
        service.environment |= {"HUNGJURY_HOME": str(service.home), "HUNGJURY_PORT": str(service.port)}
        service.up()
        try:
            assert service.state["ray"]["own"] is False
            assert _port(service.state["ray"]["address"]) == _port(cluster.address)  # Ray names the node by its own IP
            with service.client(service.key("score", "app")) as client:
                answer = client.post("/v1/score", json={"inputs": [{"text": "The blade cut his arm to the bone."}]})
            assert answer.status_code == httpx.codes.OK, answer.text
            assert set(answer.json()["verdicts"][0]["members"]) == {"encoder", "keyword", "judge", "probe"}
            assert "hungjury" in _applications(cluster)
        finally:
            service.down()
        assert not service.ready()
        assert "hungjury" not in _applications(cluster)


def _port(address: str) -> str:
    return address.rpartition(":")[2]


def _applications(cluster: Cluster) -> str:
    """What `serve status` prints; it fails where the cluster is gone."""
    command = [BIN / "serve", "status", "--address", cluster.dashboard]
    done = subprocess.run(command, env=cluster.environment, capture_output=True, text=True, timeout=180, check=True)
    return done.stdout
