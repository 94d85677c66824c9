"""The process that speaks HTTP: fans out to the member groups, joins what they answer, and stands before the queue."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeVar

import numpy as np
from fastapi import FastAPI
from numpy.typing import NDArray
from ray import serve
from ray.serve import Application
from ray.serve.handle import DeploymentHandle

from ensemble.errors import ArtifactError, MemberUnavailableError
from ensemble.members.specs import REMOTE_GROUP
from ensemble.members.writing import infill, mean_log_likelihoods, paraphrase, word_vectors
from ensemble.panel import Joint
from ensemble.scorer import Member
from ensemble.tasks.task import Task, load_task
from ensemble.verdict import Verdict
from miners.labelling import Labelling
from miners.queue.connect import Store
from miners.queue.protocol import Ledger
from miners.queue.redis_queue import RedisQueue
from miners.queue.sessions import SessionStore
from miners.rewrites.carriers import lexicon_words
from service import metrics as m
from service.attack import AttackBench, Limits
from service.attack_desk import AttackDesk
from service.cascading import gate_of
from service.config import Config
from service.deployments.groups import asker, start_watching
from service.deployments.metrics import RayMetrics
from service.deployments.saliency import ServedSaliency, ServedWords
from service.http import build_api
from service.live import Live
from service.metrics import Both, Recorder
from service.panel import Group, ServicePanel, WireText
from service.services import Services
from service.traffic import TrafficSampler, limits_of
from service.webhooks import Sender, hooks_of

LANGUAGE_MODEL = "language_model"
"""The group whose model can write texts."""

REDIS_URL = "HUNGJURY_REDIS_URL"

WRITTEN_AT_ONCE = 8
"""Texts that the language model reads or rewrites for miners before the next forward pass of whoever wants a score."""

T = TypeVar("T")


class IngressReplica:
    """Holds the handles; other programs of the cluster call `score_texts` and `generate`."""

    def __init__(
        self,
        config: Config,
        joint: Joint,
        members: Mapping[str, tuple[Member, ...]],
        handles: Mapping[str, DeploymentHandle],
        gradients: DeploymentHandle | None = None,
        no_gradients: str = "",
    ) -> None:
        """Connects to the queue's store.

        Raises:
            ArtifactError: members and joint do not fit, or the joint knows no cascade and the settings want one.
            InputError: the settings of the cascade do not fit the members.
            StoreRefusedError: the store would lose answers.
        """
        self._config, self._handles, self._recorder = config, handles, Recorder()
        self._gradients, self._no_gradients = gradients, no_gradients
        self._metrics = Both(self._recorder, RayMetrics())
        groups = [
            Group(name, members[name], config.group(name).deadline_seconds, asker(handle), needed=name != REMOTE_GROUP)
            for name, handle in handles.items()
        ]
        gate = gate_of(config.cascade, joint, members)
        self._panel = ServicePanel(groups, joint, self._metrics, gate)
        self._store = Store(redis_url(config))
        self._store.check()

    def __serve_build_asgi_app__(self) -> FastAPI:
        """The HTTP application; called by Serve in the replica's event loop."""
        self._stops = start_watching(self._panel, list(self._handles.values()), self._metrics)
        task = load_task(self._config.task)
        queue = self._store.queue(
            task.name, waiting_limit=self._config.queue.waiting_limit, gold_share=self._config.queue.gold_share
        )
        joint = self._panel.joint
        thresholds = {name: joint.vote_threshold(name) for name in joint.members}
        live = Live(queue, self._panel.members, deployed=joint.deployed, thresholds=thresholds)
        sampling, labels = self._config.mining.live_traffic, self._config.labels
        services = Services(
            score=self._panel.verdicts,
            queue=queue,
            ledger=queue,
            keys=self._store.keys,
            task=task,
            config=self._config,
            groups_answered=lambda: {group.name: group.answered for group in self._panel.groups},
            recorder=self._recorder,
            sessions=self._sessions(),
            audit=self._store.audit,
            live=live,
            labelling=Labelling(queue, labels.model, order=labels.order) if labels.by == "model" else None,
            traffic=self._sampler(task.name) if sampling.enabled else None,
            attack=self._attack(task, queue, thresholds) if self._config.attack.enabled else None,
            webhooks=self._webhooks(task.name, queue),
        )
        return build_api(services, self._metrics)

    def _attack(self, task: Task, ledger: Ledger, thresholds: Mapping[str, float]) -> AttackDesk:
        """The attack bench, over the groups that score already."""
        settings, writer, deployed = self._config.attack, self._handles.get(LANGUAGE_MODEL), self._panel.joint.deployed
        bench = AttackBench(
            self._panel.deployed,
            thresholds[deployed],
            words=ServedWords(writer, lexicon_words(task.lexicon)) if writer is not None else None,
            saliency=ServedSaliency(self._gradients, settings) if self._gradients is not None else None,
            limits=Limits(replacements=settings.replacements, insertions=settings.insertions),
        )
        missing = {"saliency": self._no_gradients} if self._no_gradients else {}
        if writer is None:
            missing["suggestions"] = "no member group here has a language model that could suggest words"
        return AttackDesk(bench, deployed, task, ledger, settings, thresholds, missing)

    def _sessions(self) -> SessionStore:
        access = self._config.access
        idle, longest = access.session_idle_seconds, access.session_seconds
        return self._store.sessions(idle=timedelta(seconds=idle), longest=timedelta(seconds=longest))

    def _webhooks(self, task: str, queue: RedisQueue) -> list[Sender]:
        hooks = self._store.hooks(task)
        return [Sender(hook, task, queue, hooks, self._metrics) for hook in hooks_of(self._config.webhooks)]

    def _sampler(self, task: str) -> TrafficSampler:
        limits = limits_of(self._config.mining.live_traffic)
        return TrafficSampler(self._store.traffic(task, limits), limits, self._metrics)

    async def score_texts(self, texts: Sequence[WireText]) -> list[dict[str, Any]]:
        """Verdicts as dicts, in order; the same path as over HTTP, without its limits on size and number.

        Raises:
            MemberUnavailableError: no member answered.
        """
        limit = self._config.server.max_inputs
        verdicts: list[Verdict] = []
        for start in range(0, len(texts), limit):
            verdicts += await self._panel.verdicts(texts[start : start + limit])
        return [verdict.model_dump() for verdict in verdicts]

    async def generate(
        self, prompts: Sequence[str], seed: int, max_new_tokens: int, temperature: float = 1.0, top_p: float = 0.95
    ) -> list[str]:
        """Continuations of the prompts by the judge's language model.

        Raises:
            MemberUnavailableError: there is none, or it does not answer.
        """
        handle = self._writer()
        texts: list[str] = await handle.generate.remote(
            list(prompts), max_new_tokens=max_new_tokens, temperature=temperature, top_p=top_p, seed=seed
        )
        self._metrics.add(m.GENERATED, len(texts))
        return texts

    async def log_likelihoods(self, texts: Sequence[str]) -> list[float]:
        """How fluent texts are: mean log-probability a token, by the judge's language model, in order.

        Raises:
            MemberUnavailableError: there is none, or it does not answer.
        """
        writer, found = self._writer(), []
        for part in _parts(texts):
            found += [float(value) for value in await writer.write.remote(mean_log_likelihoods, part)]
        return found

    async def infill(self, gaps: Sequence[tuple[str, str, int]], seed: int) -> list[list[tuple[str, float]]]:
        """Words for gaps; see `ensemble.members.writing.infill`.

        Raises:
            MemberUnavailableError: as above.
        """
        writer, found = self._writer(), list[list[tuple[str, float]]]()
        for part in _parts(gaps):
            found += await writer.write.remote(infill, part, seed=seed + len(found))
        self._metrics.add(m.GENERATED, len(found))
        return found

    async def paraphrase(self, texts: Sequence[str], seed: int) -> list[str]:
        """Texts in other words; see `ensemble.members.writing.paraphrase`.

        Raises:
            MemberUnavailableError: as above.
        """
        writer, found = self._writer(), list[str]()
        for part in _parts(texts):
            found += await writer.write.remote(paraphrase, part, seed=seed + len(found))
        self._metrics.add(m.GENERATED, len(found))
        return found

    async def word_vectors(self, words: Sequence[str]) -> tuple[list[str], NDArray[np.float16]]:
        """Which words the language model knows, and where they stand; see `ensemble.members.writing.word_vectors`.

        Raises:
            MemberUnavailableError: as above.
        """
        found: tuple[list[str], NDArray[np.float16]] = await self._writer().write.remote(word_vectors, list(words))
        return found

    def _writer(self) -> DeploymentHandle:
        handle = self._handles.get(LANGUAGE_MODEL)
        if handle is None:
            raise MemberUnavailableError("no member group here has a language model")
        return handle

    async def members(self) -> list[dict[str, str]]:
        """Who is on the panel: name, kind, version, in the panel's order."""
        return [{"name": one.name, "kind": one.kind, "version": one.version} for one in self._panel.members]

    async def replica_pids(self) -> dict[str, int]:
        """Process of one replica of every member group, and of this one."""
        pids = {name: await handle.ping.remote() for name, handle in self._handles.items()}
        return {**pids, "ingress": os.getpid()}


