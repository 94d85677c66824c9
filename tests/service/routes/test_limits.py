"""What keys open and how much they may ask, over HTTP; and what admins did, in the audit log."""

from datetime import UTC, datetime, timedelta

import pytest

from miners.errors import StoreUnavailableError
from miners.queue import api_keys
from miners.queue.api_keys import KeyStore, MemoryKeyRecords
from tests.service.conftest import new_item


@pytest.fixture
def make_key(make_world):
    """A world, and a function that makes a key in it under the name "mine"."""

    def make(role, *, access=None, **limits):
        keys = KeyStore(MemoryKeyRecords())
        world = make_world(keys=keys, access=access or {})
        world.tokens["mine"], made = keys.create(role, "mine", **limits)
        world.tokens["boss"], _ = keys.create("admin", "boss")
        return world, made

    return make


ADMIN_READS = {
    "/v1/queue": "queue:read",
    "/v1/findings": "findings:read",
    "/v1/items/x": "items:read",
    "/v1/skips": "items:read",
    "/v1/dead": "items:read",
    "/v1/raters": "raters:read",
    "/v1/metrics/summary": "metrics:read",
    "/v1/audit": "audit:read",
}


@pytest.mark.parametrize("scope", sorted(set(ADMIN_READS.values())))
def test_a_scope_opens_its_own_routes_alone(make_key, scope):
    """A key with one scope reads what that scope names; everything else says which scope it would need."""
    world, _ = make_key("admin", scopes=[scope])
    for path, needed in ADMIN_READS.items():
        told = world.call("mine", "GET", path)
        assert (told.status_code == 403) == (needed != scope), path
        if needed != scope:
            assert told.json()["error"]["code"] == "wrong_scope"
            assert needed in told.json()["error"]["message"]
    assert world.post("mine", "/v1/items/x/order", {"needed": 2}).status_code == 403
    assert world.post("mine", "/v1/score", {"inputs": [{"text": "a"}]}).status_code == 403
    assert world.call("mine", "GET", "/v1/me").json()["scopes"] == [scope]


def test_every_route_names_a_scope_or_is_for_whole_keys_alone(make_key):
    """A key with the least scope opens no route that is not meant for it, whatever routes are added."""
    world, _ = make_key("score", scopes=["tasks:read"])
    opened = set()
    for path, operations in world.client.get("/openapi.json").json()["paths"].items():
        for method, operation in operations.items():
            if operation.get("security"):
                filled = path.replace("{name}", "injury").replace("{", "").replace("}", "")
                if world.call("mine", method, filled).status_code not in {401, 403}:
                    opened.add(f"{method} {path}")
    assert opened == {"get /v1/tasks/{name}", "get /v1/me", "post /v1/session"}


def test_a_key_for_another_task_is_told_so(make_key):
    """It opens nothing but the question whose it is."""
    world, _ = make_key("label", tasks=["weather"])
    told = world.post("mine", "/v1/leases")
    assert (told.status_code, told.json()["error"]["code"]) == (403, "wrong_task")
    assert "weather" in told.json()["error"]["message"]
    assert world.call("mine", "GET", "/v1/me").json()["tasks"] == ["weather"]
    world, _ = make_key("label", tasks=["weather", "injury"])
    assert world.post("mine", "/v1/leases").status_code == 200


def test_an_expired_key_is_told_so_at_once(make_key):
    """Also where it was believed a moment ago."""
    world, _ = make_key("score", expires=timedelta(hours=1))
    assert world.call("mine", "GET", "/v1/me").status_code == 200
    authenticator = world.client.app.state.authenticator
    authenticator._now = world.services.keys._now = lambda: datetime.now(UTC) + timedelta(hours=1)
    for _ in range(2):
        told = world.call("mine", "GET", "/v1/me")
        assert (told.status_code, told.json()["error"]["code"]) == (401, "key_expired")
        assert "time is over" in told.json()["error"]["message"]
        authenticator._known.clear()


