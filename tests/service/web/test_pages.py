"""The pages as files: what is sent, with which headers, and what is in them."""

import re
from pathlib import Path

import pytest

WEB = Path("service/web")
TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


@pytest.fixture(scope="session")
def web(root):
    """The folder of the pages."""
    return root / WEB


@pytest.mark.parametrize(
    "path", ["/", "/label", "/attack", "/findings", "/label/main.js", "/label/label.css", "/label/icon.svg"]
)
def test_every_page_and_asset_has_the_strict_headers(world, path):
    """Nothing inline, nothing from elsewhere, no frames, no guessing of types, no referrer."""
    reply = world.client.get(path)
    assert reply.status_code == 200
    policy = dict(part.split(" ", 1) for part in reply.headers["content-security-policy"].split("; "))
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "connect-src": "'self'",
        "img-src": "'self' data:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["referrer-policy"] == "no-referrer"


def test_every_asset_is_served_with_its_type(world, web):
    """Browsers run modules only under a script's type, and so each file gets its own."""
    assets = [path for path in web.iterdir() if path.suffix in TYPES]
    assert len(assets) > 10
    for path in assets:
        reply = world.client.get(f"/label/{path.name}")
        assert reply.headers["content-type"].startswith(TYPES[path.suffix])
        assert reply.content == path.read_bytes()


def test_a_page_that_did_not_change_is_not_sent_again(world):
    """Browsers ask each time, and get an empty 304 while their copy is current."""
    first = world.client.get("/label/main.js")
    assert first.headers["cache-control"] == "no-cache"
    again = world.client.get("/label/main.js", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    other = world.client.get("/label/main.js", headers={"If-None-Match": '"another"'})
    assert other.status_code == 200


@pytest.mark.parametrize(
    "name",
    ["missing.js", "label.html", "..%2Fhttp.py", "%2e%2e%2fhttp.py", "..%5Chttp.py", "%00", "main.js%00", "a" * 5000],
)
def test_only_the_packaged_assets_can_be_had(world, name):
    """Any other name is a plain 404, whatever it tries."""
    reply = world.client.get(f"/label/{name}")
    assert reply.status_code == 404
    assert reply.json()["error"]["code"] == "not_found"
    assert len(reply.content) < 400


def test_the_start_page_leads_to_places_that_exist(world, web):
    """Each link on the start page can be followed."""
    links = re.findall(r'href="([^"]+)"', (web / "index.html").read_text())
    assert {"label", "docs", "openapi.json"} <= set(links)
    assert [link for link in links if world.client.get(f"/{link}").status_code != 200] == []


@pytest.mark.parametrize("name", ["index.html", "label.html", "attack.html", "findings.html"])
def test_pages_hold_nothing_inline_and_nothing_from_elsewhere(web, name):
    """No inline script, style or handler, no address of another host, and every id only once."""
    html = (web / name).read_text()
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:|//\w", html.replace("<!doctype html>", ""))
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", html))
    ids = re.findall(r'\sid="([^"]+)"', html)
    assert len(ids) == len(set(ids))


def test_modules_never_turn_text_into_markup_or_code(web):
    """Text gets onto the page as text: no module uses what would parse it as HTML or run it."""
    parsing = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|DOMParser|srcdoc"
    )
    modules = list(web.glob("*.js"))
    assert modules
    assert [path.name for path in modules if parsing.search(path.read_text())] == []


@pytest.mark.parametrize("page", ["label", "attack", "findings"])
def test_modules_use_only_ids_that_the_page_has(web, page):
    """Every element that a module looks up by id is in the page."""
    ids = set(re.findall(r'\sid="([^"]+)"', (web / f"{page}.html").read_text()))
    code = "".join(
        path.read_text()
        for path in web.glob("*.js")
        if next((own for own in ("attack", "findings") if path.name.startswith(own)), "label") == page
    )
    used = set(re.findall(r'(?:getElementById|(?<!\.)\bget)\("([^"]+)"\)', code))
    assert len(used) > 20
    assert used - ids == set()


def test_modules_stay_short(web):
    """A module has fewer than 300 lines."""
    assert [path.name for path in web.glob("*.js") if len(path.read_text().splitlines()) >= 300] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("ground", ["page", "panel", "card"])
@pytest.mark.parametrize("ink", ["ink", "soft", "accent", "warn", "good"])
def test_every_text_colour_can_be_read(web, scheme, ground, ink):
    """Text has a contrast of at least 4.5 to 1 (WCAG 2.2, 1.4.3) on every ground, in light and dark."""
    colours = _palette(web)[scheme]
    lighter, darker = sorted((_luminance(colours[ink]), _luminance(colours[ground])), reverse=True)
    assert (lighter + 0.05) / (darker + 0.05) >= 4.5


def _palette(web):
    pairs = re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)", (web / "label.css").read_text())
    return {"light": {name: light for name, light, _ in pairs}, "dark": {name: dark for name, _, dark in pairs}}


def _luminance(colour):
    """Relative luminance as WCAG 2.2 defines it, 0 (black) to 1 (white)."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
