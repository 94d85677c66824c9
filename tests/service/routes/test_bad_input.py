"""Bad input: always an error that names field and limit, never a 500, and the service goes on."""

import json

import pytest

GOOD = b'{"inputs": [{"text": "all is well"}]}'

BAD_SCORES = {
    "broken JSON": (b'{"inputs": [', 400, None, "line 1"),
    "empty body": (b"", 422, None, ""),
    "binary": (bytes(range(256)), 400, None, "UTF-8"),
    "gzip": (b"\x1f\x8b\x08\x00abc", 400, None, "UTF-8"),
    "not a number": (b'{"inputs": [{"text": "a"}], "task": NaN}', 400, None, "NaN"),
    "infinity": (b'{"inputs": -Infinity}', 400, None, "Infinity"),
    "deep nesting": (b'{"inputs": ' + b"[" * 200_000, 400, None, "nested"),
    "deep nesting, closed": (b'{"inputs": ' + b"[" * 900 + b"]" * 900 + b"}", 422, "inputs[0]", "dictionary"),
    "huge integer": (b'{"inputs": ' + b"9" * 10_000 + b"}", 400, None, "number"),
    "a list": (b"[]", 422, None, "dictionary"),
    "null": (b"null", 422, None, ""),
    "no inputs": (b"{}", 422, "inputs", "required"),
    "empty inputs": (b'{"inputs": []}', 422, "inputs", "at least 1"),
    "inputs not a list": (b'{"inputs": "abc"}', 422, "inputs", "list"),
    "text not a string": (b'{"inputs": [{"text": "a"}, {"text": 3}]}', 422, "inputs[1].text", "string"),
    "text missing": (b'{"inputs": [{}]}', 422, "inputs[0].text", "required"),
    "empty text": (b'{"inputs": [{"text": ""}]}', 422, "inputs[0].text", "empty"),
    "blank text": (b'{"inputs": [{"text": " \\n\\t "}]}', 422, "inputs[0].text", "empty"),
    "NUL": (b'{"inputs": [{"text": "a\\u0000b"}]}', 422, "inputs[0].text", "NUL"),
    "raw control character": (b'{"inputs": [{"text": "a\x00b"}]}', 400, None, "control character"),
    "lone surrogate": (b'{"inputs": [{"text": "ab\\ud800"}]}', 422, "inputs[0].text", "surrogate"),
    "lone surrogate in a context": (
        b'{"inputs": [{"text": "a", "context": "\\uDFFF"}]}', 422, "inputs[0].context", "surrogate",
    ),
    "lone surrogate in an id": (b'{"inputs": [{"text": "a", "id": "\\ud800"}]}', 422, "inputs[0].id", "surrogate"),
    "lone surrogate in a name": (b'{"inputs": [{"\\ud800": "a"}]}', 422, "inputs[0].(a field's name)", "surrogate"),
    "unknown field": (b'{"inputs": [{"text": "a", "txet": "b"}]}', 422, "inputs[0].txet", "not a field"),
    "unknown top field": (b'{"inputs": [{"text": "a"}], "model": "x"}', 422, "model", "not a field"),
    "unknown task": (b'{"inputs": [{"text": "a"}], "task": "weather"}', 422, "task", "injury"),
    "long id": (json.dumps({"inputs": [{"text": "a", "id": "i" * 300}]}).encode(), 422, "inputs[0].id", "256"),
    "1 MB text": (json.dumps({"inputs": [{"text": "a" * 1_000_000}]}).encode(), 413, "inputs[0].text", "20,000"),
    "long context": (
        json.dumps({"inputs": [{"text": "a", "context": "b" * 20_001}]}).encode(), 413, "inputs[0].context", "20,000",
    ),
    "10,000 inputs": (json.dumps({"inputs": [{"text": "a"}] * 10_000}).encode(), 413, "inputs", "256"),
    "5 MB body": (b'{"inputs": "' + b"a" * 5_000_000 + b'"}', 413, None, "4,194,304"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_SCORES)
def test_bad_scoring_request_names_what_is_wrong(world, name):
    """Whatever is sent to be scored, the error says which field and which limit, and the next request is served."""
    content, status, field, hint = BAD_SCORES[name]
    answer = world.call("score", "POST", "/v1/score", content=content)
    error = answer.json()["error"]
    assert answer.status_code == status, answer.text
    assert error.get("field") == field
    assert hint in error["message"]
    assert set(error) <= {"code", "message", "field"}
    assert len(answer.content) < 1000
    assert world.call("score", "POST", "/v1/score", content=GOOD).status_code == 200


def test_streamed_body_is_cut_off_at_the_limit(world):
    """A body that does not declare its size is refused once it is past the limit, not read to its end."""
    sent = 0

    def endless():
        nonlocal sent
        for _ in range(1000):
            sent += 1
            yield b"a" * 100_000

    answer = world.call("score", "POST", "/v1/score", content=endless())
    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "body_too_large"


BAD_LABELS = {
    "lease count 0": ("POST", "/v1/leases", {"count": 0}, 422, "count"),
    "lease count too large": ("POST", "/v1/leases", {"count": 51}, 422, "count"),
    "lease count a string": ("POST", "/v1/leases", {"count": "1"}, 422, "count"),
    "lease count true": ("POST", "/v1/leases", {"count": True}, 422, "count"),
    "lease seconds negative": ("POST", "/v1/leases", {"seconds": -1}, 422, "seconds"),
    "lease seconds too long": ("POST", "/v1/leases", {"seconds": 1e9}, 422, "seconds"),
    "lease of unknown field": ("POST", "/v1/leases", {"rater": "me"}, 422, "rater"),
    "release of unknown lease": ("POST", "/v1/leases/nothing/release", None, 404, None),
    "renewal of unknown lease": ("POST", "/v1/leases/nothing/renew", {"seconds": 10}, 404, None),
    "answer without answer": ("POST", "/v1/leases/nothing/answer", {}, 422, "answer"),
    "answer maybe": ("POST", "/v1/leases/nothing/answer", {"answer": "maybe"}, 422, "answer"),
    "severity 5": ("POST", "/v1/leases/nothing/answer", {"answer": "yes", "severity": 5}, 422, "severity"),
    "severity 1.5": ("POST", "/v1/leases/nothing/answer", {"answer": "yes", "severity": 1.5}, 422, "severity"),
    "note too long": ("POST", "/v1/leases/nothing/answer", {"answer": "yes", "note": "n" * 2001}, 422, "note"),
    "answer to unknown lease": ("POST", "/v1/leases/nothing/answer", {"answer": "yes"}, 404, None),
    "lease id full of oddities": ("POST", "/v1/leases/%00%ff%2e%2e*/answer", {"answer": "yes"}, 422, "lease_id"),
    "correction of unknown answer": ("PATCH", "/v1/answers/nothing", {"answer": "yes"}, 404, None),
    "unknown route": ("GET", "/v1/nothing", None, 404, None),
    "wrong method": ("DELETE", "/v1/leases", None, 405, None),
}


@pytest.mark.parametrize("name", BAD_LABELS)
def test_bad_labelling_request_names_what_is_wrong(world, name):
    """Whatever a labeler's program sends, the error has the one shape and names the field."""
    method, path, body, status, field = BAD_LABELS[name]
    answer = world.call("label", method, path, json=body)
    assert answer.status_code == status, answer.text
    assert answer.json()["error"].get("field") == field
    assert world.post("label", "/v1/leases").status_code == 200


BAD_READS = {
    "unknown item": ("/v1/items/nothing", 404, None),
    "unknown kind": ("/v1/findings?kind=XX", 422, "kind"),
    "negative offset": ("/v1/findings?offset=-1", 422, "offset"),
    "count of words": ("/v1/findings?count=many", 422, "count"),
    "top of the top": ("/v1/queue?top=100000", 422, "top"),
}


@pytest.mark.parametrize("name", BAD_READS)
def test_bad_reading_request_names_what_is_wrong(world, name):
    """A wrong query is answered with the name of its parameter."""
    path, status, field = BAD_READS[name]
    answer = world.call("admin", "GET", path)
    assert answer.status_code == status, answer.text
    assert answer.json()["error"].get("field") == field


def test_surrogate_in_an_error_is_still_utf8(world):
    """An error that repeats a field's name is valid UTF-8 and valid JSON, whatever that name holds."""
    content = b'{"inputs": [{"text": "a"}], "\\ud83d\\ude00\\u0007": 1}'
    answer = world.call("score", "POST", "/v1/score", content=content)
    assert answer.status_code == 422
    assert json.loads(answer.content.decode("utf-8"))["error"]["field"] == "\U0001f600\x07"
