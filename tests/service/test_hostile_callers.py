"""Forged ids, another's answers, replays, slow clients, and a store in trouble: on a real Valkey, over real HTTP.

Whatever happens the message is one a person understands, nothing of the inside leaks, and nothing is a 500.
"""

import contextlib
import json
import socket
import threading
from dataclasses import dataclass

import httpx
import pytest
import uvicorn

from ensemble.tasks.task import load_task
from miners.queue.connect import Store
from miners.queue.embedded import EmbeddedServer
from service import json_request
from service.config import validate_config
from service.http import build_api
from service.services import Services
from tests.service.conftest import Rule, new_item


@dataclass
class Live:
    """A service on a port over a real store."""

    url: str
    port: int
    server: EmbeddedServer
    store: Store
    tokens: dict

    def ask(self, who, method, path, body=None, **headers):
        """A request with somebody's key; every reply is of the one shape and says nothing of the inside."""
        headers = {"Authorization": f"Bearer {self.tokens[who]}", **headers}
        reply = httpx.request(method, self.url + path, json=body, headers=headers, timeout=30)
        assert reply.status_code != 500, reply.text
        for inside in (
            self.server.url,
            str(self.server.port),
            "Traceback",
            "Errno",
            "redis.exceptions",
            "OOM",
            "READONLY",
        ):
            assert inside not in reply.text
        return reply

    def told(self, *request, **headers):
        """Status and code of a refusal."""
        reply = self.ask(*request, **headers)
        return reply.status_code, reply.json()["error"]["code"]

    def take(self, who):
        """A lease."""
        return self.ask(who, "POST", "/v1/leases").json()["leases"][0]["lease_id"]


@contextlib.contextmanager
def serve(api):
    """An application on a free port of the loopback."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(api, log_level="error", ws="none"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(timeout=30)
    assert not thread.is_alive()


@pytest.fixture
def live(tmp_path):
    """A store of its own for each test, for it is brought into trouble."""
    with EmbeddedServer(tmp_path / "redis") as server, Store(server.url, timeout=1.0) as store:
        queue = store.queue("injury")
        services = Services(
            score=Rule(),
            queue=queue,
            ledger=queue,
            keys=store.keys,
            task=load_task("injury"),
            config=validate_config({}),
            groups_answered=lambda: {"words": True},
            sessions=store.sessions(),
            audit=store.audit,
        )
        queue.enqueue([new_item(number, needed=2) for number in range(5)])
        names = {"score": "score", "ann": "label", "bob": "label", "boss": "admin"}
        tokens = {name: store.keys.create(role, name)[0] for name, role in names.items()}
        with serve(build_api(services)) as port:
            yield Live(f"http://127.0.0.1:{port}", port, server, store, tokens)


def test_anothers_lease_and_answer_are_out_of_reach(live):
    """Who knows the id of another's lease or answer can do nothing with it and learns nothing from trying."""
    lease = live.take("ann")
    for path, body in (("answer", {"answer": "no"}), ("renew", {}), ("release", {"skip": True})):
        reply = live.ask("bob", "POST", f"/v1/leases/{lease}/{path}", body)
        assert (reply.status_code, reply.json()["error"]["code"]) == (403, "not_yours")
        assert "text number" not in reply.text
    receipt = live.ask("ann", "POST", f"/v1/leases/{lease}/answer", {"answer": "yes", "note": "a private note"}).json()
    reply = live.ask("bob", "PATCH", f"/v1/answers/{receipt['answer_id']}", {"answer": "no"})
    assert reply.status_code == 403
    assert "private" not in reply.text
    assert [answer.body.answer for answer in live.store.queue("injury").answers()] == ["yes"]


FORGED = (
    "{lease}9", "0", "00000000000000000000000000000000-0", "*", "{{hungjury:injury}}:ids", "..%2f..%2fadmin",
    "';%20DROP%20TABLE%20leases;%20--", "%00", "%f0%9f%92%a5", "{long}",
)  # fmt: skip


def test_forged_ids_are_nobodys(live):
    """A made-up lease or answer id is a 404 or a 422, whatever stands in it, and changes nothing."""
    lease = live.take("ann")
    for forged in (*FORGED, "{upper}", "{reversed}"):
        name = forged.format(lease=lease, long="x" * 5000, upper=lease.upper() + "X", reversed=lease[::-1])
        for method, path in (("POST", f"leases/{name}/answer"), ("PATCH", f"answers/{name}")):
            assert live.ask("ann", method, f"/v1/{path}", {"answer": "no"}).status_code in {404, 422}, name
    assert live.store.queue("injury").counts().answers == 0
    assert live.ask("ann", "POST", f"/v1/leases/{lease}/answer", {"answer": "no"}).status_code == 200


def test_replays_change_nothing(live):
    """A recorded request sent again, by its sender or another, gives one answer, and its sender the same receipt."""
    lease = live.take("ann")
    path, body = f"/v1/leases/{lease}/answer", {"answer": "yes", "severity": 1}
    receipts = [live.ask("ann", "POST", path, body).json() for _ in range(5)]
    assert receipts.count(receipts[0]) == 5
    assert live.told("ann", "POST", path, {"answer": "no"}) == (409, "answer_conflict")
    assert live.told("bob", "POST", path, body) == (403, "not_yours")
    live.ask("ann", "PATCH", f"/v1/answers/{receipts[0]['answer_id']}", {"answer": "no"})
    live.ask("ann", "POST", path, body)
    (answer,) = live.store.queue("injury").answers()
    assert answer.body.answer == "no"


