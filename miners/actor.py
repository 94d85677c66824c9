"""The Ray shell around a campaign: a process of its own that may die, and the side that watches it.

The actor holds nothing that matters: all progress is in the store. Ray starts it again a few times by itself; when
it is dead for good, `mine` starts another, which goes on behind it.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, Protocol

import ray
from pydantic import BaseModel, ConfigDict, SecretStr
from ray import serve
from ray.exceptions import ActorDiedError, ActorUnavailableError, GetTimeoutError, RayActorError
from ray.serve.exceptions import BackPressureError, RayServeException

from ensemble.artifacts import current_artifact
from ensemble.errors import ArtifactError, EnsembleError, MemberUnavailableError
from ensemble.tasks.task import Task, load_task
from ensemble.text import Text
from ensemble.verdict import Verdict
from miners.campaigns.campaign import Campaign
from miners.campaigns.meaning import RememberedMeaning, artifact_meaning
from miners.campaigns.scoring import Patience
from miners.campaigns.selection import ADAPTIVE
from miners.campaigns.sources import goes_by_models, missing_sources, proposers_for
from miners.campaigns.spec import CampaignSpec, Progress, Summary
from miners.errors import CampaignError, CampaignInterruptedError, MinerError
from miners.queue.connect import Store
from miners.rewrites.modelled import LANGUAGE_MODEL, RewriteModels, rewrite_models, without_models
from miners.writer import ServiceWriter

REDIS_URL = "HUNGJURY_REDIS_URL"
"""Where the store is, for actors that are not told."""

NAMESPACE = "hungjury"

_ANSWER_SECONDS = 30.0
_HANGING_SECONDS = 300.0
_POLL_SECONDS = 0.5
_HANDLES = {"RAY_SERVE_RUN_ROUTER_IN_SEPARATE_LOOP": "1"}
"""Calls to the service come from a plain thread here. Serve's throughput setting, which the whole cluster runs under,
would look for the caller's event loop instead."""

_RESTARTS = 3

_NICENESS = 15
"""Priority of a campaign's thread, as of a background job: those who wait for a verdict come first."""


class BuildCampaign(Protocol):
    """Makes the campaign inside the actor; must be picklable."""

    def __call__(self, progress: Callable[[Progress], None], stopping: Callable[[], bool]) -> Campaign:
        """The campaign, which reports to `progress` and asks `stopping` before every batch."""


