"""What the labeler page never does: run foreign text, show what would sway a rater, or give the key away."""

import json

import pytest
from playwright.sync_api import expect

from ensemble.tasks.task import load_task
from miners.queue.types import NewAnswer

pytestmark = pytest.mark.browser

HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(2)>",
    "</div><iframe srcdoc='<script>parent.alert(3)</script>'></iframe>",
    "<svg onload=alert(4)><style>*{display:none}</style>",
    "javascript:alert(5) &lt;b&gt; {{7*7}} ${alert(6)}",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_markup_in_a_text_is_shown_as_text(desk, live, text):
    """Markup in text, context and note is shown letter by letter and nothing of it runs or takes shape."""
    live.add(text, context=text)
    desk.open().shows(text)
    assert desk.page.text_content("#context-text") == text
    for place in ("#text-body", "#context-text"):
        assert desk.page.locator(f"{place} *").count() == 0
    desk.page.fill("#note", text)
    desk.press("Enter", "n")
    desk.wait("empty")
    desk.press("z")
    desk.shows(text)
    assert desk.page.input_value("#note") == text


def test_characters_that_hide_or_reorder_text_are_made_visible(desk, live):
    """An override cannot make a text read otherwise than the members read it: it is shown by its number."""
    live.add("safe \u202eyldaed\u202c end\u200bing")
    desk.open().wait("asking")
    chips = desk.page.locator("#text-body .hidden-character")
    assert chips.all_text_contents() == ["U+202E", "U+202C", "U+200B"]
    assert desk.page.text_content("#text-body") == "safe U+202EyldaedU+202C endU+200Bing"


def test_other_scripts_keep_their_direction(desk, live):
    """Right-to-left text is set from the right, joiners and emoji stay whole, and the page around it does not turn."""
    text = "שלום עולם \U0001f469\u200d\U0001f52c"
    live.add(text)
    desk.open().shows(text)
    assert desk.page.evaluate("getComputedStyle(document.getElementById('text-body')).direction") == "rtl"
    assert desk.page.evaluate("getComputedStyle(document.getElementById('answers')).direction") == "ltr"
    assert desk.page.locator(".hidden-character").count() == 0


def test_spaces_and_lines_of_a_text_are_kept(desk, live):
    """Indentation and line breaks are part of what is judged."""
    text = "one\n\n    two\tthree"
    live.add(text)
    desk.open().wait("asking")
    assert desk.page.text_content("#text-body") == text
    assert desk.page.evaluate("getComputedStyle(document.getElementById('text-body')).whiteSpace").startswith("pre")


def test_nothing_that_would_sway_a_rater_reaches_the_browser(desk, live, secrets):
    """No score, reason, member, other answer or label is in any reply to the page or on it, before or after answers."""
    live.add("She fell off the roof.", "Her rage burned.", needed=3)
    _answered_by_another(live)
    desk.open().press("n")
    desk.settled()
    desk.press("z", "y", "2")
    desk.settled()
    shown = desk.page.content()
    asked = [request for request in desk.requests if "/v1/" in request.url and "/tasks/" not in request.url]
    received = [request.response().text() for request in asked]
    assert len(received) > 4
    for secret in (*secrets, "gravest-note"):
        assert secret not in shown
        assert not [text for text in received if secret in text]
    fields = {name for text in received for lease in json.loads(text).get("leases", []) for name in lease}
    assert fields == {"lease_id", "item_id", "text", "context", "expires_at", "task"}


def test_the_label_of_a_text_does_not_reach_the_browser(desk, live):
    """Neither the answer that completes a text nor a correction is told what the text's label is now."""
    live.add("She fell off the roof.", needed=1)
    desk.open().press("n")
    desk.wait("empty")
    desk.press("z", "u")
    desk.wait("empty")
    receipts = [each.response().json() for each in desk.requests if "/answer" in each.url and "/me/" not in each.url]
    assert len(receipts) == 2
    assert [set(receipt) for receipt in receipts] == [{"answer_id", "item_id", "answers", "needed"}] * 2


def _answered_by_another(live):
    lease = live.queue.lease("another", request_id="r1")[0]
    live.queue.answer(lease.lease_id, "another", NewAnswer(answer="unsure", note="gravest-note"))


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("hj_000000000000_wrong", "not known here"),
        ("clé — ☃", "not known here"),
        ("", "not known here"),
        ("score", "may not label"),
    ],
)
def test_a_wrong_key_is_explained(desk, live, key, reason):
    """A key that is unknown, mistyped, empty or of another role gets a plain reason, and no work begins."""
    live.add("She fell off the roof.")
    desk.page.goto(f"{live.url}/label")
    desk.wait("signin")
    desk.sign_in(live.tokens.get(key, key))
    expect(desk.page.get_by_role("alert")).to_contain_text(reason)
    assert desk.state == "signin"
    assert live.queue.counts().leases_granted == 0
    assert desk.page.evaluate("sessionStorage.length + localStorage.length") == 0