def test_a_session_replayed_after_its_end_opens_nothing(live):
    """A cookie that was copied is worth nothing once its owner signs out or the key is revoked."""
    with httpx.Client(base_url=live.url) as browser:
        csrf = browser.post("/v1/session", headers={"Authorization": f"Bearer {live.tokens['ann']}"}).json()[
            "csrf_token"
        ]
        stolen = dict(browser.cookies)
        assert httpx.get(f"{live.url}/v1/me", cookies=stolen).status_code == 200
        assert browser.delete("/v1/session", headers={"X-CSRF-Token": csrf}).json() == {"ended": True}
    assert httpx.get(f"{live.url}/v1/me", cookies=stolen).status_code == 401
    assert httpx.post(f"{live.url}/v1/leases", cookies=stolen, headers={"X-CSRF-Token": csrf}).status_code == 401


def _half_a_request(path, key):
    """Headers, and the first byte of a body of a hundred."""
    lines = (f"POST {path} HTTP/1.1", "Host: x", f"Authorization: Bearer {key}", "Content-Length: 100", "", "{")
    return "\r\n".join(lines).encode()


def test_a_slow_client_holds_up_nobody(live):
    """Who sends a body byte by byte keeps nobody else waiting, and is let go with a message when the time is up."""
    head = _half_a_request("/v1/leases", live.tokens["ann"])
    with contextlib.ExitStack() as held:
        for _ in range(50):
            slow = held.enter_context(socket.create_connection(("127.0.0.1", live.port)))
            slow.sendall(head)
        assert live.ask("bob", "POST", "/v1/leases").status_code == 200
        assert live.ask("score", "POST", "/v1/score", {"inputs": [{"text": "hurt"}]}).status_code == 200
    assert live.ask("bob", "GET", "/v1/me").status_code == 200


def test_a_body_that_never_ends_is_given_up(make_world):
    """After its time a 503 says that the request did not arrive, and how to go on."""
    world = make_world()
    guard = json_request.Guard(world.client.app, max_body_bytes=1000, body_seconds=0.2)
    with serve(guard) as port, socket.create_connection(("127.0.0.1", port)) as slow:
        slow.sendall(_half_a_request("/v1/score", world.tokens["score"]))
        reply = b""
        while part := slow.recv(65_536):
            reply += part
            if b'"timeout"' in reply:
                break
    assert reply.startswith(b"HTTP/1.1 503")
    assert b"did not arrive" in reply
    assert b"retry-after" in reply.lower()


def _read_only(live):
    live.store.client.replicaof("127.0.0.1", 1)


def _full(live):
    live.store.client.config_set("maxmemory", "1")


TROUBLE = {
    "gone": (lambda live: live.server.stop(), "store_unavailable"),
    "read-only": (_read_only, "store_unavailable"),
    "full": (_full, "queue_full"),
}


@pytest.mark.parametrize("trouble", TROUBLE)
def test_a_store_in_trouble_is_told_plainly(live, trouble):
    """Leases, answers and sign-ins are refused with Retry-After and in words; scoring goes on for known keys."""
    bring, code = TROUBLE[trouble]
    lease = live.take("ann")
    live.ask("score", "GET", "/v1/me")
    bring(live)
    answer = ("ann", "POST", f"/v1/leases/{lease}/answer", {"answer": "yes"})
    if trouble == "full":  # an answer to what is leased already is still taken: it frees more than it needs
        assert live.ask(*answer).status_code == 200
    for request in (answer, ("bob", "POST", "/v1/leases"), ("ann", "POST", "/v1/session"))[trouble == "full" :]:
        reply = live.ask(*request)
        assert (reply.status_code, reply.json()["error"]["code"]) == (503, code)
        assert int(reply.headers["Retry-After"]) >= 1
        assert "store" in reply.json()["error"]["message"]
    assert live.ask("score", "POST", "/v1/score", {"inputs": [{"text": "hurt"}]}).status_code == 200
    stranger = httpx.get(f"{live.url}/v1/me", headers={"Authorization": "Bearer hj_000000000000_x"}, timeout=30)
    assert stranger.status_code == (503 if trouble == "gone" else 401)
    admin = live.ask("boss", "GET", "/v1/findings")
    assert admin.status_code == 503, "what cannot be written into the audit log is not shown"


def test_after_the_trouble_everything_is_as_before(live):
    """What was acknowledged is there, what was refused is taken when it is sent again, and no key is lost."""
    lease, other = live.take("ann"), live.take("bob")
    live.ask("ann", "POST", f"/v1/leases/{lease}/answer", {"answer": "yes"})
    _read_only(live)
    refused = ("bob", "POST", f"/v1/leases/{other}/answer", {"answer": "no"})
    assert live.ask(*refused).status_code == 503
    live.store.client.replicaof("NO", "ONE")
    assert live.ask(*refused).status_code == 200
    assert sorted(answer.body.answer for answer in live.store.queue("injury").answers()) == ["no", "yes"]
    assert json.loads(live.ask("boss", "GET", "/v1/queue").text)["answers"] == 2
