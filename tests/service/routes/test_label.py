"""Taking and answering items over HTTP."""

import json

from tests.service.conftest import new_item


def take(world, role="label", **body):
    """The first lease of a rater."""
    return world.post(role, "/v1/leases", body).json()["leases"][0]


def test_nothing_due_is_an_empty_list(world):
    """An empty queue gives an empty list, with or without a body."""
    assert world.post("label", "/v1/leases").json() == {"leases": []}
    assert world.post("label", "/v1/leases", {}).json() == {"leases": []}


def test_lease_shows_the_text_and_nothing_else(world):
    """A lease never carries scores, reasons or others' answers, and the best item comes first."""
    world.queue.enqueue([new_item(1, priority=1.0), new_item(2, priority=5.0)])
    answer = world.post("label", "/v1/leases", {"count": 2, "seconds": 60})
    leases = answer.json()["leases"]
    assert [lease["text"] for lease in leases] == ["text number 2", "text number 1"]
    assert set(leases[0]) == {"lease_id", "item_id", "text", "context", "expires_at", "task"}
    assert "secret" not in answer.text
    assert "probab" not in answer.text


def test_answering_to_the_label(world):
    """Two raters answer one item; the second receipt carries the label."""
    world.queue.enqueue([new_item(1)])
    first = world.post("label", f"/v1/leases/{take(world)['lease_id']}/answer", {"answer": "yes", "severity": 3}).json()
    assert (first["answers"], first["needed"], "label" in first) == (1, 2, False)
    lease = take(world, "second")
    second = world.post("second", f"/v1/leases/{lease['lease_id']}/answer", {"answer": "yes", "note": "broken arm"})
    assert second.json()["label"] == "yes"
    assert world.post("label", "/v1/leases").json() == {"leases": []}


def test_repeating_an_answer_is_harmless_and_changing_it_is_refused(world):
    """The same body gives the same receipt; another body is a 409."""
    world.queue.enqueue([new_item(1)])
    path = f"/v1/leases/{take(world)['lease_id']}/answer"
    first = world.post("label", path, {"answer": "no"})
    assert world.post("label", path, {"answer": "no"}).json() == first.json()
    other = world.post("label", path, {"answer": "yes"})
    assert (other.status_code, other.json()["error"]["code"]) == (409, "answer_conflict")


def test_correcting_ones_own_answer(world):
    """An answer can be corrected by its rater alone, and its history is kept."""
    world.queue.enqueue([new_item(1, needed=1)])
    lease = take(world)
    receipt = world.post("label", f"/v1/leases/{lease['lease_id']}/answer", {"answer": "no"}).json()
    path = f"/v1/answers/{receipt['answer_id']}"
    refused = world.call("second", "PATCH", path, json={"answer": "yes"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "not_yours")
    assert world.call("label", "PATCH", path, json={"answer": "yes"}).json()["label"] == "yes"
    item = world.call("admin", "GET", f"/v1/items/{lease['item_id']}").json()
    assert item["answers"][0]["body"]["answer"] == "yes"
    assert item["answers"][0]["history"][0]["answer"] == "no"


def test_another_raters_lease_is_refused(world):
    """Nobody answers, renews or releases what another rater holds."""
    world.queue.enqueue([new_item(1)])
    lease = take(world)["lease_id"]
    for verb, body in (("answer", {"answer": "yes"}), ("renew", {}), ("release", {})):
        answer = world.post("second", f"/v1/leases/{lease}/{verb}", body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "not_yours")
    assert world.post("label", f"/v1/leases/{lease}/answer", {"answer": "yes"}).status_code == 200


def test_expired_lease_is_a_conflict_that_says_so(world):
    """An expired lease cannot be renewed, and the item is offered again."""
    world.queue.enqueue([new_item(1)])
    lease = take(world, seconds=10)["lease_id"]
    world.clock.now += 11
    answer = world.post("label", f"/v1/leases/{lease}/renew", {"seconds": 10})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "lease_expired")
    assert take(world)["text"] == "text number 1"


def test_renewing_moves_the_end(world):
    """Renewing holds on for that many seconds from now."""
    world.queue.enqueue([new_item(1)])
    lease = take(world, seconds=10)
    world.clock.now += 9
    renewed = world.post("label", f"/v1/leases/{lease['lease_id']}/renew", {"seconds": 10}).json()["lease"]
    assert renewed["lease_id"] == lease["lease_id"]
    assert renewed["expires_at"] > lease["expires_at"]


def test_release_returns_the_item_and_skip_hides_it(world):
    """A released item comes back to the same rater; a skipped one does not, but to others it does."""
    world.queue.enqueue([new_item(1)])
    assert world.post("label", f"/v1/leases/{take(world)['lease_id']}/release").json() == {"released": True}
    lease = take(world)["lease_id"]
    for _ in range(2):
        assert world.post("label", f"/v1/leases/{lease}/release", {"skip": True}).status_code == 200
    assert world.post("label", "/v1/leases").json() == {"leases": []}
    assert take(world, "second")["text"] == "text number 1"


def test_idempotency_key_repeats_a_lease_request(world):
    """A request repeated under its key gives the same leases; another rater's same key gives their own."""
    world.queue.enqueue([new_item(1), new_item(2)])
    headers = {"Idempotency-Key": "request-1"}
    first = world.post("label", "/v1/leases", {}, headers=headers).json()["leases"]
    assert world.post("label", "/v1/leases", {}, headers=headers).json()["leases"] == first
    other = world.post("second", "/v1/leases", {}, headers=headers).json()["leases"]
    assert other[0]["lease_id"] != first[0]["lease_id"]
    assert world.post("label", "/v1/leases", {}).json()["leases"][0]["item_id"] != first[0]["item_id"]


def test_lone_surrogate_in_a_note_is_refused(world):
    """A note that is not text is refused before it is stored."""
    content = json.dumps({"answer": "yes", "note": "\ud800"}).encode()
    answer = world.call("label", "POST", "/v1/leases/x/answer", content=content)
    assert (answer.status_code, answer.json()["error"]["field"]) == (422, "note")
