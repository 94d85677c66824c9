"""The running service behind HAProxy: what callers see when one of its processes is killed."""

import contextlib
import json
import time

import httpx
import psutil
import pytest

from service.profile import choose_profile

pytestmark = [
    pytest.mark.service,
    pytest.mark.skipif(choose_profile("auto") != "fast", reason="the fast profile needs Linux and HAProxy"),
]

BACK_SECONDS = 60
"""Longest that a process may be away, on a busy machine."""


@pytest.fixture
def client(service):
    """An HTTP client that may score, on connections that are kept."""
    key = json.loads(service.call("key", "create", "--role", "score", "--name", "killer", "--json").stdout)["key"]
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=service.url, headers=headers, timeout=60) as made:
        yield made


def process(service, name):
    """The living process of that name or title; None while there is none."""
    for one in service.family():
        with contextlib.suppress(psutil.Error):  # it ended meanwhile
            named = name == one.name() or " ".join(one.cmdline()).startswith(name)
            if named and one.status() != psutil.STATUS_ZOMBIE:
                return one
    return None


def score(client):
    """The answer to one text."""
    return client.post("/v1/score", json={"inputs": [{"text": "The blade cut his arm."}]})


def fine(answer):
    """Whether it is a verdict, or the one shape of error that says when to come back."""
    if answer.status_code == httpx.codes.OK:
        return True
    shaped = set(answer.json()["error"]) == {"code", "message"}
    return answer.status_code == httpx.codes.SERVICE_UNAVAILABLE and shaped and "Retry-After" in answer.headers


def test_it_is_chosen_where_it_can_be(service):
    """Without a word in the configuration the service runs behind HAProxy."""
    assert service.state["ray"]["profile"] == "fast"
    assert process(service, "haproxy") is not None


def test_a_killed_ingress_comes_back_while_callers_wait(service, client):
    """Killed with -9: everybody who asks meanwhile gets a verdict or is told in JSON when to come back."""
    ingress = "ray::ServeReplica:hungjury:ingress"
    assert score(client).status_code == httpx.codes.OK
    before = process(service, ingress)
    before.kill()
    moment, answers, back = time.monotonic(), [], None
    while back is None or answers[-1].status_code != httpx.codes.OK:
        assert time.monotonic() < moment + BACK_SECONDS, "the ingress does not come back"
        now = process(service, ingress)
        back = now if now and now.pid != before.pid else None
        answers.append(score(client))
        assert fine(answers[-1]), answers[-1].text
        time.sleep(0.05)
    refused = sum(answer.status_code != httpx.codes.OK for answer in answers)
    print(f"ingress back after {time.monotonic() - moment:.1f} s; {len(answers)} requests, {refused} told to come back")


def test_a_killed_haproxy_comes_back(service, client, wait_until):
    """The process that callers talk to killed with -9: started anew by itself, on the same port and as closed."""
    before, moment = process(service, "haproxy"), time.monotonic()
    before.kill()

    def back():
        with contextlib.suppress(httpx.TransportError):
            return score(client).status_code == httpx.codes.OK
        return False

    wait_until(back, seconds=BACK_SECONDS)
    print(f"HAProxy back after {time.monotonic() - moment:.1f} s")
    listening = process(service, "haproxy").net_connections("tcp")
    assert {one.laddr.port for one in listening if one.status == psutil.CONN_LISTEN} == {service.port}
