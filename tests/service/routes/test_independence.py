"""From real scorers through the real store to labels over HTTP, and back as measures of independence."""

import json
import math

import httpx
import numpy as np
import pytest
import tiny_artifact
from starlette.testclient import TestClient

from ensemble.evaluation.evaluate import measure
from ensemble.tasks.task import load_task
from ensemble.text import Text
from miners.candidate import Provenance
from miners.queue.connect import Store
from miners.queue.embedded import EmbeddedServer
from miners.queue.types import NewItem
from service import metrics as m
from service.cli import adjudicated
from service.config import validate_config
from service.http import build_api
from service.live import Live, gauges
from service.metrics import Recorder
from service.services import Services

LABELLED = [
    ("He broke his arm in the fall.", "yes", 0.9),
    ("She shot him.", "yes", 0.5),
    ("His hand bled on the floor.", "yes", 0.8),
    ("It stung for a week.", "yes", 0.05),
    ("His nose bled.", "yes", 0.4),
    ("She shot him a glance.", "no", 0.7),
    ("They drank tea.", "no", 0.1),
    ("Rain fell.", "no", 0.02),
]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A real store, made empty for each test by `world`."""
    with EmbeddedServer(tmp_path_factory.mktemp("redis")) as server, Store(server.url) as opened:
        yield opened


@pytest.fixture
def panel():
    """Two members that are bags of words, run by the real scorers."""
    loaded = tiny_artifact.make().load_panel(threads=1)
    yield loaded
    loaded.close()


class World:
    """The application over the real store, with a queue of texts that the panel has scored."""

    def __init__(self, store, panel):
        store.client.flushall()
        self.queue, self.panel = store.queue("injury"), panel
        self.tokens = {role: store.keys.create(role, role)[0] for role in ("label", "admin", "score")}
        self.recorder = Recorder()
        joint = panel.joint
        thresholds = {name: joint.vote_threshold(name) for name in joint.members}
        self.live = Live(self.queue, panel.members, deployed=joint.deployed, thresholds=thresholds)
        self.services = Services(
            score=None,
            queue=self.queue,
            ledger=self.queue,
            keys=store.keys,
            task=load_task("injury"),
            config=validate_config({}),
            groups_answered=dict,
            recorder=self.recorder,
            live=self.live,
        )
        self.client = TestClient(build_api(self.services), raise_server_exceptions=False)

    def call(self, role, method, path, **more):
        headers = {"Authorization": f"Bearer {self.tokens[role]}"}
        return self.client.request(method, path, headers=headers, **more)

    def enqueue(self, rows):
        """As a campaign would."""
        for (text, _, q), verdict in zip(rows, self.panel.verdicts([Text(text) for text, _, _ in rows]), strict=True):
            own = verdict.members[self.panel.joint.deployed]
            item = NewItem(
                id=Text(text).id,
                task="injury",
                text=text,
                priority=q,
                selection_probability=q,
                deployed=self.panel.joint.deployed,
                deployed_passed=own.vote == "no",
                verdict=verdict,
                provenance=Provenance(source="corpus:test", family=text),
            )
            self.queue.enqueue([item])

    def answer_all(self, rows):
        """Over HTTP, as raters do; answer ids by text."""
        said, answers = {text: answer for text, answer, _ in rows}, {}
        while leases := self.call("label", "POST", "/v1/leases", json={"count": 10}).json()["leases"]:
            for lease in leases:
                path = f"/v1/leases/{lease['lease_id']}/answer"
                receipt = self.call("label", "POST", path, json={"answer": said[lease["text"]]}).json()
                answers[lease["text"]] = receipt["answer_id"]
        return answers


@pytest.fixture
def world(store, panel):
    return World(store, panel)


def test_the_route_gives_the_offline_figures(world):
    """Labels answered over HTTP give what `evaluate` gives on the same rows, plain and weighted by 1/q."""
    world.enqueue(LABELLED)
    world.answer_all(LABELLED)
    world.live.refresh(world.recorder)
    answer = world.call("admin", "GET", "/v1/independence")
    assert answer.status_code == 200
    found = answer.json()
    table = world.panel.probabilities([Text(text) for text, _, _ in LABELLED])
    labels = np.array([float(answer == "yes") for _, answer, _ in LABELLED])
    offline = json.loads(measure(world.panel, table, labels).independence.model_dump_json())
    counted = ("misses", "captured", "catches", "unique_catches", "disagreeing", "capture", "unique_share")
    assert {name: found["unweighted"][name] for name in counted} == {name: offline[name] for name in counted}
    assert found["unweighted"]["n_eff"] == pytest.approx(offline["n_eff"])
    assert found["weighted"]["disagreeing_share"] != pytest.approx(offline["disagreeing_share"])
    assert (found["items"], found["positives"]) == (8, 5)
    assert found["versions"] == {member.name: member.version for member in world.panel.members}
    assert found["unweighted"]["unique_catches"] == {"keyword": 2}


def test_the_background_keeps_it_up_to_date(world, wait_until):
    """While the application runs, labels reach report and gauges by themselves."""
    world.enqueue(LABELLED)
    with world.client:
        wait_until(lambda: world.call("admin", "GET", "/v1/independence").status_code == 200, seconds=30)
        assert world.call("admin", "GET", "/v1/independence").json()["waiting"] == len(LABELLED)
        world.answer_all(LABELLED)
        wait_until(lambda: world.call("admin", "GET", "/v1/independence").json()["items"] == len(LABELLED), seconds=60)
        assert world.recorder.value(m.LIVE_ITEMS, use="used") == len(LABELLED)
        summary = world.call("admin", "GET", "/v1/metrics/summary").json()["metrics"]
        tags = [one["tags"] for one in summary["hungjury_live_unique_share"]]
        assert {"member": "keyword", "weights": "selection"} in tags


def test_before_the_first_look_it_says_so(world):
    """A report that is not there yet is a 503 with Retry-After, and other roles have no business with it."""
    answer = world.call("admin", "GET", "/v1/independence")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert answer.json()["error"]["code"] == "not_ready"
    assert world.call("label", "GET", "/v1/independence").status_code == 403
    assert world.call("score", "GET", "/v1/independence").status_code == 403


def test_gauges_follow_and_vanish(world):
    """A figure that can no longer be given leaves the summary, which stays JSON."""
    world.enqueue(LABELLED)
    answers = world.answer_all(LABELLED)
    world.live.refresh(world.recorder)
    assert world.recorder.value(m.LIVE_CAPTURE, weights="none") == pytest.approx(2 / 3)
    assert world.recorder.value(m.LIVE_MISSES, weights="selection") == 3
    for text, answer, _ in LABELLED:
        if answer == "yes":
            world.call("label", "PATCH", f"/v1/answers/{answers[text]}", json={"answer": "no"})
    world.live.refresh(world.recorder)
    assert math.isnan(world.recorder.value(m.LIVE_CAPTURE, weights="none"))
    assert world.recorder.value(m.LIVE_MISSES, weights="none") == 0
    summary = world.call("admin", "GET", "/v1/metrics/summary").json()["metrics"]
    assert summary["hungjury_live_capture"] == []
    assert world.call("admin", "GET", "/v1/independence").json()["unweighted"]["capture"] is None


def test_every_gauge_is_a_known_number(world):
    """Names and tags are those that the exporter registers, and every value is finite."""
    world.enqueue(LABELLED)
    world.answer_all(LABELLED)
    world.live.refresh(world.recorder)
    shown = list(gauges(world.live.report))
    assert {metric for metric, _, _ in shown} <= set(m.ALL)
    assert all(sorted(dict(tags)) == sorted(metric.tags) for metric, tags, _ in shown)
    assert all(math.isfinite(value) for _, _, value in shown)


def test_the_command_line_shows_it(world, monkeypatch, capsys):
    """Figures side by side, warnings, tables; the same document for machines."""
    world.enqueue(LABELLED)
    world.answer_all(LABELLED)
    world.live.refresh(world.recorder)

    def get(url, **_):
        answer = world.call("admin", "GET", "/" + url.split("/", 3)[3])
        return httpx.Response(answer.status_code, json=answer.json(), request=httpx.Request("GET", url))

    monkeypatch.setattr(httpx, "get", get)
    monkeypatch.setattr("service.supervisor.store.local_key", lambda: "key")

    class State:
        url = "http://127.0.0.1:9"

    found = adjudicated.fetch(State())
    assert found == world.live.report
    adjudicated.show(found)
    shown = capsys.readouterr().out
    assert "8 labelled texts, 5 of them yes" in shown
    assert "- Only 8 labelled texts" in shown
    assert "What would be missed without it: of encoder's misses" in shown
    assert "effective votes of 2, capture 0.67" in shown
    assert "deployed-passes-alone" in shown
    assert "independence on 8 labelled texts" in adjudicated.summary(found)