def test_a_key_asks_as_often_as_it_may(make_key):
    """Then 429 with Retry-After in the one shape, for that key alone; time gives it back."""
    world, _ = make_key("label", per_minute=5)
    now = [0.0]
    world.client.app.state.authenticator._asked._clock = lambda: now[0]
    statuses = [world.call("mine", "GET", "/v1/me").status_code for _ in range(7)]
    assert statuses == [200] * 5 + [429] * 2
    told = world.call("mine", "GET", "/v1/me")
    assert told.json()["error"]["code"] == "too_many_requests"
    assert "5 times a minute" in told.json()["error"]["message"]
    assert world.call("boss", "GET", "/v1/me").status_code == 200
    now[0] += int(told.headers["Retry-After"])
    assert world.call("mine", "GET", "/v1/me").status_code == 200
    assert world.call("mine", "GET", "/v1/me").status_code == 429


def test_a_rater_who_answers_ten_a_second_is_slowed_and_loses_nothing(make_key):
    """What is acknowledged is stored, what is refused can be sent again; other raters do not notice."""
    world, _ = make_key("label", access={"label_requests_per_minute": 60})
    world.queue.enqueue([new_item(number, needed=1) for number in range(60)])
    now = [0.0]
    world.client.app.state.authenticator._asked._clock = lambda: now[0]
    answered, refused, lease = 0, 0, None
    for _ in range(10 * 20):  # ten requests a second for twenty seconds
        now[0] += 0.1
        path = f"/v1/leases/{lease}/answer" if lease else "/v1/leases"
        told = world.post("mine", path, {"answer": "no"} if lease else None)
        if told.status_code == 429:
            refused += 1
        elif lease:
            assert told.status_code == 200
            answered, lease = answered + 1, None
        else:
            lease = told.json()["leases"][0]["lease_id"]
    assert refused > 100
    assert answered <= (60 + 20) / 2
    assert world.queue.counts().answers == answered
    assert world.post("boss", "/v1/leases").status_code == 200


def test_guessing_keys_is_stopped_and_teaches_nothing(make_key, monkeypatch):
    """After so many wrong keys an address is told to wait: the same words whether the id exists or not, no hash run."""
    world, made = make_key("admin", access={"wrong_keys_per_minute": 10})
    told = [_guess(world, guess, made) for guess in ("hj_000000000000_guess", "hj_{id}_guess", "nonsense", "hj__x")]
    assert {reply.status_code for reply in told} == {401}
    assert len({reply.text for reply in told}) == 1
    hashed = []
    slow = api_keys._scrypt
    monkeypatch.setattr(api_keys, "_scrypt", lambda *args: hashed.append(1) or slow(*args))
    later = [_guess(world, f"hj_{{id}}_{number}", made) for number in range(40)]
    assert [reply.status_code for reply in later] == [401] * 6 + [429] * 34
    assert len(hashed) == 6
    assert later[-1].json()["error"]["code"] == "too_many_wrong_keys"
    assert int(later[-1].headers["Retry-After"]) >= 1
    assert made.id not in later[-1].text


def _guess(world, guess, made):
    return world.client.get("/v1/me", headers={"Authorization": f"Bearer {guess.format(id=made.id)}"})


def test_whoever_is_known_goes_on_while_somebody_guesses_beside_them(make_key):
    """From one address: a key in use is still served; another one has to wait until the guessing has stopped."""
    world, made = make_key("label", access={"wrong_keys_per_minute": 3})
    now = [0.0]
    world.client.app.state.authenticator._guesses._clock = lambda: now[0]
    assert world.call("mine", "GET", "/v1/me").status_code == 200
    for number in range(5):
        _guess(world, f"hj_{{id}}_{number}", made)
    assert world.call("mine", "GET", "/v1/me").status_code == 200
    refused = world.call("boss", "GET", "/v1/me")
    assert refused.status_code == 429
    now[0] += int(refused.headers["Retry-After"])
    assert world.call("boss", "GET", "/v1/me").status_code == 200


