"""From the click on an answer to the next text on the screen, as a rater's browser sees it.

Run by `make bench`, or alone by `pytest -s -p no:randomly tests/benchmarks/bench_page.py`; needs Chromium. The page is
the real one, in front of the real routes and a real store that keeps every answer on disk. A rater reads for 0.6 s and
clicks. The time runs inside the browser, from the click's own time stamp to the first frame drawn after the next text
was put in place. Beside it stands what the page would have to wait without leasing ahead: the round trips of an answer
and of a lease one after the other, as the browser measured them. The network is the loopback, and then one on which
every reply takes 100 ms longer.
"""

import socket
import statistics
import threading
from contextlib import contextmanager

import uvicorn
from queue_items import queue_items
from rater_desk import chromium

from ensemble.tasks.task import load_task
from miners.queue.api_keys import KeyStore, MemoryKeyRecords
from miners.queue.connect import Store
from miners.queue.embedded import EmbeddedServer
from service.config import Config
from service.http import build_api
from service.services import Services

CLICKS, READING_MS, TARGET_MS = 150, 600, 50
DELAYS_MS = (0, 100)

WATCH = """() => {
  window.times = [];
  let clicked = 0;
  document.getElementById("choices").addEventListener("click", (event) => { clicked = event.timeStamp; }, true);
  new MutationObserver(() => requestAnimationFrame(() => {
    // The message comes after the frame has been drawn.
    const { port1, port2 } = new MessageChannel();
    port2.onmessage = () => window.times.push(performance.now() - clicked);
    port1.postMessage(null);
  })).observe(document.getElementById("text-body"), { childList: true });
}"""
TRIPS = """(kind) => performance.getEntriesByType("resource")
  .filter(({ name }) => name.endsWith(kind)).map(({ duration }) => duration)"""


async def no_score(_texts, _ids):
    """The page asks for none."""
    raise AssertionError("the labeler page asked for a score")


@contextmanager
def service(store, keys):
    """The address of the HTTP application in front of a store."""
    queue = store.queue("injury")
    services = Services(
        score=no_score,
        queue=queue,
        ledger=queue,
        keys=keys,
        task=load_task("injury"),
        config=Config(),
        groups_answered=lambda: {"words": True},
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(build_api(services), log_level="warning", ws="none"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(timeout=20)


def worked(browser, url, key, delay_ms):
    """Milliseconds from click to next text, and those of the round trips that this spared, for one rater."""
    page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
    page.goto(f"{url}/label")
    page.wait_for_selector("main[data-state=signin]")
    page.keyboard.insert_text(key)
    page.keyboard.press("Enter")
    page.wait_for_selector("main[data-state=asking]")
    network = page.context.new_cdp_session(page)
    conditions = {"offline": False, "latency": delay_ms, "downloadThroughput": -1, "uploadThroughput": -1}
    network.send("Network.enable")
    network.send("Network.emulateNetworkConditions", conditions)
    page.evaluate("performance.setResourceTimingBufferSize(5000)")
    page.evaluate(WATCH)
    for _ in range(CLICKS):
        page.wait_for_timeout(READING_MS)
        page.click("#choices [data-action=no]")
    page.wait_for_selector("main[data-state=asking][data-unsent='0']")
    times = page.evaluate("window.times")
    trips = [page.evaluate(TRIPS, kind)[-CLICKS:] for kind in ("/answer", "/v1/leases")]
    page.context.close()
    return times, [sum(pair) for pair in zip(*trips, strict=False)]


def quantile(values, share):
    """The value below which this share of them lies."""
    return statistics.quantiles(values, n=100, method="inclusive")[round(share * 100) - 1]


def test_page(capsys, tmp_path):
    """p50 and p95 of click to next text, on the loopback and on a slow network, beside waiting for the replies."""
    keys = KeyStore(MemoryKeyRecords())
    found = {}
    with EmbeddedServer(tmp_path) as server, Store(server.url) as store:
        store.queue("injury").enqueue(list(queue_items(0, len(DELAYS_MS) * (CLICKS + 10))))
        with service(store, keys) as url, chromium() as browser:
            for delay in DELAYS_MS:
                found[delay] = worked(browser, url, keys.create("label", f"rater {delay}")[0], delay)
        answers = store.queue("injury").counts().answers
    assert answers == len(DELAYS_MS) * CLICKS
    with capsys.disabled():
        print(f"\n{CLICKS} clicks each, texts of 600 characters; milliseconds from click to the next text's frame")
        for delay, (times, spared) in found.items():
            p50, p95, wait = quantile(times, 0.5), quantile(times, 0.95), quantile(spared, 0.5)
            under = sum(time < TARGET_MS for time in times) / len(times)
            print(
                f"+{delay:3} ms a reply: p50 {p50:6.1f}  p95 {p95:6.1f}  most {max(times):6.1f}  under {TARGET_MS} ms:"
                f" {under:6.1%}; its round trips one after the other: p50 {wait:6.1f} ({wait / p50:.1f}x)"
            )
