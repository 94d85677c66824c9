"""The real Serve application over HTTP and by handle, with members that are small but run where real ones do."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

pytestmark = pytest.mark.service

SCRIPT = Path(__file__).with_name("run_application.py")


class Application:
    """The running application: HTTP client, and commands to the process that started it."""

    def __init__(self, folder):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.log = (folder / "log.txt").open("w")
        self.process = subprocess.Popen(
            [sys.executable, str(SCRIPT), str(port), str(folder / "redis")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30)
        self.facts = self._reply()

    def _reply(self):
        line = self.process.stdout.readline()
        while line and not line.startswith(("{", "[", '"', "1", "2", "3", "4", "5", "6", "7", "8", "9")):
            line = self.process.stdout.readline()
        assert line, Path(self.log.name).read_text()[-3000:]
        return json.loads(line)

    def tell(self, method, **arguments):
        self.process.stdin.write(json.dumps([method, arguments]) + "\n")
        self.process.stdin.flush()
        return self._reply()

    def call(self, role, method, path, **more):
        return self.client.request(
            method, path, headers={"Authorization": f"Bearer {self.facts['keys'][role]}"}, **more
        )

    def score(self, *texts):
        return self.call("score", "POST", "/v1/score", json={"inputs": [{"text": text} for text in texts]})

    def stop(self):
        self.client.close()
        self.process.stdin.close()
        try:
            self.process.wait(60)
        finally:
            self.process.kill()
            self.process.stdout.close()
            self.log.close()


@pytest.fixture(scope="module")
def application(tmp_path_factory):
    """One application for all tests here."""
    running = Application(tmp_path_factory.mktemp("application"))
    yield running
    running.stop()


@pytest.fixture(autouse=True)
def _ready(application):
    """Every test begins with all members there."""
    wait_until(lambda: application.client.get("/readyz").status_code == 200)
    wait_until(lambda: not application.score("x").json()["verdicts"][0]["degraded"])


def wait_until(condition, seconds=60):
    """Waits for a condition."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.2)


def test_scores_in_order_over_http_and_by_handle(application):
    """HTTP and the handle give the same verdicts, in input order, from every member."""
    texts = ["all is well", "he was hurt", "hurt and hurt"]
    verdicts = application.score(*texts).json()["verdicts"]
    assert [verdict["decision"] for verdict in verdicts] == ["pass", "flag", "flag"]
    assert set(verdicts[0]["members"]) == {"encoder", "judge", "probe"}
    assert application.tell("score_texts", texts=[[text, ""] for text in texts]) == verdicts


def test_what_is_scored_over_http_is_sampled_and_what_campaigns_score_is_not(application):
    """Within moments the texts of a request are kept, with their verdict and count; those by handle are none of it."""
    application.tell("score_texts", texts=[["a miner's own text", ""]])
    verdict = application.score("a caller's text", "a caller's text").json()["verdicts"][0]
    found = {}

    def kept():
        found.update({one["text"]: one for one in application.tell("traffic")})
        return found.get("a caller's text", {}).get("times") == 2

    wait_until(kept)
    assert found["a caller's text"]["served"]["decision"] == verdict["decision"]
    assert "a miner's own text" not in found


def test_the_handle_takes_more_texts_than_a_request_may_hold(application):
    """Callers inside the cluster are not bound to the HTTP limit."""
    verdicts = application.tell("score_texts", texts=[[f"text {i}", ""] for i in range(600)])
    assert len({verdict["id"] for verdict in verdicts}) == 600


def test_language_model_writes(application):
    """Generation goes to the language model's group with all its settings."""
    texts = application.tell("generate", prompts=["a", "b"], seed=7, max_new_tokens=5)
    assert texts == ["a 7 5 1.0 0.95", "b 7 5 1.0 0.95"]


def test_language_model_reads_and_rewrites(application):
    """Fluency, gaps and paraphrases are asked of the language model's group, in order and with the seed."""
    assert application.tell("log_likelihoods", texts=["a", "bcd"]) == [-1.0, -3.0]
    (fillings,) = application.tell("infill", gaps=[["the old", " tree", 2]], seed=7)
    assert fillings == [["the", -len(" the tree")], ["the old", -len(" the old tree")]]
    (paraphrase,) = application.tell("paraphrase", texts=["one two"], seed=7)
    assert paraphrase.endswith("7 3 0.7 0.95")


def test_the_language_model_works_in_small_parts(application):
    """Many texts are read in order, in parts between which others are scored, each part with a seed of its own."""
    texts = ["a" * (1 + index) for index in range(20)]
    assert application.tell("log_likelihoods", texts=texts) == [-float(len(text)) for text in texts]
    found = application.tell("paraphrase", texts=[f"one {index}" for index in range(10)], seed=7)
    assert [text.split()[-4] for text in found] == ["7"] * 8 + ["15"] * 2
    assert application.tell("word_vectors", words=["tree", "two words", "sea"]) == [["tree", "sea"], [[4, 1], [3, 1]]]


