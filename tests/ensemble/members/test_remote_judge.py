import numpy as np
import pytest
from endpoint import running_endpoint
from pydantic import ValidationError
from remote_judges import HURT, WELL, judges_of

from ensemble.errors import ArtifactError, MemberUnavailableError
from ensemble.members.answers import read_choice
from ensemble.members.remote_judge import FILE, RemoteJudge
from ensemble.members.specs import JudgeSpec
from ensemble.text import Text

KEY = "local-test-key"


@pytest.fixture
def endpoint():
    with running_endpoint() as server:
        yield server


@pytest.fixture
def judge(endpoint):
    yield from judges_of(endpoint)


@pytest.mark.parametrize("api", ["chat", "completions"])
def test_probabilities_of_the_answers_are_read(judge, endpoint, api):
    """Where the endpoint tells log-probabilities, the score is their difference, calibrated, in input order."""
    scores = judge(api=api).score([HURT, WELL, HURT])
    expected = 1 / (1 + np.exp([-2.0, 2.5, -2.0]))
    np.testing.assert_allclose(scores[:, 0], expected)
    paths = {path for path, *_ in endpoint.seen}
    assert paths == {"/v1/chat/completions" if api == "chat" else "/v1/completions"}
    assert all(body["model"] == "tiny" and body["temperature"] == 0 for _, _, body, _ in endpoint.seen)


@pytest.mark.parametrize(
    ("api", "form"), [("chat", "words"), ("completions", "words"), ("chat", "structured"), ("chat", "few-logprobs")]
)
def test_each_form_of_answer_is_read(judge, endpoint, api, form):
    """An endpoint is judged by the word it writes, by JSON with one of two words, or by few log-probabilities."""
    endpoint.most_likely = 5
    yes, no = (2.0, -2.5) if form == "few-logprobs" else (1.0, -1.0)
    found = judge(form, api=api).score([HURT, WELL])[:, 0]
    np.testing.assert_allclose(found, 1 / (1 + np.exp([-yes, -no])))
    asked = endpoint.seen[0][2]
    assert ("response_format" in asked) == (form == "structured")
    assert bool(asked.get("logprobs")) == (form == "few-logprobs")


@pytest.mark.parametrize("form", ["logprobs", "structured"])
def test_another_form_than_calibrated_is_an_unavailable_member(judge, endpoint, form):
    """Numbers of one form mean nothing in another: the member is unavailable and the message says what to do."""
    endpoint.offers, endpoint.ignores = set(), True
    with pytest.raises(MemberUnavailableError, match="prepare the task again"):
        judge(form).score([HURT])


def test_a_word_out_of_sight_is_less_likely_than_those_in_sight():
    """Only one answer among the likely ones: the other counts as one nat below the last that is told."""
    told = {"logprobs": {"top_logprobs": [{"Yes": -0.5, "x": -4.0}]}, "text": "Yes"}
    assert read_choice(told, " Yes", " No", "logprobs") == pytest.approx(4.5)
    assert read_choice(told, " No", " Yes", "logprobs") == pytest.approx(-4.5)


def test_spellings_of_an_answer_are_added():
    """Tokens that differ in case or spaces are one answer."""
    told = {"logprobs": {"top_logprobs": [{"Yes": np.log(0.3), " yes": np.log(0.3), "no": np.log(0.2)}]}, "text": ""}
    assert read_choice(told, " Yes", " No", "logprobs") == pytest.approx(np.log(3))


@pytest.mark.parametrize("impossible", [-9999.0, float("-inf"), None])
def test_an_impossible_word_is_very_unlikely_and_no_more(impossible):
    """However an endpoint writes that a word is out of the question, the preference stays within reason."""
    told = {"logprobs": {"top_logprobs": [{"Yes": -0.1, "No": impossible}]}, "text": ""}
    assert 0 < read_choice(told, " Yes", " No", "logprobs") < 35


def test_what_is_no_log_probability_is_not_read():
    """Not-a-number and probabilities above 1 are errors, not numbers that reach a verdict."""
    for value in (float("nan"), 2.0):
        told = {"logprobs": {"top_logprobs": [{"Yes": value, "No": -1.0}]}, "text": ""}
        with pytest.raises(ValueError, match="no log-probability"):
            read_choice(told, " Yes", " No", "logprobs")


def test_neither_answer_is_no_preference():
    """A model that writes something else prefers nothing."""
    assert read_choice({"message": {"content": "I cannot say."}}, " Yes", " No", "words") == 0
    assert read_choice({"text": ""}, " Yes", " No", "words") == 0


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
    with pytest.raises(MemberUnavailableError, match="no answer within"):
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
    """The key is sent as a bearer token and stands in no file; without it the member is unavailable, yet loads."""
    monkeypatch.setenv("JUDGE_TEST_KEY", KEY)
    one = judge(api_key_env="JUDGE_TEST_KEY")
    one.score([HURT])
    assert endpoint.seen[0][1]["Authorization"] == f"Bearer {KEY}"
    assert KEY not in one._file.model_dump_json()
    monkeypatch.delenv("JUDGE_TEST_KEY")
    with pytest.raises(MemberUnavailableError, match="JUDGE_TEST_KEY"):
        judge(api_key_env="JUDGE_TEST_KEY").score([HURT])


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
    assert judge("words").members != one.members
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
        ({"endpoint": "http://user:word@h/v1", "endpoint_model": "m"}, "holds no user"),
        ({"endpoint": "http://h/v1?key=word", "endpoint_model": "m"}, "holds no user"),
        ({"endpoint": "http://h/v1", "endpoint_model": "m", "budget": 1.0}, "needs price"),
    ],
)
def test_contradictory_specifications_are_refused(settings, message):
    """A specification that names two models, or half of one, or holds a key, is refused."""
    with pytest.raises(ValidationError, match=message):
        JudgeSpec(**settings)
