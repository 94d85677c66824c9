"""The commands of the README that need a running service, run as a reader would paste them."""

import json
import shutil

import pytest
from live_service import one_a_family
from shell_blocks import blocks, run_shell

pytestmark = pytest.mark.service


@pytest.fixture(scope="module")
def output(started, tmp_path_factory):
    """What the README's blocks print when pasted one after the other into one shell, with something in the queue."""
    if shutil.which("curl") is None:
        pytest.fail("the README uses curl, which is not installed")
    started.mine("readme", "--budget", 64, "--queue", 6, rows=one_a_family("calibration")[:8])
    code = "\n".join(block.code for block in blocks("README.md", "live"))
    done = run_shell(code, tmp_path_factory.mktemp("reader"), started.environment)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def _documents(output):
    """Every JSON object in the output, in order."""
    decoder, found, at = json.JSONDecoder(), [], 0
    while (at := output.find('{"', at)) >= 0:
        document, at = decoder.raw_decode(output, at)
        found.append(document)
    return found


def test_the_readme_shows_what_runs(output, started):
    """The first block shows members and addresses, and a key."""
    assert f"{started.url}/label" in output
    assert "encoder (deployed)" in output


def test_a_reader_answers_a_text_by_curl(output, started):
    """The text that was taken is the one that was answered, and the answer is kept."""
    documents = _documents(output)
    (lease,) = next(each for each in documents if "leases" in each)["leases"]
    receipt = next(each for each in documents if "answer_id" in each)
    assert receipt["item_id"] == lease["item_id"]
    (item,) = [item for item in started.items() if item["new"]["id"] == lease["item_id"]]
    bodies = {answer["answer_id"]: answer["body"] for answer in item["answers"]}
    assert (bodies[receipt["answer_id"]]["answer"], bodies[receipt["answer_id"]]["severity"]) == ("yes", 2)


def test_a_reader_sees_findings_queue_and_answers(output):
    """Findings come as JSON, queue and answers as tables."""
    assert any("findings" in each for each in _documents(output))
    for heading in ("priority", "rater"):
        assert heading in output


def test_a_reader_scores_over_http_and_from_a_file(output, started):
    """Both ways give a verdict of all members."""
    documents = _documents(output)
    (over_http,) = next(each for each in documents if "verdicts" in each)["verdicts"]
    from_file = next(each for each in documents if "miss_score" in each and "verdicts" not in each)
    members = {member["name"] for member in started.json("status")["members"]}
    assert set(over_http["members"]) == set(from_file["members"]) == members
    assert from_file["probability"] < over_http["probability"]
