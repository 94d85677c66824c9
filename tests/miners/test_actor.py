"""Campaigns in Ray actors: killed processes go on, dead actors are replaced, scoring goes through Serve."""

import os
import sys
import threading
import time
import zlib
from dataclasses import dataclass

import numpy as np
import psutil
import pytest
import ray
import word_models
from pydantic import SecretStr
from ray import cloudpickle, serve

from ensemble.errors import MemberUnavailableError
from ensemble.tasks.task import load_task
from ensemble.text import Text
from ensemble.verdict import MemberScore, Verdict
from miners.actor import REDIS_URL, ServiceCampaign, mine, start
from miners.campaigns.campaign import Campaign
from miners.campaigns.sources import proposers_for
from miners.campaigns.spec import CampaignSpec
from miners.candidate import Candidate, Provenance
from miners.errors import CampaignError
from miners.queue.campaigns import MemoryCampaigns
from miners.queue.connect import Store
from miners.queue.embedded import EmbeddedServer
from miners.queue.memory import MemoryQueue

pytestmark = [pytest.mark.service, pytest.mark.usefixtures("cluster")]

# Ray's workers cannot import this file by name.
cloudpickle.register_pickle_by_value(sys.modules[__name__])
cloudpickle.register_pickle_by_value(word_models)

SPEC = CampaignSpec(task="injury", deployed="encoder", queue_size=30, round_size=40, batch_size=10, seed=3)

GUIDED = SPEC.model_copy(
    update={"budget": 500, "shares": {"search": 0.0, "rewrite": 0.0, "rewrite:guided": 1.0, "rewrite:flips": 1.0}}
)


def verdict_of(text: Text) -> Verdict:
    """A verdict made from the text alone."""
    rng = np.random.default_rng(zlib.crc32(text.text.encode()))
    values = {name: float(p) for name, p in zip(("encoder", "judge"), rng.uniform(0.01, 0.99, 2), strict=True)}
    members = {n: MemberScore(probability=p, vote="yes" if p >= 0.5 else "no", version="v") for n, p in values.items()}
    posterior = sum(values.values()) / 2
    return Verdict(
        id=text.id,
        probability=posterior,
        decision="flag" if posterior >= 0.5 else "pass",
        disagreement=abs(values["encoder"] - values["judge"]),
        miss_score=posterior if values["encoder"] < 0.5 else 0.0,
        members=members,
        degraded=[],
        review=len({member.vote for member in members.values()}) > 1,
    )


CLOCKS = {"seconds", "cpu_seconds", "proposing"}
"""Parts of a summary that no two runs share."""


class Numbered:
    """Proposes 200 numbered texts."""

    name = "corpus:numbers"

    def __init__(self):
        self._at = 0

    def propose(self, count):
        numbers = range(self._at, min(200, self._at + count))
        self._at += len(numbers)
        texts = [Text(f"passage {n} of the {n}th night with lamp {n * 7919}") for n in numbers]
        return [Candidate(text, Provenance(source=self.name, family=text.id)) for text in texts]

    def observe(self, scored):
        pass

    def state(self):
        return {"at": self._at}

    def restore(self, state):
        self._at = state["at"]


def sources(spec):
    """Numbered texts, or rewrites by the gradients of a member that adds up words."""
    if spec == SPEC:
        return [Numbered()]
    return proposers_for(spec, load_task("injury"), None, models=word_models.models())


@dataclass(frozen=True)
class Build:
    """Builds a slow campaign on a real store."""

    name: str
    url: str
    seconds: float = 0.15
    spec: CampaignSpec = SPEC

    def __call__(self, progress, stopping):
        store = Store(self.url)
        queue = store.queue("injury")

        def score(texts):
            time.sleep(self.seconds)
            return [verdict_of(text) for text in texts]

        return Campaign(
            self.name,
            self.spec,
            proposers=sources(self.spec),
            score=score,
            queue=queue,
            ledger=queue,
            store=store.campaigns,
            progress=progress,
            stopping=stopping,
        )


