"""Signing a browser in and out over HTTP."""

from datetime import timedelta

import pytest

from miners.queue.api_keys import KeyStore, MemoryKeyRecords
from tests.service.conftest import new_item

ORIGIN = "http://testserver"


@pytest.fixture
def signed_in(world):
    """A world whose client has a labeler's session, and that session's CSRF token."""
    told = world.post("label", "/v1/session")
    assert told.status_code == 200
    return world, told.json()["csrf_token"]


def ask(world, method, path, csrf=None, **headers):
    """A request with the session's cookie and no key."""
    sent = {"X-CSRF-Token": csrf} if csrf is not None else {}
    return world.client.request(method, path, headers={**sent, **{k.replace("_", "-"): v for k, v in headers.items()}})


def test_a_key_opens_a_session_that_stands_for_it(signed_in):
    """After signing in with a key the cookie opens what the key does, without the key."""
    world, csrf = signed_in
    world.queue.enqueue([new_item(1)])
    me = ask(world, "GET", "/v1/me").json()
    assert (me["role"], me["name"]) == ("label", "label")
    assert ask(world, "GET", "/v1/session").json() == {**me, "csrf_token": csrf}
    leased = ask(world, "POST", "/v1/leases", csrf).json()["leases"]
    assert [lease["text"] for lease in leased] == ["text number 1"]
    assert ask(world, "GET", "/v1/queue").status_code == 403


def test_the_cookie_is_out_of_reach(world):
    """No script can read it, no other site can send it, and where the browser speaks https it never goes without."""
    plain = world.post("label", "/v1/session").headers["set-cookie"]
    assert plain.startswith("hungjury_8000=")
    assert {"HttpOnly", "Path=/", "SameSite=strict"} == set(plain.split("; ")[1:])
    world.client._transport.client = ("127.0.0.1", 1)
    secure = world.post("label", "/v1/session", headers={"X-Forwarded-Proto": "https"}).headers["set-cookie"]
    assert secure.startswith("__Host-hungjury_8000=")
    assert {"HttpOnly", "Path=/", "SameSite=strict", "Secure"} == set(secure.split("; ")[1:])
    assert "Domain" not in plain + secure


@pytest.mark.parametrize("csrf", [None, "", "wrong", "é"])
def test_unsafe_requests_need_the_csrf_token(signed_in, csrf):
    """Without the session's own token nothing is done, and the message says where to get it."""
    world, _ = signed_in
    world.queue.enqueue([new_item(1)])
    for method, path in (("POST", "/v1/leases"), ("DELETE", "/v1/session"), ("PATCH", "/v1/answers/x")):
        sent = {"X-CSRF-Token": csrf.encode()} if csrf is not None else {}
        told = world.client.request(method, path, headers=sent)
        assert (told.status_code, told.json()["error"]["code"]) == (403, "bad_csrf_token")
    assert world.queue.counts().leased == 0


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": ORIGIN}, 200),
        ({"Origin": "https://testserver"}, 200),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "http://renamed.example"}, 200),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "http://testserver.evil.example"}, 403),
        ({"Origin": "http://testserver:8001"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": ""}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": ORIGIN}, 403),
        ({"Sec-Fetch-Site": "same-site", "Origin": ORIGIN}, 403),
    ],
)
def test_what_another_sites_page_sends_is_refused(signed_in, headers, status):
    """Even with cookie and token, and also signing in itself, so that nobody is signed in as somebody else."""
    world, csrf = signed_in
    told = world.client.post("/v1/leases", headers={"X-CSRF-Token": csrf, **headers})
    assert told.status_code == status
    assert world.post("label", "/v1/session", headers=headers).status_code == status
    if status == 403:
        assert told.json()["error"]["code"] == "foreign_origin"


def test_signing_out_ends_the_session_everywhere(signed_in):
    """The cookie goes, and the old one opens nothing any more."""
    world, csrf = signed_in
    token = world.client.cookies["hungjury_8000"]
    assert ask(world, "DELETE", "/v1/session", csrf).json() == {"ended": True}
    assert "hungjury_8000" not in world.client.cookies
    world.client.cookies.set("hungjury_8000", token)
    told = ask(world, "GET", "/v1/session")
    assert (told.status_code, told.json()["error"]["code"]) == (401, "session_over")


def test_admins_who_come_and_go_are_in_the_audit_log(signed_in):
    """A labeler's session is nobody's business; an admin's begins and ends with an entry."""
    world, csrf = signed_in
    ask(world, "DELETE", "/v1/session", csrf)
    ask(world, "DELETE", "/v1/session", world.post("admin", "/v1/session").json()["csrf_token"])
    entries = world.call("admin", "GET", "/v1/audit").json()["entries"]
    assert [(one["what"], one["name"]) for one in entries] == [
        ("POST /v1/session", "admin"),
        ("DELETE /v1/session", "admin"),
    ]


@pytest.mark.parametrize("cookie", ["", "x", "x" * 43, "x" * 5000, "%00", '"'])
def test_a_made_up_cookie_opens_nothing(world, cookie):
    """Whatever stands in it, it is a plain 401."""
    for path in ("/v1/session", "/v1/me"):
        told = world.client.get(path, headers={"Cookie": f"hungjury_8000={cookie}"})
        assert told.status_code == 401
        assert told.json()["error"]["code"] in {"no_session", "session_over", "missing_key"}


def test_a_key_that_was_sent_goes_before_the_cookie(signed_in):
    """A program that sends a key acts for that key, needs no token, and a wrong key is not made good by a cookie."""
    world, _ = signed_in
    assert world.call("score", "GET", "/v1/me").json()["role"] == "score"
    assert world.post("second", "/v1/leases").status_code == 200
    assert ask(world, "GET", "/v1/me", authorization="Bearer hj_wrong").status_code == 401
    assert ask(world, "GET", "/v1/me", authorization="Basic abc").status_code == 401


@pytest.mark.parametrize("how", ["revoked", "rotated", "expired"])
def test_a_session_ends_with_its_key(make_world, how):
    """Revoked, replaced or run out: what was opened with a key is over with it."""
    keys = KeyStore(MemoryKeyRecords())
    secret, made = keys.create("label", "ann", expires=timedelta(hours=1))
    world = make_world(keys=keys)
    world.tokens["ann"] = secret
    world.post("ann", "/v1/session")
    assert ask(world, "GET", "/v1/session").status_code == 200
    if how == "revoked":
        keys.revoke(made.id)
    elif how == "rotated":
        keys.rotate(made.id)
    else:
        later = keys._now
        keys._now = lambda: later() + timedelta(hours=1)
    world.client.app.state.authenticator._known.clear()  # the seconds in which it is still believed have passed
    told = ask(world, "GET", "/v1/session")
    assert (told.status_code, told.json()["error"]["code"]) == (401, "session_over")
