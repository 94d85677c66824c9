import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from pydantic import ValidationError

from ensemble.calibration import Platt
from ensemble.errors import ArtifactError, MemberUnavailableError
from ensemble.members.answers import preference
from ensemble.members.prompts import Prompt
from ensemble.members.remote_judge import FILE, RemoteJudge, RemoteJudgeFile
from ensemble.members.specs import JudgeSpec
from ensemble.text import Text

PROMPT = Prompt(name="p", item="Text: {text}\nHurt?")
HURT, WELL = Text("he broke his arm"), Text("she sang well")
KEY = "local-test-key"


class Endpoint(ThreadingHTTPServer):
    """A small OpenAI-compatible server whose model says yes to whatever breaks."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}/v1"
        self.logprobs = True
        self.refusals = []
        self.headers_to_send = {}
        self.delay = 0.0
        self.raw = None
        self.seen = []
        self.under_way = self.most_under_way = 0
        self.lock = threading.Lock()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        server = self.server
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        with server.lock:
            server.seen.append((self.path, dict(self.headers), body, time.monotonic()))
            refusal = server.refusals.pop(0) if server.refusals else None
            server.under_way += 1
            server.most_under_way = max(server.most_under_way, server.under_way)
        time.sleep(server.delay)
        with server.lock:
            server.under_way -= 1
        if refusal is not None:
            self._send(refusal, b'{"error": {"message": "not now"}}', server.headers_to_send)
        else:
            self._send(200, server.raw or json.dumps({"choices": [self._choice(body)]}).encode(), {})

    def _choice(self, body):
        chat = "messages" in body
        asked = body["messages"][-1]["content"] if chat else body["prompt"]
        last = asked.rsplit("Text:", 1)[1]
        yes, no = (-0.1, -2.1) if "broke" in last else (-3.0, -0.5)
        word = "Yes" if yes > no else "No"
        told = {" Yes": yes, "No": no, "Perhaps": -9.0}
        entries = [{"token": token, "logprob": value} for token, value in told.items()]
        if not self.server.logprobs:
            return {"message": {"content": f"{word}."}} if chat else {"text": f" {word}."}
        if chat:
            return {"message": {"content": word}, "logprobs": {"content": [{"token": word, "top_logprobs": entries}]}}
        return {"text": word, "logprobs": {"top_logprobs": [told]}}

    def _send(self, status, payload, headers):
        self.send_response(status)
        for name, value in {"content-length": str(len(payload)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, *_):
        """Keeps the test's output clean."""


@pytest.fixture
def endpoint():
    server = Endpoint()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def judge(endpoint):
    made = []

    def make(**settings):
        settings = {"endpoint": endpoint.url, "endpoint_model": "tiny", "retries": 2} | settings
        file = RemoteJudgeFile(
            spec=JudgeSpec(**settings), prompt=PROMPT, calibration=Platt(slope=1.0, intercept=0.0)
        ).versioned()
        made.append(RemoteJudge(file))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.mark.parametrize("api", ["chat", "completions"])
def test_probabilities_of_the_answers_are_read(judge, endpoint, api):
    """Where the endpoint tells log-probabilities, the score is their difference, calibrated, in input order."""
    scores = judge(api=api).score([HURT, WELL, HURT])
    expected = 1 / (1 + np.exp([-2.0, 2.5, -2.0]))
    np.testing.assert_allclose(scores[:, 0], expected)
    paths = {path for path, *_ in endpoint.seen}
    assert paths == {"/v1/chat/completions" if api == "chat" else "/v1/completions"}
    assert all(body["model"] == "tiny" and body["temperature"] == 0 for _, _, body, _ in endpoint.seen)


@pytest.mark.parametrize("api", ["chat", "completions"])
def test_words_are_read_where_no_probabilities_are_told(judge, endpoint, api):
    """An endpoint without log-probabilities is judged by the word it writes."""
    endpoint.logprobs = False
    np.testing.assert_allclose(judge(api=api).score([HURT, WELL])[:, 0], 1 / (1 + np.exp([-1.0, 1.0])))


def test_a_word_out_of_sight_is_less_likely_than_those_in_sight():
    """Only one answer among the likely ones: the other counts as one nat below the last that is told."""
    told = {"logprobs": {"top_logprobs": [{"Yes": -0.5, "x": -4.0}]}, "text": "Yes"}
    assert preference(told, " Yes", " No") == pytest.approx(4.5)
    assert preference(told, " No", " Yes") == pytest.approx(-4.5)


def test_spellings_of_an_answer_are_added():
    """Tokens that differ in case or spaces are one answer."""
    told = {"logprobs": {"top_logprobs": [{"Yes": np.log(0.3), " yes": np.log(0.3), "no": np.log(0.2)}]}, "text": ""}
    assert preference(told, " Yes", " No") == pytest.approx(np.log(3))


def test_neither_answer_is_no_preference():
    """A model that writes something else prefers nothing."""
    assert preference({"message": {"content": "I cannot say."}}, " Yes", " No") == 0
    assert preference({"text": ""}, " Yes", " No") == 0


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_passing_refusals_are_tried_again(judge, endpoint, status):
    """Load and server errors are retried until an answer comes."""
    endpoint.refusals = [status, status]
    assert judge().score([HURT])[0, 0] > 0.5
    assert len(endpoint.seen) == 3


