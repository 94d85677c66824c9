"""One member group in a process of its own."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

from ray import serve
from ray.serve import Application

from ensemble.errors import ArtifactError, MemberUnavailableError
from ensemble.members.cost import Spent
from ensemble.scorer import Member, Scorer
from ensemble.text import Text
from service.batching import BatchedScores, Batcher
from service.config import GroupConfig
from service.errors import OverloadedError
from service.panel import GroupRefusal, GroupScores, WireText
from service.score_cache import CacheUse, ScoreCache, submit

HANGING_SECONDS = 600.0
"""A forward pass that takes longer will never end; the replica is replaced."""

# The batcher bounds its own line in texts, so that it can refuse in its own words; Serve's bounds are wide.
_MAX_REQUESTS = 1024


class ScorerReplica:
    """Loads a group's scorer and answers with its scores, or with a refusal as a value."""

    def __init__(self, load: Callable[[], Scorer], settings: GroupConfig, members: tuple[Member, ...]) -> None:
        """Loads the scorer.

        Raises:
            ArtifactError: the artifact changed since the application was built, so that panel and members do not fit.
        """
        self._scorer = load()
        if self._scorer.members != members:
            names = ", ".join(member.name for member in members)
            raise ArtifactError(f"{names} on this machine is another version; start the service again")
        keep = settings.cache_texts
        self._cache = ScoreCache(self._scorer.score, members, texts=keep) if keep else None
        self._batcher = Batcher(
            self._cache.score if self._cache else self._scorer.score,
            max_batch_size=settings.max_batch_size,
            wait_seconds=settings.batch_wait_seconds,
            max_queued=settings.max_queued,
        )

    async def score(self, texts: Sequence[WireText]) -> GroupScores | GroupRefusal:
        """P(yes) of every text for every member of the group."""
        try:
            found, use = await self._submit([Text(text, context) for text, context in texts])
        except OverloadedError as error:
            return GroupRefusal("overloaded", str(error), self._spent())
        except MemberUnavailableError as error:
            return GroupRefusal("unavailable", str(error), self._spent())
        return GroupScores(
            found.scores,
            self._scorer.members,
            found.seconds,
            found.batches,
            forward_seconds=found.forward_seconds,
            wait_seconds=found.wait_seconds,
            spent=self._spent(),
            cache=use,
        )

    async def _submit(self, texts: Sequence[Text]) -> tuple[BatchedScores, CacheUse | None]:
        if self._cache is None:
            return await self._batcher.submit(texts), None
        return await submit(self._cache, self._batcher, texts)

    def _spent(self) -> Spent | None:
        """What a scorer that costs money used since the last answer, of whichever request."""
        take = getattr(self._scorer, "take_spent", None)
        return take() if take else None

    async def generate(
        self, prompts: Sequence[str], *, max_new_tokens: int, temperature: float, top_p: float, seed: int
    ) -> list[str]:
        """Continuations by the group's language model, one a prompt.

        Raises:
            MemberUnavailableError: this group has no language model.
        """
        model = self._model()
        texts: list[str] = await self._batcher.run(
            lambda: model.generate(
                list(prompts), max_new_tokens=max_new_tokens, temperature=temperature, top_p=top_p, seed=seed
            )
        )
        return texts

    async def write(self, function: Callable[..., Any], *arguments: Any, **settings: Any) -> Any:
        """What a function of `ensemble.members.writing` makes with the group's language model.

        Raises:
            MemberUnavailableError: this group has no language model.
        """
        model = self._model()
        return await self._batcher.run(lambda: function(model, *arguments, **settings))

    def _model(self) -> Any:
        model = getattr(self._scorer, "language_model", None)
        if model is None:
            raise MemberUnavailableError("this member group has no language model that could write")
        return model

    async def ping(self) -> int:
        """Process id; says that the process answers."""
        return os.getpid()

    def check_health(self) -> None:
        """Fails where a forward pass hangs, which makes Serve replace the replica."""
        if self._batcher.busy_seconds > HANGING_SECONDS:
            raise RuntimeError(f"a forward pass has run for more than {HANGING_SECONDS:g} s")

    def __del__(self) -> None:
        if hasattr(self, "_batcher"):
            self._batcher.close()
        if hasattr(self, "_scorer"):
            self._scorer.close()


def bind_scorer(
    group: str, load: Callable[[], Scorer], settings: GroupConfig, members: tuple[Member, ...]
) -> Application:
    """The group's deployment, named after it; `load` runs in each of its replicas."""
    deployment = serve.deployment(ScorerReplica).options(
        name=group,
        num_replicas=settings.replicas or 1,
        ray_actor_options={"num_cpus": settings.num_cpus, "num_gpus": settings.num_gpus},
        max_ongoing_requests=_MAX_REQUESTS,
        max_queued_requests=_MAX_REQUESTS,
        max_constructor_retry_count=3,
        health_check_period_s=5,
        health_check_timeout_s=30,
    )
    return deployment.bind(load, settings, members)
