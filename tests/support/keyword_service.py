"""The real service over one real, quickly fitted member, started as `hungjury up` starts it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import psutil

FIT = """
import sys, tempfile
from pathlib import Path
import numpy as np
from ensemble.artifacts import JOINT, Manifest, seal
from ensemble.home import artifacts_dir
from ensemble.members.keyword import KeywordScorer
from ensemble.panel import fit_joint
from ensemble.tasks.task import load_task
from ensemble.training import prepare
from ensemble.training.keyword_fit import fit_keyword

task = load_task("injury")
rows, calibration = task.rows("train")[:120], task.rows("calibration")[:80]
folder = Path(tempfile.mkdtemp(dir=artifacts_dir("injury")))
fit_keyword(task, rows, calibration, folder / "keyword")
scorer = KeywordScorer(folder / "keyword")
labels = np.array([row.label for row in calibration], dtype=float)
joint = fit_joint(scorer.score(calibration), labels, members=["keyword"], deployed="keyword")
(folder / JOINT).write_text(joint.model_dump_json())
groups = {"keyword": tuple((m.name, m.kind, m.version) for m in scorer.members)}
fingerprint = prepare._fingerprint(task, prepare.DEFAULT_MEMBERS, 0)
seal(folder, Manifest(task="injury", fingerprint=fingerprint, seed=0, files={}, groups=groups))
"""
"""Prepares one member instead of four, as if from what a full preparation starts from, so that `up` takes it."""

CONFIG = "members:\n  keyword: {num_cpus: 0.1}\nray:\n  num_cpus: 2\n"


class Service:
    """One state directory and its service."""

    def __init__(self, folder: Path, port: int):
        self.home, self.port = folder / "home", port
        self.url = f"http://127.0.0.1:{port}"
        self.environment = {**os.environ, "HUNGJURY_HOME": str(self.home), "HUNGJURY_PORT": str(port)}
        self.config = folder / "config.yaml"
        self.config.write_text(CONFIG)

    def prepare(self, artifacts: Path):
        """Gives it the fitted member."""
        shutil.copytree(artifacts, self.home / "artifacts")

    def call(self, *arguments, timeout=300):
        """Runs a command line for it."""
        command = [sys.executable, "-m", "service.cli.main", *map(str, arguments)]
        return subprocess.run(
            command, capture_output=True, text=True, timeout=timeout, check=False, env=self.environment
        )

    def start(self, *arguments):
        """Runs a command line for it without waiting."""
        # What a shell starts in the background ignores SIGINT, these tests perhaps, and so would all that they start.
        command = ["env", "--default-signal=INT", sys.executable, "-m", "service.cli.main", *map(str, arguments)]
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self.environment
        )

    def up(self):
        """Starts it, ready to score."""
        done = self.call("up", "--config", self.config, "--json")
        assert done.returncode == 0, done.stderr + (self.home / "logs" / "supervisor.log").read_text()
        return json.loads(done.stdout)

    @property
    def process(self):
        """Its supervisor."""
        return psutil.Process(json.loads((self.home / "run" / "state.json").read_text())["process"]["pid"])

    def family(self):
        """Everything that it started."""
        return self.process.children(recursive=True)


def fitted_artifacts(home: Path) -> Path:
    """Artifacts with one fitted member under a state directory, made where there are none."""
    if not (home / "artifacts").is_dir():
        environment = {**os.environ, "HUNGJURY_HOME": str(home)}
        subprocess.run([sys.executable, "-c", FIT], check=True, capture_output=True, timeout=300, env=environment)
    return home / "artifacts"
