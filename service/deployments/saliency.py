"""The deployed member's gradients in a process of their own, which is there only while somebody attacks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from ray import serve
from ray.serve import Application
from ray.serve.handle import DeploymentHandle, DeploymentResponse

from ensemble.errors import MemberUnavailableError
from ensemble.members.writing import fit, likely_next
from ensemble.scorer import FloatArray
from ensemble.text import Text
from miners.attack.saliency import Looked, Looks, MidwayGuide
from miners.rewrites.carriers import free_words
from service.config import AttackConfig
from service.panel import WireText

logger = logging.getLogger(__name__)

NAME = "saliency"

_LOADING = "the gradients are being loaded; they are there in some seconds"

T = TypeVar("T")


class SaliencyReplica:
    """Loads the member's torch twin, and looks at texts one after the other."""

    def __init__(self, load: Callable[[], MidwayGuide]) -> None:
        """Loads the guide.

        Raises:
            ArtifactError: it is not the member that serves, or has no gradients.
        """
        self._looks = Looks(load())
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="saliency")

    async def look(self, text: WireText) -> Looked:
        """See `Looks.look`."""
        return await self._run(lambda: self._looks.look(Text(*text)))

    async def effects(
        self, text: WireText, places: Sequence[tuple[int, Sequence[str]]]
    ) -> tuple[list[FloatArray | None], int]:
        """See `Looks.effects`."""
        return await self._run(lambda: self._looks.effects(Text(*text), places))

    async def ping(self) -> None:
        """Says that it is there."""

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


class ServedSaliency:
    """The gradients by Serve's handle; whoever asks first has the process started, and is told to come back."""

    def __init__(self, handle: DeploymentHandle, config: AttackConfig) -> None:
        """Takes the deployment's handle; asks nothing yet."""
        self._handle, self._seconds = handle, config.patience_seconds
        self._warming: asyncio.Task[None] | None = None

    async def look(self, text: WireText) -> Looked:
        """See `service.attack.Saliency`.

        Raises:
            MemberUnavailableError: it is being started, or does not answer.
        """
        if self._warming is not None and not self._warming.done():
            raise MemberUnavailableError(_LOADING)
        found: Looked = await self._within(self._handle.look.remote(text))
        return found

    async def effects(
        self, text: WireText, places: Sequence[tuple[int, Sequence[str]]]
    ) -> tuple[list[FloatArray | None], int]:
        """As above; without an answer nothing is foretold, and suggestions for a word go by likelihood."""
        try:
            found: tuple[list[FloatArray | None], int] = await self._within(
                self._handle.effects.remote(text, [(start, list(candidates)) for start, candidates in places])
            )
        except MemberUnavailableError:
            return [None] * len(places), 0
        return found

    async def _within(self, response: DeploymentResponse) -> Any:
        try:
            async with asyncio.timeout(self._seconds):
                return await response
        except TimeoutError:
            self._warm()  # what was asked is given up, and would not keep the process coming up
            raise MemberUnavailableError(_LOADING) from None
        except asyncio.CancelledError:
            response.cancel()
            raise
        except Exception as error:
            logger.exception("the gradients do not answer")
            raise MemberUnavailableError(f"the gradients do not answer: {type(error).__name__}") from error

    def _warm(self) -> None:
        if self._warming is None or self._warming.done():
            self._warming = asyncio.ensure_future(_pinged(self._handle))


async def _pinged(handle: DeploymentHandle) -> None:
    try:
        await handle.ping.remote()
    except Exception:
        logger.exception("the gradients could not be loaded")


class ServedWords:
    """The language model by its group's handle."""

    def __init__(self, handle: DeploymentHandle, carriers: Sequence[str]) -> None:
        """Takes the group's handle, and the task's words on which the answer hangs, as stems."""
        self._handle, self._carriers = handle, list(carriers)
        self._free: frozenset[str] | None = None

    async def likely(self, lefts: Sequence[str], count: int) -> list[list[tuple[str, float]]]:
        """See `service.attack.Words`.

        Raises:
            MemberUnavailableError: it does not answer.
        """
        found: list[list[tuple[str, float]]] = await _answer(
            self._handle.write.remote(likely_next, list(lefts), count=count)
        )
        return found

    async def fit(self, gaps: Sequence[tuple[str, str, Sequence[str]]]) -> list[list[float]]:
        """As above."""
        found: list[list[float]] = await _answer(self._handle.write.remote(fit, list(gaps)))
        return found

    async def free(self) -> frozenset[str]:
        """As above; asked for once."""
        if self._free is None:
            self._free = frozenset(await _answer(self._handle.write.remote(free_words, self._carriers)))
        return self._free


async def _answer(response: DeploymentResponse) -> Any:
    try:
        return await response
    except asyncio.CancelledError:
        response.cancel()
        raise
    except Exception as error:
        raise MemberUnavailableError(f"the language model does not answer: {type(error).__name__}") from error


def bind_saliency(load: Callable[[], MidwayGuide], config: AttackConfig) -> Application:
    """The deployment: no process until somebody asks, and none any more some time after the last one did."""
    deployment = serve.deployment(SaliencyReplica).options(
        name=NAME,
        autoscaling_config={
            "min_replicas": 0,
            "initial_replicas": 0,
            "max_replicas": 1,
            "upscale_delay_s": 0,
            "downscale_delay_s": config.idle_seconds,
        },
        ray_actor_options={"num_cpus": config.num_cpus},
        max_ongoing_requests=64,
        max_queued_requests=64,
        max_constructor_retry_count=3,
    )
    return deployment.bind(load)