@pytest.fixture(scope="module")
def cluster():
    """A small real Ray on this machine, with Serve not yet started."""
    ray.init(num_cpus=1, object_store_memory=80 << 20, include_dashboard=False, log_to_driver=False, logging_level=40)
    yield
    serve.shutdown()
    ray.shutdown()


@pytest.fixture
def redis_url(tmp_path):
    """A real server with a durable store."""
    with EmbeddedServer(tmp_path / "redis") as server:
        yield server.url


def _expected(spec=SPEC):
    """Summary and queue of the same campaign, never interrupted, in this process and in memory."""
    queue = MemoryQueue("injury")
    campaign = Campaign(
        "c",
        spec,
        proposers=sources(spec),
        score=lambda texts: [verdict_of(text) for text in texts],
        queue=queue,
        ledger=queue,
        store=MemoryCampaigns(),
    )
    return campaign.run(), [item.new for item in queue.top(1000)]


def _queued(url):
    with Store(url) as store:
        return [item.new for item in store.queue("injury").top(1000)]


def _wait_for(actor, condition, seconds=60.0):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            report = ray.get(actor.report.remote(), timeout=10)
        except (ray.exceptions.ActorUnavailableError, ray.exceptions.GetTimeoutError):  # made again, or still made
            time.sleep(0.1)
            continue
        if condition(report):
            return report
        time.sleep(0.05)
    raise TimeoutError("the actor did not get there")


def _scored(report):
    return report.progress.tally.scored if report.progress else 0


def test_a_killed_actor_goes_on_and_leaves_the_same_queue(redis_url):
    """kill -9 of the actor twice mid-campaign: Ray restarts it, it resumes, the queue is as if never killed."""
    summary, queue = _expected()
    actor = start("c", Build("c", redis_url))
    pids, reached = [], 0
    for goal in (50, 120):
        report = _wait_for(actor, lambda report, goal=goal: _scored(report) >= goal)
        assert report.state == "running"
        pids.append(report.pid)
        reached = _scored(report)
        os.kill(report.pid, 9)
    report = _wait_for(actor, lambda report: report.pid not in pids and report.state != "running")
    ray.kill(actor)
    assert 120 <= reached < 200
    assert report.state == "finished"
    assert report.summary.model_dump(exclude=CLOCKS) == summary.model_dump(exclude=CLOCKS)
    assert _queued(redis_url) == queue


def test_a_killed_actor_goes_on_rewriting_by_gradients(redis_url):
    """Guided rewriting, its surrogate and what it paid for survive kill -9: same queue, same bill."""
    summary, queue = _expected(GUIDED)
    actor = start("c", Build("c", redis_url, spec=GUIDED))
    report = _wait_for(actor, lambda report: _scored(report) >= 40 or report.state != "running", seconds=180)
    assert report.state == "running", report.error
    pid = report.pid
    os.kill(pid, 9)
    report = _wait_for(actor, lambda report: report.pid != pid and report.state != "running", seconds=180)
    ray.kill(actor)
    assert report.state == "finished", report.error
    assert report.summary.benched == {}
    assert report.summary.gradient_passes == summary.gradient_passes > 0
    ours = CLOCKS | {"model_texts"}  # what a model read, it reads again behind a kill
    assert report.summary.model_dump(exclude=ours) == summary.model_dump(exclude=ours)
    assert _queued(redis_url) == queue


def test_a_dead_actor_is_replaced(redis_url):
    """When the actor is gone for good, the watching side starts another one, which goes on to the same end."""
    summary, queue = _expected()
    killed, pids = threading.Event(), set()

    def watch(report):
        pids.add(report.pid)
        if _scored(report) >= 60 and not killed.is_set():
            killed.set()
            ray.kill(ray.get_actor("campaign:c", namespace="hungjury"), no_restart=True)

    result = mine("c", Build("c", redis_url), on_report=watch)
    assert killed.is_set()
    assert len(pids) == 2
    assert result.model_dump(exclude=CLOCKS) == summary.model_dump(exclude=CLOCKS)
    assert _queued(redis_url) == queue


