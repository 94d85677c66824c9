"""Hostile texts through the whole page: read, marked, noted, answered, listed, corrected, and nothing of them runs."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

CORPUS = {
    "script": "<script>window.ran=1</script><script src=//evil.example/x.js></script>",
    "handlers": "<img src=x onerror=window.ran=1><body onload=window.ran=1><details open ontoggle=window.ran=1>",
    "frames": "<iframe srcdoc='<script>parent.ran=1</script>'></iframe><object data=javascript:ran=1></object>",
    "svg": "<svg><script>window.ran=1</script><animate onbegin=window.ran=1 attributeName=x></svg><math><mi href=x>",
    "closing": "</div></article></main></template></textarea><!-- --><style>*{display:none}</style>",
    "address": "javascript:window.ran=1 data:text/html,<script>ran=1</script> vbscript:x",
    "templates": "{{constructor.constructor('window.ran=1')()}} ${window.ran=1} <%= 1 %> #{1}",
    "attributes": "\" autofocus onfocus=window.ran=1 x=\" ' onclick=window.ran=1 '",
    "terminal": "\x1b[31mred\x1b[0m \x1b]8;;http://evil.example\x07link\x1b]8;;\x07 \x1b[2J \x9b31m \x07\x08\x7f",
    "overrides": "safe \u202eevil\u202c \u2066isolate\u2069 \u200flatter \u061cmark \u2028line\u2029paragraph",
    "zero width": "in\u200bvis\u2060ible \ufeff\u00ad join\u200der\u200c \U000e0041\U000e007f",
    "emoji": "\U0001f469\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466 \U0001f44d\U0001f3ff \u2764\ufe0f",
    "combining": "Z" + "\u0310\u0334\u0338\u035f" * 200 + "algo",
    "noncharacters": "\ufffe \uffff \U0001fffe \ufdd0 \ue000 \ufffd",
    "line ends": "one\rtwo\r\nthree\n\nfour\x0bfive\x0csix\x85seven",
    "prototype": "__proto__ constructor toString hasOwnProperty [object Object] undefined null NaN",
    "entities": "&lt;script&gt;window.ran=1&lt;/script&gt; &#x3c;b&#x3e; &nbsp;&zwnj;",
    "one long word": "x" * 100_000,
    "long markup": "<b>" * 33_333,
    "long emoji": "\U0001f9ff" * 50_000,
}
COUNT = """addEventListener("securitypolicyviolation", (event) => {
  window.violations = [...(window.violations ?? []), event.violatedDirective];
}, true);"""


@pytest.mark.parametrize("name", CORPUS)
def test_nothing_runs(desk, live, name):
    """No script, no breach of the policy, no element, no request: on every part of the page the text is but text."""
    text = CORPUS[name]
    desk.page.add_init_script(COUNT)
    live.add(text, needed=1, context=text)
    desk.open().wait("asking")
    elements = desk.page.locator("#text-body *:not(.hidden-character)").count()
    assert elements == 0
    desk.press("w")
    if desk.page.locator("#marker").is_visible():
        desk.press("Enter", "Escape")
    desk.page.fill("#note", text[:2_000])
    desk.press("Enter", "s", "Escape", "u")
    desk.wait("empty")
    desk.press("m")
    expect(desk.page.locator("#mine-list li")).to_have_count(1)
    desk.page.locator("#mine-list li button").click()
    desk.wait("asking")
    desk.press("n")
    desk.wait("empty")
    assert desk.page.evaluate("[window.ran, window.violations]") == [None, None]
    (answer,) = live.queue.answers()
    assert answer.body.answer == "no"
    assert len(answer.history) == 1
    for span in answer.body.spans:
        assert 0 <= span.start < span.end <= len(text)


def test_breaches_would_be_counted(desk, live):
    """The count itself works: an inline script is blocked, and counted."""
    desk.page.add_init_script(COUNT)
    desk.page.goto(f"{live.url}/label")
    desk.wait("signin")
    desk.page.evaluate(
        "document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.ran=1'}))"
    )
    desk.page.wait_for_function("window.violations")
    assert desk.page.evaluate("window.ran") is None
    assert desk.page.evaluate("window.violations[0]").startswith("script-src")
    desk.alarms.clear()
