"""Findings over HTTP: filters, pages, numbers, marks, lives."""

import json
from urllib.parse import quote

import pytest

from miners.candidate import Provenance
from miners.queue.types import NewAnswer
from service.routes import findings as route
from tests.service.conftest import new_item


@pytest.fixture
def found(world):
    """A world with three FN, the second made from the first."""
    one, two, three = (new_item(n, needed=1, priority=-n) for n in (1, 2, 3))
    origin = Provenance(source="rewrite:rules", family="family 1", parent=one.id, operators=("hedge",))
    items = [one, two.model_copy(update={"provenance": origin}), three]
    world.queue.enqueue(items)
    for severity, lease in enumerate(world.queue.lease("ann", count=3, request_id="r"), start=2):
        world.queue.answer(lease.lease_id, "ann", NewAnswer(answer="yes", severity=severity))
        world.clock.now += 1
    world.ids = [item.id for item in items]
    return world


def ask(world, role="admin", path="/v1/findings", **query):
    return world.call(role, "GET", path, params=query)


def texts(reply):
    return [one["item"]["new"]["text"][-1] for one in reply.json()["findings"]]


def test_filters_by_query(found):
    """Each narrows; together they do so together."""
    assert texts(ask(found)) == ["3", "2", "1"]
    assert texts(ask(found, severity_from=3)) == ["3", "2"]
    assert texts(ask(found, severity_to=3, source="rewrite:rules")) == ["2"]
    assert texts(ask(found, q="NUMBER 3")) == ["3"]
    assert texts(ask(found, fooled="words")) == ["3", "2", "1"]
    assert texts(ask(found, fooled="")) == []
    assert texts(ask(found, kind="FP")) == []
    assert texts(ask(found, until="2020-01-01T00:00:00Z")) == []


def test_pages_go_on_where_the_last_ended(found):
    """By `next`, and by offset as ever."""
    first = ask(found, count=2).json()
    assert (first["count"], first["left"]) == (2, 1)
    rest = ask(found, count=2, after=first["next"])
    assert (texts(rest), rest.json()["next"], rest.json()["left"]) == (["1"], None, 0)
    assert texts(ask(found, count=1, offset=1)) == ["2"]
    assert texts(ask(found, offset=9)) == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"severity_from": 5}, "severity_from"),
        ({"kind": "TP"}, "kind"),
        ({"mark": "keep"}, "mark"),
        ({"q": "a " * 11}, "q"),
        ({"q": "x" * 501}, "q"),
        ({"since": "yesterday"}, "since"),
        ({"after": "nonsense"}, "after"),
        ({"sauce": "x"}, "sauce"),
        ({"count": 1001}, "count"),
    ],
)
def test_bad_filters_are_named(found, query, field):
    reply = ask(found, **query)
    assert reply.status_code == 422
    assert field in json.dumps(reply.json()["error"])


def test_numbers_for_plots(found):
    """Of all, and of those that a filter leaves."""
    told = ask(found, path="/v1/findings/summary").json()
    assert (told["total"], told["fn"], told["fp"], told["known"]) == (3, 3, 0, 3)
    assert told["by"]["operator"] == {"counts": [{"name": "hedge", "fn": 1, "fp": 0}], "left_out": 0}
    assert [one["name"] for one in told["by"]["severity"]["counts"]] == ["2", "3", "4"]
    assert ask(found, path="/v1/findings/summary", severity_from=4).json()["total"] == 1


def test_a_mark_by_family_shows_everywhere(found):
    """With findings, items and lives, and as a filter; null takes it back; the audit log knows what was said."""
    assert found.post("admin", "/v1/families/family 1/mark", {"mark": "hold-out"}).json() == {
        "family": "family 1",
        "mark": "hold-out",
    }
    assert texts(ask(found, mark="hold-out")) == ["2", "1"]
    assert {one["item"]["mark"] for one in ask(found, mark="hold-out").json()["findings"]} == {"hold-out"}
    assert found.call("admin", "GET", f"/v1/items/{found.ids[1]}").json()["mark"] == "hold-out"
    assert found.call("admin", "GET", f"/v1/items/{found.ids[1]}/life").json()["mark"] == "hold-out"
    assert found.post("admin", "/v1/families/family 1/mark", {"mark": None}).json()["mark"] is None
    assert texts(ask(found, mark="none")) == ["3", "2", "1"]
    acts = [entry for entry in found.services.audit.read() if entry.what.endswith("/mark")]
    assert [(act.subject, dict(act.detail)) for act in acts] == [
        ("family 1", {"mark": "hold-out"}),
        ("family 1", {"mark": "none"}),
    ]


@pytest.mark.parametrize("family", ["a/b//c", "ü \u202e<b>", "50 % off?#", "mark/mark"])
def test_families_may_have_any_name(world, family):
    reply = world.post("admin", f"/v1/families/{quote(family, safe='')}/mark", {"mark": "train"})
    assert reply.json() == {"family": family, "mark": "train"}
    assert world.queue.marks() == {family: "train"}


def test_what_cannot_be_marked(world):
    for body in ({"mark": "test"}, {}, {"mark": "train", "more": 1}):
        assert world.post("admin", "/v1/families/f/mark", body).status_code == 422
    assert world.post("admin", f"/v1/families/{'x' * 1001}/mark", {"mark": "train"}).status_code == 422
    assert world.queue.marks() == {}


def test_a_life(found):
    """Parents before rewrites, with scores by member and version."""
    told = found.call("admin", "GET", f"/v1/items/{found.ids[1]}/life").json()
    assert [(link["item_id"], link["depth"], link["relation"]) for link in told["links"]] == [
        (found.ids[0], 0, "ancestor"),
        (found.ids[1], 1, "itself"),
    ]
    assert told["links"][0]["stage"]["scores"]["words"]["version"] == "0" * 12
    assert [answer["rater"] for answer in told["links"][1]["stage"]["answers"]] == ["ann"]
    assert found.call("admin", "GET", "/v1/items/nobody/life").status_code == 404


def test_only_admins(found):
    """And of them, those whose scopes say so."""
    paths = ["/v1/findings", "/v1/findings/summary", f"/v1/items/{found.ids[0]}/life"]
    for role in ("label", "score"):
        assert {ask(found, role, path).status_code for path in paths} == {403}
        assert found.post(role, "/v1/families/f/mark", {"mark": "train"}).status_code == 403
    key, _ = found.keys.create("admin", "reader", scopes=("findings:read",))
    found.tokens["reader"] = key
    assert ask(found, "reader").status_code == 200
    assert found.post("reader", "/v1/families/f/mark", {"mark": "train"}).status_code == 403


def test_while_labels_are_still_being_read(found, monkeypatch):
    """Without filters there is an answer as ever; with them, or numbers, one is told to come again."""
    monkeypatch.setattr(route, "FOLLOW_SECONDS", 0)
    monkeypatch.setattr("miners.found.PAGE", 1)
    plain = ask(found, count=2).json()
    assert (plain["count"], plain["next"], plain["left"]) == (2, None, None)
    waits = ask(found, q="text")
    assert (waits.status_code, waits.headers["Retry-After"], waits.json()["error"]["code"]) == (503, "1", "not_ready")
    for _ in range(2):
        last = ask(found, path="/v1/findings/summary")
    assert last.json()["total"] == 3
