"""`train` with a judge behind an endpoint: few questions, nothing paid for twice, and a judge that scores."""

import json

import numpy as np
import pytest
from endpoint import running_endpoint
from training_rows import made_up, write

from ensemble.artifacts import current_artifact
from ensemble.home import home
from ensemble.tasks.skeleton import write_skeleton
from ensemble.text import Text

pytestmark = pytest.mark.models

ASKED = 30
"""Most rows to be asked; the calibration split and the test split of the rows below are larger."""


@pytest.fixture
def endpoint():
    with running_endpoint() as server:
        server.usage = {"prompt_tokens": 100, "completion_tokens": 1}
        yield server


@pytest.fixture
def arguments(tmp_path, endpoint):
    """A command line that trains keyword member and remote judge."""
    write_skeleton(tmp_path / "mine", question="Is somebody hurt?")
    rows = made_up(300)
    for row in rows:
        row["text"] += " It hurt." if row["label"] else ""
    judge = {
        "endpoint": endpoint.url,
        "endpoint_model": "tiny",
        "calibration_rows": ASKED,
        "retries": 0,
        "price_per_million_input": 1.0,
        "price_per_million_output": 1.0,
    }
    panel = {"encoder": None, "probe": None, "deployed": "keyword", "judge": judge}
    (tmp_path / "config.yaml").write_text(json.dumps({"panel": panel}))
    data = write(tmp_path / "rows.jsonl", rows)
    return ["train", "--task", tmp_path / "mine", "--data", data, "--config", tmp_path / "config.yaml"]


def test_a_remote_judge_is_trained_with_few_questions_and_resumed(hungjury, endpoint, arguments):
    """Stopped by a dead endpoint, the second run pays for the rest only; the artifact's judge then scores."""
    answered = 12
    endpoint.answers_left = answered
    failed = hungjury(*arguments)
    assert failed.code == 1
    assert "500" in failed.err.splitlines()[-1]
    endpoint.answers_left, paid = None, len(endpoint.seen)
    done = hungjury(*arguments, "--json")
    assert done.code == 0, done.err
    assert f"asking the remote judge {ASKED} questions, about " in done.err
    assert len(endpoint.seen) - paid <= 2 * ASKED - answered  # the calibration rows, and as many test rows
    artifact = current_artifact("mine")
    assert set(done.json["members"]) == {"keyword", "judge"}
    assert artifact.manifest.metrics["rows"] == ASKED
    assert artifact.manifest.metrics["members"]["judge"]["auc"] == 1.0
    assert artifact.manifest.training.operating.positives == ASKED // 2
    panel = artifact.load_panel()
    found = panel.probabilities([Text("He was hurt."), Text("Rain fell.")])
    panel.close()
    assert np.isfinite(found).all()
    judge = [member.name for member in panel.members].index("judge")
    assert found[0, judge] > found[1, judge]
    (spent,) = (home() / "spent").glob("*.json")
    assert json.loads(spent.read_text())["total"] == pytest.approx(101e-6 * (len(endpoint.seen) - paid + answered))
