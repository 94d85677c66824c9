"""Keys and roles."""

import asyncio
import threading
from datetime import UTC, datetime

import pytest
from fastapi import HTTPException

from miners.errors import StoreUnavailableError
from miners.queue.api_keys import Checked, Refusal
from miners.queue.key_records import ApiKey
from service import authenticator as auth
from service.authenticator import Authenticator

ROUTES = [
    ("POST", "/v1/score", "score"),
    ("POST", "/v1/leases", "label"),
    ("POST", "/v1/leases/x/renew", "label"),
    ("POST", "/v1/leases/x/release", "label"),
    ("POST", "/v1/leases/x/answer", "label"),
    ("PATCH", "/v1/answers/x", "label"),
    ("GET", "/v1/queue", "admin"),
    ("GET", "/v1/findings", "admin"),
    ("GET", "/v1/items/x", "admin"),
    ("GET", "/v1/metrics/summary", "admin"),
    ("GET", "/v1/audit", "admin"),
]


@pytest.mark.parametrize(("method", "path", "role"), ROUTES)
def test_roles_open_only_their_own_routes(world, method, path, role):
    """Without a key 401, with another role's 403, with the right one or an admin's neither."""
    for header in (None, "Bearer nonsense", "Bearer", "Basic abc", "Bearer " + "k" * 10_000, "Bearer hj_a_b"):
        answer = world.client.request(method, path, headers={"Authorization": header} if header else {})
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert answer.json()["error"]["code"] in {"missing_key", "bad_key"}
    for holder in ("score", "label"):
        status = world.call(holder, method, path).status_code
        assert (status == 403) == (holder != role)
        assert status != 401
    assert world.call("admin", method, path).status_code not in {401, 403}


def test_bad_key_is_refused_before_the_body_is_judged(world):
    """Who may not ask learns nothing about what would be wrong with the question."""
    answer = world.client.post("/v1/score", json={"inputs": 3}, headers={"Authorization": "Bearer x"})
    assert answer.status_code == 401


HOLDER = ApiKey(id="1", role="score", name="n", created_at=datetime(2026, 1, 1, tzinfo=UTC))


class SlowStore:
    """Knows the key "good"; counts how often it was asked, and waits until it is let go."""

    def __init__(self):
        self.asked, self.go, self.away = 0, threading.Event(), False

    def check(self, key):
        self.asked += 1
        self.go.wait(10)
        if self.away:
            raise StoreUnavailableError("away")
        return Checked(key=HOLDER) if key == "good" else Checked(refusal=Refusal.unknown)


def test_a_verified_key_is_believed_for_seconds_and_no_longer():
    """The slow check runs once for a good key until its time is over, and every time for a bad one."""
    now = [0.0]
    store = SlowStore()
    store.go.set()
    authenticator = Authenticator(store, clock=lambda: now[0])

    async def ask():
        for key in ("good", "good", "bad", "bad"):
            await authenticator.identify(key)
        now[0] += auth.CACHE_SECONDS
        await authenticator.identify("good")

    asyncio.run(ask())
    assert store.asked == 4


def test_a_flood_of_keys_is_told_to_wait():
    """More keys than can be checked are refused with 429 at once, while the event loop goes on."""
    store = SlowStore()
    authenticator = Authenticator(store)

    async def flood():
        asked = [asyncio.create_task(authenticator.identify(f"bad {i}")) for i in range(auth.CHECKS_WAITING)]
        await asyncio.sleep(0.05)
        with pytest.raises(HTTPException) as refused:
            await authenticator.identify("one more")
        store.go.set()
        return refused.value, await asyncio.gather(*asked)

    refused, answers = asyncio.run(flood())
    assert refused.status_code == 429
    assert refused.headers["Retry-After"]
    assert set(answers) == {None}


def test_many_requests_with_one_key_wait_for_one_check():
    """However many callers share a key, it is checked once, nobody is refused, and who gives up ends it for nobody."""
    store = SlowStore()
    authenticator = Authenticator(store)

    async def crowd():
        asked = [asyncio.create_task(authenticator.identify("good")) for _ in range(2 * auth.CHECKS_WAITING)]
        await asyncio.sleep(0.05)
        asked[0].cancel()
        store.go.set()
        return await asyncio.gather(*asked[1:])

    assert {record.role for record in asyncio.run(crowd())} == {"score"}
    assert store.asked == 1


def test_a_known_key_is_still_believed_while_the_store_is_away():
    """Scoring goes on without the store for those whose key was verified lately, and for nobody else."""
    now = [0.0]
    store = SlowStore()
    store.go.set()
    authenticator = Authenticator(store, clock=lambda: now[0])

    async def ask():
        await authenticator.identify("good")
        store.away = True
        now[0] = auth.TRUST_SECONDS - 1
        assert (await authenticator.identify("good")).role == "score"
        with pytest.raises(StoreUnavailableError):
            await authenticator.identify("another")
        now[0] = auth.TRUST_SECONDS + auth.CACHE_SECONDS
        with pytest.raises(StoreUnavailableError):
            await authenticator.identify("good")

    asyncio.run(ask())
