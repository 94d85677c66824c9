"""What raters see of their own work, and nobody else of it."""

from tests.service.conftest import new_item


def answer(world, role, **body):
    """Has a rater answer the best item; the receipt."""
    lease = world.post(role, "/v1/leases").json()["leases"][0]
    return world.post(role, f"/v1/leases/{lease['lease_id']}/answer", body).json()


def own(world, role="label", **query):
    """The rater's own answers."""
    return world.call(role, "GET", "/v1/me/answers", params=query).json()


def test_own_answers_with_text_and_corrections(world):
    """Newest first, with what was marked and what it replaced."""
    world.queue.enqueue([new_item(1, priority=2.0), new_item(2, priority=1.0)])
    first = answer(world, "label", answer="no", note="hm")
    answer(world, "label", answer="unsure")
    spans = [{"start": 0, "end": 4}]
    world.call("label", "PATCH", f"/v1/answers/{first['answer_id']}", json={"answer": "yes", "spans": spans})
    found = own(world)
    assert (found["total"], [each["text"] for each in found["answers"]]) == (2, ["text number 2", "text number 1"])
    corrected = found["answers"][1]
    assert corrected["answer_id"] == first["answer_id"]
    assert (corrected["body"]["answer"], corrected["body"]["spans"]) == ("yes", spans)
    assert [old["answer"] for old in corrected["history"]] == ["no"]
    assert [each["text"] for each in own(world, offset=1, count=1)["answers"]] == ["text number 1"]


def test_own_answers_show_nothing_else(world):
    """No other answer, score, label, reason or name of another is in the reply, also once an item is decided."""
    world.queue.enqueue([new_item(1)])
    answer(world, "second", answer="unsure", note="gravest-note")
    answer(world, "label", answer="no")
    reply = world.call("label", "GET", "/v1/me/answers")
    assert set(reply.json()["answers"][0]) == {
        "answer_id", "item_id", "task", "text", "context", "body", "at", "history",
    }  # fmt: skip
    for secret in ("gravest-note", "unsure", "secret", "verdict", 'label":', "probab"):
        assert secret not in reply.text
    assert own(world, "admin") == {"answers": [], "offset": 0, "total": 0}


def test_own_progress(world):
    """Counts and median time; agreement not before there is enough to compare."""
    world.queue.enqueue([new_item(1), new_item(2)])
    for seconds in (4, 8):
        answer(world, "label", answer="no", seconds=seconds)
    found = world.call("label", "GET", "/v1/me/progress").json()
    assert (found["answers"], found["median_seconds"], found["agreement"]) == (2, 6.0, None)


def test_only_raters_have_own_work(world):
    """A key that may only score, and nobody at all, are refused."""
    for path in ("/v1/me/answers", "/v1/me/progress"):
        assert world.call("score", "GET", path).status_code == 403
        assert world.client.get(path).status_code == 401


def test_spans_over_http(world):
    """Marked words are kept, and refused by name where they are no words of the text."""
    world.queue.enqueue([new_item(1, text="\U0001f622 fell")])
    lease = world.post("label", "/v1/leases").json()["leases"][0]["lease_id"]
    path = f"/v1/leases/{lease}/answer"
    for spans in (
        [{"start": 0, "end": 7}],
        [{"start": 3, "end": 3}],
        [{"start": 0}],
        [[0, 1]],
        [{"start": "0", "end": 1}],
    ):
        refused = world.post("label", path, {"answer": "yes", "spans": spans})
        assert refused.status_code == 422
        assert refused.json()["error"]["field"].startswith("spans")
    assert world.post("label", path, {"answer": "yes", "spans": [{"start": 2, "end": 6}]}).status_code == 200
    assert world.post("label", path, {"answer": "yes", "spans": [{"start": 2, "end": 5}]}).status_code == 409


def test_skips_are_shown_to_admins_alone(world):
    """Who skipped what and why is for admins; a reason that is no text is refused."""
    world.queue.enqueue([new_item(1)])
    lease = world.post("label", "/v1/leases").json()["leases"][0]["lease_id"]
    assert world.post("label", f"/v1/leases/{lease}/release", {"skip": True, "reason": 3}).status_code == 422
    assert world.post("label", f"/v1/leases/{lease}/release", {"skip": True, "reason": "in French"}).status_code == 200
    (item,) = world.call("admin", "GET", "/v1/skips").json()["items"]
    assert [skip["reason"] for skip in item["skips"]] == ["in French"]
    assert world.call("label", "GET", "/v1/skips").status_code == 403


def test_dead_items_are_shown_and_revived(world):
    """What was skipped to death is listed for admins, and served again once it is revived; not for labelers."""
    world.queue.enqueue([new_item(1)])
    for number in range(5):
        (lease,) = world.queue.lease(f"rater{number}", request_id=str(number))
        world.queue.release(lease.lease_id, f"rater{number}", skip=True)
    (item,) = world.call("admin", "GET", "/v1/dead").json()["items"]
    assert (item["new"]["id"], item["state"]) == (new_item(1).id, "dead")
    path = f"/v1/items/{new_item(1).id}/revive"
    assert world.post("label", path, {}).status_code == 403
    assert world.post("admin", "/v1/items/ghost/revive", {}).status_code == 404
    for revived in (True, False):
        assert world.post("admin", path, {}).json() == {"item_id": new_item(1).id, "revived": revived}
    assert world.call("admin", "GET", "/v1/dead").json()["items"] == []
    assert world.queue.item(new_item(1).id).state == "open"