@dataclass(frozen=True)
class ServiceCampaign:
    """Builds a campaign that scores and generates through the Serve application.

    Attributes:
        name: of the campaign.
        spec: what it is told; inputs are paths that the actor's machine can read.
        task: packaged name or folder of the task.
        app: name of the Serve application.
        redis_url: the store; None takes `HUNGJURY_REDIS_URL` out of the actor's environment.
        generation_tokens: longest continuation.
        waiting_limit: items that may wait in the queue.
        deadline_seconds: until a batch must be scored or written.
    """

    name: str
    spec: CampaignSpec
    task: str
    app: str
    redis_url: SecretStr | None = None
    generation_tokens: int = 60
    waiting_limit: int = 1_000_000
    deadline_seconds: float = 300.0

    def __call__(self, progress: Callable[[Progress], None], stopping: Callable[[], bool]) -> Campaign:
        """The campaign on the real service and store."""
        task = load_task(self.task)
        store = Store(self._url())
        queue = store.queue(self.spec.task, waiting_limit=self.waiting_limit)
        models = self._models(task)
        proposers = proposers_for(
            self.spec, task, self._generate, store.traffic(self.spec.task), patience=Patience(tries=5), models=models
        )
        return Campaign(
            self.name,
            self.spec,
            proposers=proposers,
            left_out=missing_sources(self.spec, task, models),
            score=self._score,
            queue=queue,
            ledger=queue,
            store=store.campaigns,
            progress=progress,
            stopping=stopping,
            meaning=self._meaning(task, models),
        )

    def _meaning(self, task: Task, models: RewriteModels) -> RememberedMeaning | None:
        """Embeddings for a strategy that learns from answers, by the embedder that rewrites have loaded, if any."""
        if self.spec.strategy != ADAPTIVE:
            return None
        return artifact_meaning(task.name) if models.meaning is None else RememberedMeaning(models.meaning)

    def _models(self, task: Task) -> RewriteModels:
        """What rewrites go by; nothing is loaded where no source needs it."""
        if not goes_by_models(self.spec):
            return RewriteModels()
        try:
            artifact = current_artifact(task.name)
            writer = ServiceWriter(self._patiently) if LANGUAGE_MODEL in artifact.groups else None
            members = self._patiently(lambda app: app.members.remote())
            serving = {member["name"]: member["version"] for member in members}
            return rewrite_models(artifact, task.lexicon, self.spec.deployed, writer=writer, serving=serving)
        except ArtifactError as error:
            return without_models(str(error))

    def _url(self) -> str:
        url = self.redis_url.get_secret_value() if self.redis_url else os.environ.get(REDIS_URL)
        if not url:
            raise CampaignError(f"the queue's address is not known; set {REDIS_URL}")
        return url

    def _score(self, texts: Sequence[Text]) -> list[Verdict]:
        pairs = [(text.text, text.context) for text in texts]
        answers = self._called(lambda app: app.score_texts.remote(pairs))
        return [Verdict.model_validate(answer) for answer in answers]

    def _generate(self, prompts: Sequence[str], seed: int) -> list[str]:
        tokens = self.generation_tokens
        texts: list[str] = self._patiently(lambda app: app.generate.remote(list(prompts), seed, tokens))
        return texts

    def _patiently(self, call: Callable[[Any], Any]) -> Any:
        """Repeats a call for a while; shorter than for scoring, since the campaign can go on without this source."""
        return Patience(tries=5)(lambda: self._called(call))

    def _called(self, call: Callable[[Any], Any]) -> Any:
        """What the application answers.

        Raises:
            MemberUnavailableError: it does not run, is overloaded, or was lost on the way; asking again may help.
        """
        try:
            return call(serve.get_app_handle(self.app)).result(timeout_s=self.deadline_seconds)
        except (RayServeException, BackPressureError, RayActorError) as error:
            raise MemberUnavailableError(f"the service does not answer: {_line(error)}") from error
        except TimeoutError as error:
            raise MemberUnavailableError(f"no answer within {self.deadline_seconds:g} s") from error


class Report(BaseModel):
    """What an actor says of its campaign.

    Attributes:
        state: "running"; "finished" or "stopped" with a summary; "interrupted" (can go on) or "failed" with an error.
        pid: process of the actor.
    """

    model_config = ConfigDict(frozen=True)

    state: Literal["running", "finished", "stopped", "interrupted", "failed"] = "running"
    pid: int
    progress: Progress | None = None
    summary: Summary | None = None
    error: str = ""


class CampaignActor:
    """Runs one campaign in a thread, from the moment it is made; made again by Ray, it goes on from the store."""

    def __init__(self, build: BuildCampaign) -> None:
        self._report = Report(pid=os.getpid())
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(build,), name="campaign", daemon=True)
        self._thread.start()

    def report(self) -> Report:
        """Where it stands; answers at once."""
        return self._report

    def stop(self) -> None:
        """Asks it to stop after the batch in progress."""
        self._stop.set()

    def _run(self, build: BuildCampaign) -> None:
        if sys.platform == "linux":  # there a priority is a thread's own
            os.nice(_NICENESS)
        try:
            summary = build(self._note, self._stop.is_set).run()
            self._change(state="stopped" if summary.ended == "stopped" else "finished", summary=summary)
        except CampaignInterruptedError as error:
            self._change(state="interrupted", error=str(error))
        except (MinerError, EnsembleError) as error:
            self._change(state="failed", error=str(error))
        except Exception as error:  # noqa: BLE001 (a thread's exception would otherwise be lost)
            self._change(state="failed", error=f"{type(error).__name__}: {error}")

    def _note(self, progress: Progress) -> None:
        self._change(progress=progress)

    def _change(self, **fields: Any) -> None:
        self._report = self._report.model_copy(update=fields)


