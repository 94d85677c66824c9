"""What admins read over HTTP."""

from tests.service.conftest import new_item


def answered(world, value, *, number=1):
    """Queues an item, has it answered once, and gives its id."""
    world.queue.enqueue([new_item(number, needed=1)])
    lease = world.post("label", "/v1/leases").json()["leases"][0]
    world.post("label", f"/v1/leases/{lease['lease_id']}/answer", {"answer": value, "severity": 2})
    return lease["item_id"]


def test_queue_shows_counts_and_top(world):
    """The queue's numbers are there, and its top only when asked for."""
    world.queue.enqueue([new_item(1, priority=1.0), new_item(2, priority=2.0)])
    assert world.call("admin", "GET", "/v1/queue").json()["waiting"] == 2
    top = world.call("admin", "GET", "/v1/queue?top=1").json()["top"]
    assert [item["new"]["text"] for item in top] == ["text number 2"]


def test_findings_are_the_deployed_members_mistakes(world):
    """A passed text that is labelled yes is a false negative; one that is labelled no is no finding."""
    answered(world, "no", number=1)
    wrong = answered(world, "yes", number=2)
    found = world.call("admin", "GET", "/v1/findings").json()
    assert [(one["kind"], one["item"]["new"]["id"]) for one in found["findings"]] == [("FN", wrong)]
    assert world.call("admin", "GET", "/v1/findings?kind=FP").json()["findings"] == []


def test_item_has_its_whole_history(world):
    """An admin sees verdict, provenance and answers of an item."""
    name = answered(world, "yes")
    item = world.call("admin", "GET", f"/v1/items/{name}").json()
    assert item["item_id"] == name
    assert item["new"]["provenance"]["source"] == "corpus:test"
    assert [answer["body"]["answer"] for answer in item["answers"]] == ["yes"]


def test_summary_counts_refusals_and_shows_the_queue(world):
    """The summary has the queue as it is now beside what was counted."""
    world.queue.enqueue([new_item(1)])
    summary = world.call("admin", "GET", "/v1/metrics/summary").json()
    assert summary["queue"]["waiting"] == 1
    assert summary["uptime_seconds"] >= 0
    assert "hungjury_queue_up" in summary["metrics"]


def test_one_more_vote_can_be_ordered(world):
    """An answered item is served again, with its label standing; at its own priority, or at another."""
    name = answered(world, "yes")
    for body, priority in (({"needed": 2}, 0.0), ({"needed": 3, "priority": 7.5}, 7.5)):
        told = world.post("admin", f"/v1/items/{name}/order", body)
        assert told.json() == {"item_id": name, "needed": body["needed"], "ordered": True}
        item = world.call("admin", "GET", f"/v1/items/{name}").json()
        assert (item["state"], item["label"], item["new"]["needed"]) == ("open", "yes", body["needed"])
        assert item["new"]["priority"] == priority


def test_what_cannot_be_ordered(world):
    """An unknown item is a 404, more answers than allowed a 422, and nobody but an admin may."""
    name = answered(world, "yes")
    assert world.post("admin", "/v1/items/nobody/order", {"needed": 2}).status_code == 404
    assert world.post("admin", f"/v1/items/{name}/order", {"needed": 101}).status_code == 422
    assert world.post("label", f"/v1/items/{name}/order", {"needed": 2}).status_code == 403


def test_raters_are_told_to_admins_alone(world):
    """Each with answers, sensitivity and interval; labelers may not see it."""
    answered(world, "yes")
    report = world.call("admin", "GET", "/v1/raters").json()
    (row,) = report["raters"]
    assert row["answers"] == report["answers"] == 1
    assert row["sensitivity_interval"][0] < row["sensitivity"] < row["sensitivity_interval"][1]
    assert report["alpha"] is None
    assert world.call("label", "GET", "/v1/raters").status_code == 403