def test_a_wrong_key_can_be_followed_by_the_right_one(desk, live):
    """After a refusal the field still has the focus, and the right key starts the work."""
    live.add("She fell off the roof.")
    desk.page.goto(f"{live.url}/label")
    desk.wait("signin")
    desk.sign_in("hj_nonsense")
    expect(desk.page.get_by_role("alert")).to_contain_text("not known here")
    desk.page.keyboard.press("Control+a")
    desk.sign_in(live.tokens["label"])
    desk.shows("She fell off the roof.")


def test_the_key_is_sent_once_and_kept_nowhere(desk, live):
    """The key is in one request's header; after it a cookie that no script can read, also over a reload."""
    live.add("She fell off the roof.")
    desk.open().shows("She fell off the roof.")
    key = live.tokens["label"]
    assert [each.url for each in desk.requests if key in each.url or "#" in each.url or "?" in each.url] == []
    bearing = [each.url for each in desk.requests if key in str(each.all_headers())]
    assert bearing == [f"{live.url}/v1/session"]
    (cookie,) = desk.page.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["secure"], cookie["expires"]) == (True, "Strict", False, -1)
    kept = "JSON.stringify({...sessionStorage, ...localStorage, cookie: document.cookie})"
    for secret in (key, cookie["value"]):
        assert secret not in desk.page.evaluate(kept)
        assert secret not in desk.page.content()
    assert desk.page.input_value("#key") == ""
    desk.page.reload()
    desk.shows("She fell off the roof.")


def test_the_api_documentation_keeps_to_the_policy(desk, live):
    """Its style comes from a file of its own, nothing on it is refused, and it opens without a key."""
    desk.page.goto(f"{live.url}/docs")
    assert desk.page.evaluate("getComputedStyle(document.body).maxWidth") == "960px"
    assert desk.page.locator("section").count() > 10


def test_the_real_guideline_is_rendered_whole(desk, live):
    """Every heading and list item of the packaged guideline appears, and no Markdown mark is left over."""
    live.add("She fell off the roof.")
    desk.open().wait("asking")
    source = load_task("injury").guideline
    lines = source.splitlines()
    guideline = desk.page.locator("#guideline-text")
    assert guideline.locator("h2, h3, h4").count() == sum(line.startswith("#") for line in lines)
    assert guideline.locator("li").count() == sum(line.startswith("- ") for line in lines)
    text = guideline.inner_text()
    assert "**" not in text
    assert "# " not in text


RENDER = """async source => {
  const { markdown } = await import("/label/markdown.js");
  const box = document.createElement("div");
  box.append(...markdown(source));
  return box.innerHTML;
}"""


MARKDOWN = (
    ("# A *b*", "<h2>A <em>b</em></h2>"),
    ("one\ntwo\n\nthree", "<p>one two</p><p>three</p>"),
    ("- a\n- **b**\n  more", "<ul><li>a</li><li><strong>b</strong> more</li></ul>"),
    ("- a\n  - b\n- c", "<ul><li>a<ul><li>b</li></ul></li><li>c</li></ul>"),
    ("3. c\n4. d", '<ol start="3"><li>c</li><li>d</li></ol>'),
    ("> *a*\n> b", "<blockquote><p><em>a</em> b</p></blockquote>"),
    ("```\n<b> **x**\n```", "<pre><code>&lt;b&gt; **x**</code></pre>"),
    (
        "| a | b |\n|---|---|\n| 1 | `2` |",
        "<table><thead><tr><th>a</th><th>b</th></tr></thead>"
        "<tbody><tr><td>1</td><td><code>2</code></td></tr></tbody></table>",
    ),
    ("a snake_case_name and 2 * 3 * 4", "<p>a snake_case_name and 2 * 3 * 4</p>"),
    (r"\*not\* `*code*`", "<p>*not* <code>*code*</code></p>"),
    ("---", "<hr>"),
    (
        "[x](https://a.example/b)",
        '<p><a href="https://a.example/b" rel="noopener noreferrer" target="_blank">x</a></p>',
    ),
    ("[x](javascript:alert(1))", "<p>[x](javascript:alert(1))</p>"),
    ("[x](data:text/html,hi)", "<p><span>x (data:text/html,hi)</span></p>"),
    ("<img src=x onerror=alert(1)>", "<p>&lt;img src=x onerror=alert(1)&gt;</p>"),
    (
        "![x](https://a.example/spy.png)",
        '<p>!<a href="https://a.example/spy.png" rel="noopener noreferrer" target="_blank">x</a></p>',
    ),
)
"""(source, HTML of the nodes it becomes)"""


def test_markdown_becomes_nodes_and_never_markup(desk, live):
    """Each construct of Markdown gives its elements; HTML, scripts and images in it stay text."""
    desk.page.goto(f"{live.url}/label")
    rendered = {source: desk.page.evaluate(RENDER, source) for source, _ in MARKDOWN}
    assert rendered == dict(MARKDOWN)
