"""Webhooks against a real receiver: every change, in order, signed, at least once, whatever the receiver does."""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import ipaddress
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError
from receiver import running_receiver
from starlette.testclient import TestClient

from ensemble.errors import InputError
from miners.queue.connect import Store
from miners.queue.embedded import EmbeddedServer
from miners.queue.hooks import MemoryHooks
from miners.queue.memory import MemoryQueue
from miners.queue.types import NewAnswer
from service import webhooks
from service.addresses import is_public, resolve
from service.config import WebhookConfig, validate_config
from service.errors import AddressError
from service.http import build_api
from service.metrics import Recorder
from service.webhooks import Hook, Sender, hooks_of, signature

from .conftest import new_item

SECRET = b"0123456789abcdef"


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    """Waits of hundredths of a second."""
    monkeypatch.setattr(webhooks, "FIRST_WAIT_SECONDS", 0.01)
    monkeypatch.setattr(webhooks, "LONGEST_WAIT_SECONDS", 0.05)


@pytest.fixture
def receiver():
    with running_receiver() as running:
        yield running


def webhook(url, **settings):
    return WebhookConfig.model_validate({"url": url, "secret_env": "S", **settings})


class Desk:
    """A queue, and findings that are made in it."""

    def __init__(self, queue, hooks):
        self.queue, self.hooks, self.answers = queue, hooks, {}

    def find(self, number, said="yes"):
        """An item whose label is a finding where `said` is yes."""
        self.queue.enqueue([new_item(number, needed=1, text=f"secret words {number}")])
        (lease,) = self.queue.lease("ann", request_id=f"take {number}")
        receipt = self.queue.answer(lease.lease_id, "ann", NewAnswer(answer=said, note="a private note"))
        self.answers[number] = receipt.answer_id

    def correct(self, number, said):
        self.queue.amend(self.answers[number], "ann", NewAnswer(answer=said, note="a private note"))

    def sender(self, url, **settings):
        config = webhook(url, **{"private": True, **settings})
        return Sender(Hook(config, SECRET), "injury", self.queue, self.hooks, Recorder())


@pytest.fixture
def desk():
    queue = MemoryQueue("injury")
    return Desk(queue, MemoryHooks(lambda: len(queue.finding_changes(count=10_000))))


