"""A Ray cluster that already runs takes the application by `serve deploy`, as the runbook says."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
import yaml
from ray_cluster import BIN, Cluster, running_cluster
from shell_blocks import blocks, run_shell

from ensemble.artifacts import JOINT, Manifest, current_artifact, seal
from ensemble.home import artifacts_dir
from ensemble.members.keyword import KeywordScorer
from ensemble.panel import fit_joint
from ensemble.tasks.task import load_task
from ensemble.text import Text
from ensemble.training.keyword_fit import fit_keyword
from miners.queue.embedded import EmbeddedServer

pytestmark = [pytest.mark.service, pytest.mark.models]


@pytest.fixture
def keyword_home() -> Path:
    """A state directory with one real member, keyword-plus-embedding, fitted on a part of the task's rows."""
    task = load_task("injury")
    folder = Path(tempfile.mkdtemp(dir=artifacts_dir(task.name)))
    train, calibration = task.rows("train")[:160], task.rows("calibration")
    (folder / "keyword").mkdir()
    fit_keyword(task, train, calibration, folder / "keyword")
    scorer = KeywordScorer(folder / "keyword")
    labels = np.array([row.label for row in calibration], dtype=np.float64)
    joint = fit_joint(scorer.score(calibration), labels, members=["keyword"], deployed="keyword")
    (folder / JOINT).write_text(joint.model_dump_json())
    groups = {"keyword": tuple((one.name, one.kind, one.version) for one in scorer.members)}
    seal(folder, Manifest(task=task.name, fingerprint="a test", seed=0, files={}, groups=groups))
    return Path(os.environ["HUNGJURY_HOME"])


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EmbeddedServer]:
    """A running queue server."""
    server = EmbeddedServer(tmp_path / "redis")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def cluster(
    keyword_home: Path, store: EmbeddedServer, free_port: Callable[[], int], tmp_path: Path
) -> Iterator[Cluster]:
    """A running cluster that knows where models and queue are."""
    variables = {"HUNGJURY_HOME": str(keyword_home), "HUNGJURY_REDIS_URL": store.url}
    with running_cluster(variables, free_port, tmp_path / "ray.txt") as running:
        yield running


def test_a_running_cluster_takes_the_application(
    root: Path, cluster: Cluster, free_port: Callable[[], int], wait_until: Callable[..., None], tmp_path: Path
):
    """After `serve deploy` the application answers over HTTP with what the same member says in this process."""
    port = free_port()
    config = _config(root, cluster, port, tmp_path)
    deploy = [BIN / "serve", "deploy", config, "--address", cluster.dashboard]
    wait_until(lambda: _succeeds(deploy, cluster), seconds=60, every=1)
    client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10)
    with client:
        wait_until(lambda: _status(client, "/readyz") == 200, seconds=90, every=0.5)
        (make_key,) = [block.code for block in blocks("deploy/README.md") if "--role score" in block.code]
        key = run_shell(make_key, tmp_path, cluster.environment).stdout.strip()
        texts = ["The blade cut his arm to the bone.", "They drank tea and watched the rain."]
        answer = client.post(
            "/v1/score", json={"inputs": [{"text": text} for text in texts]}, headers={"Authorization": f"Bearer {key}"}
        )
    assert answer.status_code == 200, answer.text
    served = [verdict["members"]["keyword"]["probability"] for verdict in answer.json()["verdicts"]]
    here = current_artifact("injury").load_scorer("keyword").score([Text(text=text) for text in texts])
    assert served == pytest.approx(list(here[:, 0]), abs=1e-4)


def _config(root: Path, cluster: Cluster, port: int, folder: Path) -> Path:
    """deploy/serve.yaml with only port and state directory changed to this test's."""
    content = yaml.safe_load((root / "deploy/serve.yaml").read_text())
    content["http_options"]["port"] = port
    content["applications"][0]["runtime_env"]["env_vars"]["HUNGJURY_HOME"] = cluster.environment["HUNGJURY_HOME"]
    path = folder / "serve.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def _succeeds(arguments: list[str | Path], cluster: Cluster) -> bool:
    done = subprocess.run(arguments, env=cluster.environment, capture_output=True, text=True, check=False)
    cluster.log.write_text(done.stdout + done.stderr)
    return done.returncode == 0


def _status(client: httpx.Client, path: str) -> int:
    try:
        return client.get(path).status_code
    except httpx.TransportError:
        return 0