def _most_patient(pid):
    """The highest niceness among a process's threads."""
    return max(os.getpriority(os.PRIO_PROCESS, thread.id) for thread in psutil.Process(pid).threads())


def test_an_actor_stops_when_asked_and_another_goes_on(redis_url):
    """Asked to stop, the actor, which ran as a background job, ends resumable; a later one finishes the campaign."""
    summary, queue = _expected()
    actor = start("c", Build("c", redis_url))
    pid = _wait_for(actor, lambda report: _scored(report) >= 20).pid
    assert _most_patient(pid) == min(psutil.Process(pid).nice() + 15, 19)
    ray.get(actor.stop.remote())
    report = _wait_for(actor, lambda report: report.state != "running")
    ray.kill(actor)
    assert (report.state, report.summary.ended) == ("stopped", "stopped")
    assert report.summary.scored < 200
    assert mine("c", Build("c", redis_url, seconds=0)).queued == summary.queued
    assert _queued(redis_url) == queue


def test_a_campaign_that_cannot_be_built_says_why(monkeypatch):
    """Without the store's address the campaign fails with a clear error instead of a dead actor."""
    monkeypatch.delenv(REDIS_URL, raising=False)
    with pytest.raises(CampaignError, match=f"set {REDIS_URL}"):
        mine("lost", ServiceCampaign(name="lost", spec=SPEC, task="injury", app="nowhere"))


@serve.deployment(ray_actor_options={"num_cpus": 0.1})
class Application:
    """Speaks as the service's ingress does: verdicts as dicts, continuations as texts; away at every fifth call."""

    def __init__(self):
        self.calls = 0

    async def score_texts(self, texts):
        self.calls += 1
        if self.calls % 5 == 0:
            raise MemberUnavailableError("restarting")
        return [verdict_of(Text(text, context)).model_dump() for text, context in texts]

    async def generate(self, prompts, seed, max_new_tokens):
        if max_new_tokens != 60:
            raise ValueError(max_new_tokens)
        return [f"And then the {len(prompt)} boats of night {seed} came home, one by one. Un" for prompt in prompts]


def test_a_campaign_through_serve_uses_all_sources(redis_url, tmp_path):
    """Corpus, completions and rewrites are scored over the Serve handle, with its hiccups, and reach the queue."""
    corpus = tmp_path / "texts.txt"
    corpus.write_text("".join(f"Line {n} tells of {n * 31} sparrows and a kettle.\n" for n in range(60)) + "\n")
    shares = {"corpus": 3.0, "rewrite": 0.0, "rewrite:dilution": 1.0, "rewrite:typos": 1.0}
    spec = SPEC.model_copy(update={"inputs": (str(corpus),), "budget": 500, "near_duplicate": 1.0, "shares": shares})
    serve.run(Application.bind(), name="stage", route_prefix=None)
    build = ServiceCampaign(name="s", spec=spec, task="injury", app="stage", redis_url=SecretStr(redis_url))
    try:
        summary = mine("s", build)
    finally:
        serve.delete("stage")
    assert {name.split(": ")[0] for name in summary.benched} == {"search"}
    assert all("nothing is prepared for task 'injury'" in why for why in summary.benched.values())
    assert summary.queued == 30
    assert set(summary.proposed_by_source) == {
        "corpus:texts.txt",
        "live",
        "completions",
        "steered",
        "rewrite:dilution",
        "rewrite:typos",
        "search",
    }
    assert summary.proposed_by_source["corpus:texts.txt"] == 60
    assert 498 <= summary.member_calls <= 500
    families = {item.provenance.source for item in _queued(redis_url)}
    assert len(families) >= 3
    assert redis_url.split(":")[2].split("@")[0] not in repr(build)