@contextlib.contextmanager
def running(*senders):
    """Senders in an event loop of their own, while the block runs; each has looked once before it begins."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    for sender in senders:
        asyncio.run_coroutine_threadsafe(sender._hold(), loop).result(10)
    tasks = [asyncio.run_coroutine_threadsafe(sender.keep(0.01), loop) for sender in senders]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        asyncio.run_coroutine_threadsafe(_settled(), loop).result(20)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _settled():
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    await asyncio.gather(*others, return_exceptions=True)


def what(deliveries):
    return [(one.notice["type"], one.notice["data"]["item"]["new"]["text"][-1]) for one in deliveries]


def test_every_change_is_told_in_order_and_signed(desk, receiver, wait_until):
    """A finding that comes, one that is withdrawn, one that is none; each with an id of its own."""
    with running(desk.sender(receiver.url)):
        desk.find(1)
        desk.find(2)
        desk.find(3, "no")
        desk.correct(1, "no")
        wait_until(lambda: len(receiver.seen) == 3)
    assert what(receiver.seen) == [("finding.created", "1"), ("finding.created", "2"), ("finding.withdrawn", "1")]
    assert len({one.id for one in receiver.seen}) == 3
    for one in receiver.seen:
        signed = f"{one.id}.{one.headers['webhook-timestamp']}.".encode() + one.body
        expected = base64.b64encode(hmac.new(SECRET, signed, hashlib.sha256).digest()).decode()
        assert one.headers["webhook-signature"] == f"v1,{expected}"
    data = receiver.seen[0].notice["data"]
    assert (data["task"], data["kind"], data["before"]) == ("injury", "FN", None)
    assert data["item"]["answers"][0]["rater"] == "ann"
    assert receiver.seen[2].notice["data"]["kind"] is None


def test_what_was_found_before_the_webhook_is_not_told(desk, receiver, wait_until):
    """It begins with what is new."""
    desk.find(1)
    with running(desk.sender(receiver.url)):
        desk.find(2)
        wait_until(lambda: receiver.seen)
    assert what(receiver.seen) == [("finding.created", "2")]


@pytest.mark.parametrize("status", [500, 503, 404, 429, 302])
def test_what_is_not_acknowledged_comes_again_before_what_is_next(desk, receiver, wait_until, status):
    """Under the same id; a redirection is not followed, for it could lead anywhere."""
    receiver.statuses = [status, status, 204, status]
    receiver.headers_to_send = {"Location": f"{receiver.url}&elsewhere"}
    with running(desk.sender(receiver.url)):
        desk.find(1)
        desk.find(2)
        wait_until(lambda: len(receiver.taken) == 2)
    assert [text for _, text in what(receiver.seen)] == ["1", "1", "1", "2", "2"]
    assert len({one.id for one in receiver.seen}) == 2


def test_a_receiver_that_hangs_is_given_up_and_tried_again(desk, receiver, wait_until):
    """Nothing is lost; another webhook is served meanwhile."""
    receiver.hanging.clear()
    with running_receiver() as other, running(desk.sender(receiver.url, timeout_seconds=0.1), desk.sender(other.url)):
        desk.find(1)
        desk.find(2)
        wait_until(lambda: len(other.taken) == 2)
        assert receiver.seen == []
        receiver.hanging.set()
        wait_until(lambda: len({one.id for one in receiver.taken}) == 2)
    distinct = list(dict.fromkeys(one.id for one in receiver.taken))
    assert distinct == sorted(distinct)


def test_a_receiver_that_is_gone_is_told_when_it_is_back(desk, free_port, wait_until):
    """In order, and nothing twice but under one id."""
    port = free_port()
    with running(desk.sender(f"http://127.0.0.1:{port}/findings?for=tests")):
        for number in range(1, 5):
            desk.find(number)
        with running_receiver(port) as receiver:
            wait_until(lambda: len(receiver.taken) >= 4)
            assert [text for _, text in what(receiver.taken)] == ["1", "2", "3", "4"]


def test_of_two_senders_one_sends(desk, receiver, wait_until):
    """As with several replicas; when it is gone the other goes on."""
    first, second = desk.sender(receiver.url), desk.sender(receiver.url)
    with running(second):
        with running(first):
            for number in range(1, 4):
                desk.find(number)
            wait_until(lambda: len(receiver.seen) == 3)
        desk.find(4)
        wait_until(lambda: len(receiver.seen) == 4)
    desk.find(5)
    with running(desk.sender(receiver.url)):
        wait_until(lambda: len(receiver.seen) == 5)
    assert [text for _, text in what(receiver.seen)] == ["1", "2", "3", "4", "5"]
    assert len({one.id for one in receiver.seen}) == 5


def test_only_the_kinds_that_are_wanted_are_told(desk, receiver, wait_until):
    """A webhook for false positives hears nothing of a miss."""
    with running(desk.sender(receiver.url, kinds=("FP",))):
        desk.find(1)
        desk.queue.enqueue([new_item(2, needed=1, text="flagged 2").model_copy(update={"deployed_passed": False})])
        (lease,) = desk.queue.lease("bob", count=2, request_id="b")[-1:]
        desk.queue.answer(lease.lease_id, "bob", NewAnswer(answer="no"))
        wait_until(lambda: receiver.seen)
    assert what(receiver.seen) == [("finding.created", "2")]


def test_texts_stay_here_where_they_are_not_wanted_and_out_of_the_log(desk, receiver, wait_until, caplog):
    """Neither text nor note leaves; no log line has a text or the address beyond its host."""
    receiver.statuses = [500]
    with caplog.at_level("DEBUG"), running(desk.sender(receiver.url, texts=False)):
        desk.find(1)
        wait_until(lambda: receiver.taken)
    sent = receiver.taken[0]
    assert b"secret words" not in sent.body
    assert b"private note" not in sent.body
    assert sent.notice["data"]["item"]["new"]["selection_probability"] == 0.5
    lines = [record.getMessage() for record in caplog.records if record.name.startswith(("service", "httpx"))]
    assert any("it answered 500" in line for line in lines)
    assert not any("secret words" in line or "for=tests" in line for line in lines)


def test_a_private_address_must_be_allowed(desk, receiver, wait_until, caplog):
    """Else nothing is sent there, whatever name it has, and the finding waits."""
    config = webhook(receiver.url.replace("http://127.0.0.1", "https://localhost"))
    sender = Sender(Hook(config, SECRET), "injury", desk.queue, desk.hooks, Recorder())
    with running(sender):
        desk.find(1)
        wait_until(lambda: any("not public" in record.getMessage() for record in caplog.records))
    assert receiver.seen == []
    assert desk.hooks.hold(Hook(config, SECRET).id, "x", seconds=1).position == 0


PRIVATE = (
    "127.0.0.1 10.0.0.1 192.168.1.1 172.16.0.1 169.254.169.254 100.64.0.1 0.0.0.0 224.0.0.1 240.0.0.1 255.255.255.255 "
    "::1 :: fe80::1 fc00::1 ff02::1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 2002:7f00:1:: 64:ff9b::7f00:1 64:ff9b::a9fe:a9fe"
)


@pytest.mark.parametrize("address", PRIVATE.split())
def test_no_address_of_a_private_network_is_public(address):
    """Nor one that wraps such an address."""
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:4700::1111", "::ffff:93.184.215.14", "64:ff9b::5db8:d70e"])
def test_public_addresses_are(address):
    """Also wrapped ones."""
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f000001", "localhost", "no-such-host.invalid", "a" * 300])
def test_disguised_and_unknown_hosts_are_refused(host):
    """A number in another notation is the address that it stands for."""
    with pytest.raises(AddressError):
        asyncio.run(resolve(host, 443, private=False))


def test_labelers_do_not_wait_for_a_receiver(receiver, world, wait_until):
    """Leases and answers go on while it hangs, and it is told afterwards."""
    receiver.hanging.clear()
    queue = world.queue
    sender = Desk(queue, MemoryHooks(lambda: len(queue.finding_changes(count=1_000)))).sender(receiver.url)
    queue.enqueue([new_item(number, needed=1) for number in range(20)])
    head = {"Authorization": f"Bearer {world.tokens['label']}"}
    with TestClient(build_api(replace(world.services, webhooks=(sender,)))) as client:
        assert sender._hooks.hold(sender._hook.id, sender._sender, seconds=60)
        for _ in range(20):
            (lease,) = client.post("/v1/leases", json={"count": 1}, headers=head).json()["leases"]
            said = client.post(f"/v1/leases/{lease['lease_id']}/answer", json={"answer": "yes"}, headers=head)
            assert said.status_code == 200
        assert receiver.seen == []
        receiver.hanging.set()
        wait_until(lambda: len({one.id for one in receiver.taken}) == 20, seconds=30)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with EmbeddedServer(tmp_path_factory.mktemp("redis")) as running_server:
        yield running_server


def test_nothing_is_lost_when_senders_are_killed(server, receiver, wait_until):
    """Five times in the middle of it, by kill -9; repeated deliveries have one id, and the order stays."""
    program = [sys.executable, str(Path(__file__).parents[1] / "support/lone_sender.py"), server.url, receiver.url]
    receiver.statuses = [500, 204, 204] * 60
    with Store(server.url) as store:
        desk = Desk(store.queue("injury"), store.hooks("injury"))
        hook = desk.sender(receiver.url)._hook.id
        desk.hooks.hold(hook, "before", seconds=1)
        desk.hooks.release(hook, "before")
        for number in range(60):
            desk.find(number)
        for round_number in range(1, 6):
            process = subprocess.Popen(program, stdout=subprocess.PIPE)
            with process:
                wait_until(lambda enough=round_number * 3: len(receiver.taken) >= enough, seconds=60)
                process.kill()
            store.client.hset(f"{{hungjury:injury}}:hook:{hook}", "until", 0)  # as if its time had passed
        with running(desk.sender(receiver.url)):
            wait_until(lambda: len({one.id for one in receiver.taken}) == 60, seconds=60)
    texts = [one.notice["data"]["item"]["new"]["text"] for one in receiver.taken]
    assert list(dict.fromkeys(texts)) == [f"secret words {number}" for number in range(60)]
    assert len({(one.id, text) for one, text in zip(receiver.taken, texts, strict=True)}) == 60


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"url": "http://example.org/"}, "https://"),
        ({"url": "ftp://example.org/", "private": True}, "https://"),
        ({"url": "https://"}, "name a host"),
        ({"url": "https://ann:pw@example.org/"}, "no user"),
        ({"url": "https://example.org:99999/"}, "no address"),
        ({"kinds": []}, "kinds"),
        ({"secret_env": "not a name"}, "secret_env"),
        ({"timeout_seconds": 0}, "timeout_seconds"),
    ],
)
def test_bad_settings_are_refused(changes, said):
    """With the field and why."""
    with pytest.raises(ValidationError, match=said):
        WebhookConfig.model_validate({"url": "https://example.org/", "secret_env": "S", **changes})


def test_one_address_once():
    """Two webhooks of one address would share a position."""
    one = {"url": "https://example.org/", "secret_env": "S"}
    with pytest.raises(InputError, match="two webhooks"):
        validate_config({"webhooks": [one, one]})


def test_secrets_come_from_the_environment():
    """As they are, or as Base64 behind their prefix; one that is missing is named."""
    settings = [webhook("https://example.org/")]
    assert hooks_of(settings, {"S": "abc"})[0].secret == b"abc"
    assert hooks_of(settings, {"S": "whsec_" + base64.b64encode(b"\x00\xff").decode()})[0].secret == b"\x00\xff"
    for bad in ({}, {"S": ""}, {"S": "whsec_!"}):
        with pytest.raises(InputError, match=r"\bS\b"):
            hooks_of(settings, bad)


def test_the_signature_is_that_of_the_specification():
    """The example of the Standard Webhooks specification."""
    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'
    expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body) == expected