def test_a_lasting_refusal_is_an_unavailable_member(judge, endpoint):
    """After the last retry the member is unavailable, and the message has the status."""
    endpoint.refusals = [503] * 3
    with pytest.raises(MemberUnavailableError, match="503"):
        judge().score([HURT])
    assert len(endpoint.seen) == 3


@pytest.mark.parametrize("status", [400, 401, 404])
def test_a_final_refusal_is_not_tried_again(judge, endpoint, status):
    """A refusal that will not pass by itself costs one request."""
    endpoint.refusals = [status]
    with pytest.raises(MemberUnavailableError, match=str(status)):
        judge().score([HURT])
    assert len(endpoint.seen) == 1


def test_retry_after_is_kept(judge, endpoint):
    """The pause is no shorter than the server asks for."""
    endpoint.refusals, endpoint.headers_to_send = [429], {"retry-after": "1"}
    judge().score([HURT])
    (*_, first), (*_, second) = endpoint.seen
    assert second - first >= 1.0


def test_a_slow_endpoint_is_an_unavailable_member(judge, endpoint):
    """An attempt that exceeds its time is given up."""
    endpoint.delay = 1.0
    with pytest.raises(MemberUnavailableError, match="cannot be reached"):
        judge(timeout_seconds=0.1, retries=0).score([HURT])


def test_an_absent_endpoint_is_an_unavailable_member(judge):
    """Nobody listening is not a crash."""
    with pytest.raises(MemberUnavailableError, match="cannot be reached"):
        judge(endpoint="http://127.0.0.1:9/v1", retries=0).score([HURT])


@pytest.mark.parametrize(
    "raw", [b"<html>", b"{}", b'{"choices": []}', b'{"choices": [{"message": {"content": null}}]}']
)
def test_nonsense_is_an_unavailable_member(judge, endpoint, raw):
    """An answer in another format is reported, not guessed at."""
    endpoint.raw = raw
    with pytest.raises(MemberUnavailableError, match=r"no usable answer|not JSON"):
        judge().score([HURT])


def test_requests_under_way_are_bounded(judge, endpoint):
    """Never more at once than the specification allows, and no fewer than it allows when there is work."""
    endpoint.delay = 0.1
    judge(concurrency=3).score([HURT] * 9)
    assert endpoint.most_under_way == 3


def test_the_key_comes_from_the_environment_only(judge, endpoint, monkeypatch):
    """The key is sent as a bearer token and stands in no file; without it the member is unavailable."""
    monkeypatch.setenv("JUDGE_TEST_KEY", KEY)
    one = judge(api_key_env="JUDGE_TEST_KEY")
    one.score([HURT])
    assert endpoint.seen[0][1]["Authorization"] == f"Bearer {KEY}"
    assert KEY not in one._file.model_dump_json()
    monkeypatch.delenv("JUDGE_TEST_KEY")
    with pytest.raises(MemberUnavailableError, match="JUDGE_TEST_KEY"):
        judge(api_key_env="JUDGE_TEST_KEY")


def test_the_highest_window_counts(judge, endpoint):
    """A long text is asked about window by window, and one yes is enough."""
    calm = "She sang well and the boat came in. " * 20
    assert judge().score([Text(calm), Text(f"{calm}He broke his arm.")])[:, 0].round(2).tolist() == [0.08, 0.88]
    assert len(endpoint.seen) > 2


def test_a_closed_judge_says_so(judge):
    """Closing twice is harmless; scoring afterwards is an unavailable member."""
    one = judge()
    one.close()
    one.close()
    with pytest.raises(MemberUnavailableError, match="closed"):
        one.score([HURT])


def test_file_round_trip(judge, tmp_path):
    """A judge is read back with its version; limits do not change the version, the model does."""
    one = judge()
    (tmp_path / "judge").mkdir()
    (tmp_path / FILE).write_text(one._file.model_dump_json())
    again = RemoteJudge.load(tmp_path)
    assert again.members == one.members
    again.close()
    assert judge(retries=0, concurrency=1).members == one.members
    assert judge(endpoint_model="other").members != one.members
    (tmp_path / FILE).write_text("{}")
    with pytest.raises(ArtifactError, match="prepare the task again"):
        RemoteJudge.load(tmp_path)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"endpoint": "http://h/v1", "endpoint_model": "m", "model": "x"}, "not both"),
        ({"endpoint": "http://h/v1"}, "needs endpoint_model"),
        ({"endpoint_model": "m"}, "without endpoint"),
        ({"api_key_env": "KEY"}, "without endpoint"),
        ({"endpoint": "ftp://h", "endpoint_model": "m"}, "http"),
        ({"endpoint": "http://h/v1", "endpoint_model": "m", "api_key_env": "not a name"}, "pattern"),
        ({"api_key": "secret"}, "Extra inputs"),
    ],
)
def test_contradictory_specifications_are_refused(settings, message):
    """A specification that names two models, or half of one, or holds a key, is refused."""
    with pytest.raises(ValidationError, match=message):
        JudgeSpec(**settings)