def start(name: str, build: BuildCampaign, *, num_cpus: float = 0.1, detached: bool = False) -> Any:
    """The actor of a campaign: the one that runs already, else a new one. Ray restarts it up to three times.

    Args:
        name: of the campaign; one actor each in the cluster.
        build: makes the campaign inside the actor.
        num_cpus: CPUs booked for it.
        detached: whether it outlives the program that started it.
    """
    return (
        ray.remote(CampaignActor)
        .options(
            name=f"campaign:{name}",
            namespace=NAMESPACE,
            get_if_exists=True,
            num_cpus=num_cpus,
            max_restarts=_RESTARTS,
            max_task_retries=0,
            lifetime="detached" if detached else None,
            runtime_env={"env_vars": dict(_HANDLES)},
        )
        .remote(build)
    )


def mine(
    name: str,
    build: BuildCampaign,
    *,
    on_report: Callable[[Report], None] | None = None,
    replacements: int = 3,
    num_cpus: float = 0.1,
) -> Summary:
    """Runs a campaign in an actor to its end, and starts another actor when one is dead for good.

    Call from a program that is connected to Ray. An exception here, Ctrl-C among them, ends the actor; run again, the
    campaign goes on.

    Args:
        name: of the campaign.
        build: makes it inside the actor.
        on_report: told where it stands about twice a second.
        replacements: actors started in place of dead ones, after Ray's own restarts.
        num_cpus: CPUs booked for the actor.

    Raises:
        CampaignInterruptedError: scorer or store stayed away, or the actors died again and again.
        CampaignError: the campaign cannot go on; the message says why.
    """
    watch = _Watch(name, build, replacements, num_cpus)
    try:
        while True:
            report = watch.look()
            if report is not None:
                if on_report is not None:
                    on_report(report)
                if report.state != "running":
                    return _outcome(report)
            time.sleep(_POLL_SECONDS)
    finally:
        watch.end()


class _Watch:
    """Sees whether the actor lives, and replaces it."""

    def __init__(self, name: str, build: BuildCampaign, replacements: int, num_cpus: float) -> None:
        self._start = partial(start, name, build, num_cpus=num_cpus)
        self._left = replacements
        self._actor = self._start()
        self._silent_since = time.monotonic()

    def look(self) -> Report | None:
        """The actor's report; None while it is being restarted, or has just been replaced."""
        try:
            report: Report = ray.get(self._actor.report.remote(), timeout=_ANSWER_SECONDS)
        except ActorDiedError as error:
            self._replace(error)
            return None
        except (ActorUnavailableError, GetTimeoutError) as error:
            if time.monotonic() - self._silent_since > _HANGING_SECONDS:
                self.end()
                self._replace(error)
            return None
        self._silent_since = time.monotonic()
        return report

    def end(self) -> None:
        """Ends the actor; what it has done stays."""
        ray.kill(self._actor, no_restart=True)

    def _replace(self, error: Exception) -> None:
        if self._left == 0:
            raise CampaignInterruptedError(
                f"the campaign's process died again and again ({_line(error)}); run the campaign again to go on"
            ) from error
        self._left -= 1
        self._actor = self._start()
        self._silent_since = time.monotonic()


def _outcome(report: Report) -> Summary:
    if report.summary is not None:
        return report.summary
    raise (CampaignInterruptedError if report.state == "interrupted" else CampaignError)(report.error)


def _line(error: Exception) -> str:
    """The first line of what Ray says."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
