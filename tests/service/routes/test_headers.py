"""What every response says to a browser: pages run nothing foreign, and replies are neither guessed at nor kept."""

import re

import pytest

STRICT = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "connect-src": "'self'",
    "img-src": "'self' data:",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}


def pages(world):
    """Every page: what answers a GET without parameters with HTML."""
    paths = [path for path in _paths(world.client.app.routes) if "{" not in path]
    found = {path: world.client.get(path) for path in paths if not path.startswith("/v1/")}
    return {path: reply for path, reply in found.items() if "text/html" in reply.headers.get("content-type", "")}


def _paths(routes):
    for route in routes:
        if hasattr(route, "path") and "GET" in (getattr(route, "methods", None) or ()):
            yield route.path
        yield from _paths(getattr(getattr(route, "original_router", None), "routes", []))


def test_every_page_has_the_strict_policy(world):
    """Nothing inline, nothing from other hosts, no frames, no forms that leave, no guessing of types, no referrer."""
    found = pages(world)
    assert {"/", "/label", "/docs"} <= set(found)
    for path, reply in found.items():
        policy = dict(part.split(" ", 1) for part in reply.headers["content-security-policy"].split("; "))
        assert policy == STRICT, path
        assert reply.headers["x-content-type-options"] == "nosniff", path
        assert reply.headers["referrer-policy"] == "no-referrer", path


def test_no_page_holds_anything_inline(world):
    """No inline script, style or handler, and no script, style or picture of another host."""
    for path, reply in pages(world).items():
        html = reply.text
        assert not re.search(
            r"<style|<[^>]*\sstyle=|<[^>]*\son\w+=|(href|src)=\"(javascript:|data:|//|https?:)", html
        ), path
        assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", html)), path
        loaded = re.findall(r"<(?:script|img)[^>]*\ssrc=\"([^\"]+)\"|<link[^>]*\shref=\"([^\"]+)\"", html)
        assert all(world.client.get("/" + (script or sheet)).status_code == 200 for script, sheet in loaded), path


@pytest.mark.parametrize(("path", "status"), [("/v1/me", 200), ("/v1/nothing", 404), ("/healthz", 200)])
def test_replies_are_not_kept(world, path, status):
    """A reply that a key or cookie opened is in no cache, and is never taken for anything but JSON."""
    reply = world.call("label", "GET", path)
    assert reply.status_code == status
    assert reply.headers["cache-control"] == "no-store"
    assert reply.headers["x-content-type-options"] == "nosniff"