def test_guessing_from_one_address_does_not_stop_another(make_key):
    """Addresses are told apart by what a trusted proxy says; what a client makes up before that counts for nothing."""
    world, made = make_key("label", access={"wrong_keys_per_minute": 3})
    world.client._transport.client = ("127.0.0.1", 1)
    for number in range(6):
        headers = {"Authorization": f"Bearer hj_{made.id}_{number}", "X-Forwarded-For": f"9.9.9.{number}, 203.0.113.5"}
        status = world.client.get("/v1/me", headers=headers).status_code
        assert status == (401 if number < 3 else 429)
    assert world.call("boss", "GET", "/v1/me", headers={"X-Forwarded-For": "203.0.113.5"}).status_code == 429
    assert world.call("boss", "GET", "/v1/me", headers={"X-Forwarded-For": "203.0.113.6"}).status_code == 200


def entries(world):
    """The audit log over HTTP, its own reading left out."""
    return world.call("boss", "GET", "/v1/audit").json()["entries"]


def test_what_admins_do_is_written_down(make_key):
    """Who, when, what, to what, how many, from where; numbers that dashboards poll and raters' own acts are not."""
    world, _ = make_key("label")
    world.queue.enqueue([new_item(1), new_item(2)])
    item_id = new_item(1).id
    world.client._transport.client = ("127.0.0.1", 1)
    world.post("mine", "/v1/leases")
    world.call("boss", "GET", "/v1/queue")
    world.call("boss", "GET", "/v1/metrics/summary")
    world.call("boss", "GET", "/v1/queue?top=2")
    world.call("boss", "GET", f"/v1/items/{item_id}")
    world.post("boss", f"/v1/items/{item_id}/order", {"needed": 3}, headers={"X-Forwarded-For": "203.0.113.5"})
    world.post("boss", "/v1/items/ghost/order", {"needed": 3})
    world.post("mine", f"/v1/items/{item_id}/order", {"needed": 3})
    found = entries(world)
    assert [(one["what"], one["subject"], one["count"], one["where"]) for one in found] == [
        ("GET /v1/queue", "", 2, "127.0.0.1"),
        ("GET /v1/items/{item_id}", item_id, None, "127.0.0.1"),
        ("POST /v1/items/{item_id}/order", item_id, None, "203.0.113.5"),
    ]
    assert {one["name"] for one in found} == {"boss"}
    assert world.tokens["boss"] not in str(found)
    after = world.call("boss", "GET", f"/v1/audit?after={found[1]['id']}").json()["entries"]
    assert [one["what"] for one in after] == ["POST /v1/items/{item_id}/order", "GET /v1/audit"]
    page = world.call("boss", "GET", "/v1/audit?count=1").json()
    assert page["next"] == page["entries"][0]["id"] == found[0]["id"]


def test_what_cannot_be_written_down_is_not_shown(make_key, monkeypatch):
    """Where the log's store is away, an admin gets a 503 and nothing else."""
    world, _ = make_key("label")
    world.queue.enqueue([new_item(1)])

    def fail(_):
        raise StoreUnavailableError("Redis does not answer")

    monkeypatch.setattr(world.services.audit, "add", fail)
    told = world.call("boss", "GET", f"/v1/items/{new_item(1).id}")
    assert (told.status_code, told.json()["error"]["code"]) == (503, "store_unavailable")
    assert "text number" not in told.text
    assert world.call("boss", "GET", "/v1/queue").status_code == 200


@pytest.mark.parametrize("query", ["since=yesterday", "after=x", "count=0", "count=1001", "after=1-1-1"])
def test_bad_questions_to_the_log(make_key, query):
    """A 422 that names the parameter."""
    world, _ = make_key("label")
    told = world.call("boss", "GET", f"/v1/audit?{query}")
    assert (told.status_code, told.json()["error"]["field"]) == (422, query.split("=")[0])