def test_concurrent_requests_are_all_answered(application):
    """Many requests at once each get their own texts' verdicts."""

    def one(number):
        text = f"number {number} " + "hurt " * (number % 3)
        verdict = application.score(text).json()["verdicts"][0]
        return verdict["decision"] == ("flag" if number % 3 else "pass")

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(one, range(96)))


def test_slow_member_is_left_out_and_the_text_flagged(application):
    """A member that misses its deadline is named as missing, and the text is flagged."""
    started = time.monotonic()
    verdict = application.score("slow and harmless").json()["verdicts"][0]
    assert verdict["degraded"] == ["judge", "probe"]
    assert (verdict["decision"], verdict["review"]) == ("flag", True)
    assert time.monotonic() - started < 10


def test_killed_member_degrades_the_verdict_and_comes_back(application):
    """After kill -9 of a member's process every request is still answered, and the member returns without hands."""
    pid = application.tell("replica_pids")["language_model"]
    os.kill(pid, signal.SIGKILL)
    answers = []
    end = time.monotonic() + 60
    while time.monotonic() < end:
        answer = application.score("all is well")
        assert answer.status_code == 200
        answers.append(answer.json()["verdicts"][0])
        if any(verdict["degraded"] for verdict in answers) and not answers[-1]["degraded"]:
            break
        time.sleep(0.1)
    assert not answers[-1]["degraded"]
    degraded = [verdict for verdict in answers if verdict["degraded"]]
    assert degraded
    assert all(verdict["decision"] == "flag" for verdict in degraded)
    assert application.tell("replica_pids")["language_model"] != pid


def test_bad_input_through_the_real_server(application):
    """Errors have the one shape through Serve's proxy too, and the service goes on."""
    for content, status in ((b"{", 400), (b'{"inputs": []}', 422), (b"a" * 5_000_000, 413), (b"\xff\xfe", 400)):
        answer = application.call("score", "POST", "/v1/score", content=content)
        assert answer.status_code == status, answer.text
        assert answer.json()["error"]["code"]
    assert application.client.post("/v1/score", json={}).status_code == 401
    assert application.score("x").status_code == 200


def test_largest_request_passes(application):
    """As many and as long texts as the limits allow in one body are scored."""
    answer = application.score(*["a " * 7_500] * 256)
    assert answer.status_code == 200, answer.text
    assert len(answer.json()["verdicts"]) == 256


def test_queue_survives_the_death_of_its_server(application):
    """Without its store the service says 503 for labelling, still scores, and recovers by itself."""
    os.kill(application.facts["redis_pid"], signal.SIGKILL)
    answer = application.call("label", "POST", "/v1/leases")
    assert answer.status_code in {200, 503}
    if answer.status_code == 503:
        assert answer.headers["Retry-After"]
    application.facts["redis_pid"] = application.tell("restart_redis")
    wait_until(lambda: application.call("label", "POST", "/v1/leases").status_code == 200)
    assert application.client.get("/readyz").status_code == 200


def test_miners_and_http_share_what_is_known(application):
    """A text scored over HTTP costs a caller inside the cluster no forward pass, and gives the same verdict."""

    def cache(what):
        found = application.call("admin", "GET", "/v1/metrics/summary").json()["metrics"][f"hungjury_cache_{what}"]
        return {one["tags"]["group"]: one["value"] for one in found}

    verdicts = application.score("asked twice").json()["verdicts"]
    hits, misses = cache("hits"), cache("misses")
    assert application.tell("score_texts", texts=[["asked twice", ""]]) == verdicts
    assert cache("hits") == {group: value + 1 for group, value in hits.items()}
    assert cache("misses") == misses


def test_independence_is_kept_by_the_running_application(application):
    """The route answers with the members of today, and says that nothing is labelled yet."""
    wait_until(lambda: application.call("admin", "GET", "/v1/independence").status_code == 200)
    found = application.call("admin", "GET", "/v1/independence").json()
    assert (found["items"], found["weighted"]) == (0, None)
    assert found["versions"] == {"encoder": "1" * 12, "judge": "2" * 12, "probe": "3" * 12}


def test_numbers_appear_at_rays_own_endpoint(application):
    """The service's numbers are exported by Ray, with texts by member and the queue's state."""
    application.score("counted")

    def exported():
        text = httpx.get(application.facts["metrics"], timeout=10).text
        wanted = (
            "ray_hungjury_texts_total",
            "ray_hungjury_queue_items",
            "ray_hungjury_batch_texts_bucket",
            "ray_hungjury_cache_entries",
            "ray_hungjury_live_items",
        )
        return all(name in text for name in wanted) and 'member="probe"' in text

    wait_until(exported)
    summary = application.call("admin", "GET", "/v1/metrics/summary").json()
    texts = {one["tags"]["member"]: one["value"] for one in summary["metrics"]["hungjury_texts"]}
    assert min(texts[name] for name in ("encoder", "judge", "probe")) >= 1
