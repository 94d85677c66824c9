"""Scoring over HTTP."""

import json

from ensemble.text import identity


def test_verdicts_come_in_input_order_with_the_callers_ids(world):
    """Each input has its verdict, in order, under the caller's id or the text's identity."""
    inputs = [
        {"text": "he was hurt", "id": "a"},
        {"text": "all is well"},
        {"text": "hurt", "context": "Then", "id": "c"},
    ]
    body = world.post("score", "/v1/score", {"inputs": inputs}).json()
    assert [verdict["id"] for verdict in body["verdicts"]] == ["a", identity("all is well"), "c"]
    assert [verdict["decision"] for verdict in body["verdicts"]] == ["flag", "pass", "flag"]
    assert body["task"] == "injury"


def test_a_verdict_has_every_promised_field(world):
    """A verdict carries probability, decision, disagreement, members, degraded and review."""
    body = world.post("score", "/v1/score", {"inputs": [{"text": "hurt"}], "task": "injury"}).json()
    verdict = body["verdicts"][0]
    assert {"id", "probability", "decision", "disagreement", "members", "degraded", "review"} <= set(verdict)
    assert set(verdict["members"]["words"]) == {"probability", "vote", "version"}


def test_a_verdict_says_what_was_not_asked(world):
    """Members left out by choice stand under `skipped`, with the odds of having been asked; nothing is degraded."""
    verdict = world.post("score", "/v1/score", {"inputs": [{"text": "spared hurt"}, {"text": "hurt"}]}).json()[
        "verdicts"
    ]
    assert [one["skipped"] for one in verdict] == [["judge"], []]
    assert [one["asked_probability"] for one in verdict] == [0.02, 1.0]
    assert [one["degraded"] for one in verdict] == [[], []]
    shown = world.client.get("/openapi.json").json()["components"]["schemas"]["Verdict"]["properties"]
    assert {"skipped", "asked_probability"} <= set(shown)


def test_content_type_does_not_matter(world):
    """JSON sent as curl sends it by default is read as JSON."""
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = world.call("score", "POST", "/v1/score", content='{"inputs": [{"text": "x"}]}', headers=headers)
    assert answer.status_code == 200


def test_unusual_but_honest_text_is_scored(world):
    """Control characters, emoji, right-to-left text and a null context are text like any other."""
    texts = ["\x01\x02 bell \x07", "😀" * 50, "שלום", "a\u202eb", "0"]
    body = {"inputs": [{"text": text, "context": None} for text in texts]}
    assert world.post("score", "/v1/score", body).status_code == 200


def test_no_member_means_no_verdict(world):
    """When nobody can score, the answer is 503 with the time to wait, not a guess."""
    world.rule.down = True
    answer = world.post("score", "/v1/score", {"inputs": [{"text": "x"}]})
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) >= 1
    assert answer.json()["error"]["code"] == "unavailable"


def test_unexpected_failure_shows_nothing_of_the_inside(world, caplog):
    """A bug becomes a 500 with an id that the log knows, and nothing else."""
    world.rule.broken = True
    answer = world.post("score", "/v1/score", {"inputs": [{"text": "x"}]})
    message = answer.json()["error"]["message"]
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
    assert message.rsplit(" ", 1)[-1] in caplog.text
    world.rule.broken = False
    assert world.post("score", "/v1/score", {"inputs": [{"text": "x"}]}).status_code == 200


def test_a_long_body_is_read_as_strictly_as_a_short_one(world):
    """What is parsed in a thread, because it is long, is refused for the same reasons and scored as well."""
    texts = [{"text": "hurt " * 3_000} for _ in range(10)]
    assert world.post("score", "/v1/score", {"inputs": texts}).status_code == 200
    broken = json.dumps({"inputs": texts}).encode()[:-1]
    assert world.call("score", "POST", "/v1/score", content=broken).json()["error"]["code"] == "bad_json"


def test_the_stages_of_a_request_are_counted(world):
    """Reading, waiting for a turn and writing each have their time in the numbers of the service."""
    world.post("score", "/v1/score", {"inputs": [{"text": "x"}]})
    metrics = world.call("admin", "GET", "/v1/metrics/summary").json()["metrics"]
    counts = {one["tags"]["stage"]: one["count"] for one in metrics["hungjury_stage_seconds"]}
    assert counts == {"read": 1, "line": 1, "write": 1}