def _parts(things: Sequence[T]) -> list[list[T]]:
    return [list(things[start : start + WRITTEN_AT_ONCE]) for start in range(0, len(things), WRITTEN_AT_ONCE)]


def redis_url(config: Config) -> str:
    """Where the queue is kept.

    Raises:
        ArtifactError: neither the configuration nor the environment says.
    """
    configured = config.redis.url.get_secret_value() if config.redis.url else os.environ.get(REDIS_URL)
    if not configured:
        raise ArtifactError(f"the queue's address is not known: set redis.url or {REDIS_URL} on every node")
    return configured


def bind_ingress(
    config: Config,
    joint: Joint,
    members: Mapping[str, tuple[Member, ...]],
    scorers: Mapping[str, Application],
    gradients: Application | None = None,
    no_gradients: str = "",
) -> Application:
    """The ingress over the groups' deployments, and over the gradients for attacks, or why there are none.

    It bounds its own line, so that refusals have the service's error shape; Serve's bounds behind it are twice as wide.
    """
    server = config.server
    requests = 2 * (server.max_ongoing_requests + server.max_queued_requests)
    deployment = serve.deployment(serve.ingress()(IngressReplica)).options(
        name="ingress",
        num_replicas=server.replicas,
        ray_actor_options={"num_cpus": server.num_cpus},
        max_ongoing_requests=requests,
        max_queued_requests=requests,
        health_check_period_s=5,
        health_check_timeout_s=30,
    )
    return deployment.bind(config, joint, members, scorers, gradients, no_gradients)
