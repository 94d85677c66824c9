"""Where a request comes from, and how much it may."""

import pytest
from starlette.requests import Request

from service.callers import Callers, household
from service.rates import Buckets

LOOPBACK = ("127.0.0.0/8", "::1/128")


def request(client, **headers):
    """A request from an address."""
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": raw, "scheme": "http"}
    return Request({**scope, "client": (client, 1) if client else None, "server": ("x", 80)})


@pytest.mark.parametrize(
    ("trusted", "client", "forwarded", "address"),
    [
        (LOOPBACK, "203.0.113.5", "9.9.9.9", "203.0.113.5"),
        (LOOPBACK, "127.0.0.1", None, "127.0.0.1"),
        (LOOPBACK, "127.0.0.1", "203.0.113.5", "203.0.113.5"),
        (LOOPBACK, "127.0.0.1", "9.9.9.9, 203.0.113.5", "203.0.113.5"),
        (LOOPBACK, "127.0.0.1", "9.9.9.9, 127.0.0.1", "9.9.9.9"),
        (LOOPBACK, "127.0.0.1", "nonsense", "127.0.0.1"),
        (LOOPBACK, "127.0.0.1", "nonsense, 203.0.113.5", "203.0.113.5"),
        (LOOPBACK, "::1", "2001:db8::1", "2001:db8::1"),
        (LOOPBACK, "::ffff:127.0.0.1", "203.0.113.5", "203.0.113.5"),
        ((*LOOPBACK, "10.0.0.0/8"), "10.1.2.3", "203.0.113.5, 10.9.9.9", "203.0.113.5"),
        ((), "127.0.0.1", "203.0.113.5", "127.0.0.1"),
        (LOOPBACK, None, "203.0.113.5", "unknown"),
        (LOOPBACK, "testclient", "203.0.113.5", "unknown"),
    ],
)
def test_the_address_is_the_last_that_nobody_can_make_up(trusted, client, forwarded, address):
    """Only what trusted proxies added is believed, and only as far as the first hop that is not one of them."""
    more = {"x_forwarded_for": forwarded} if forwarded else {}
    assert Callers(trusted).address(request(client, **more)) == address


@pytest.mark.parametrize(
    ("address", "client"),
    [("203.0.113.5", "203.0.113.5"), ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"), ("unknown", "unknown")],
)
def test_what_counts_as_one_client(address, client):
    """Who has one IPv6 address has 2**64 of them."""
    assert household(address) == client


def test_https_is_believed_from_a_trusted_proxy_alone():
    """As is the host that the browser asked."""
    callers = Callers(LOOPBACK)
    assert callers.secure(request("127.0.0.1", x_forwarded_proto="https"))
    assert not callers.secure(request("203.0.113.5", x_forwarded_proto="https"))
    said = {"origin": "https://a.example", "host": "inner:8000", "x_forwarded_host": "a.example"}
    assert callers.same_origin(request("127.0.0.1", **said))
    assert not callers.same_origin(request("203.0.113.5", **said))


def test_buckets_fill_steadily():
    """A minute's worth at once, then as time gives it; what was taken beyond must be made up for, up to a minute."""
    now = [0.0]
    buckets = Buckets(clock=lambda: now[0])
    for _ in range(6):
        assert buckets.wait("a", 6) == 0
        buckets.take("a", 6)
    assert buckets.wait("a", 6) == pytest.approx(10)
    assert buckets.wait("b", 6) == 0
    for _ in range(100):
        buckets.take("a", 6)
    assert buckets.wait("a", 6) == pytest.approx(70)
    now[0] += 70.001
    assert buckets.wait("a", 6) == 0


def test_buckets_are_bounded(monkeypatch):
    """A flood of addresses does not fill the memory."""
    monkeypatch.setattr("service.rates.MOST_NAMES", 10)
    buckets = Buckets()
    for number in range(50):
        buckets.take(str(number), 6)
    assert len(buckets._held) == 10
