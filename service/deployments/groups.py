"""Reaching the member groups over Serve's handles, and knowing which of them answer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from ray.serve.exceptions import BackPressureError
from ray.serve.handle import DeploymentHandle

from service import metrics as m
from service.metrics import Metrics
from service.panel import Ask, Group, GroupRefusal, GroupScores, ServicePanel, WireText

logger = logging.getLogger(__name__)

WATCH_SECONDS = 1.0
SILENCE_SECONDS = 5.0
"""A group whose replicas all stay silent for so long counts as down until one answers."""


def asker(handle: DeploymentHandle) -> Ask:
    """A call that gives its work up when it is cancelled."""

    async def ask(texts: Sequence[WireText]) -> GroupScores | GroupRefusal:
        response = handle.score.remote(list(texts))
        try:
            answer: GroupScores | GroupRefusal = await response
        except BackPressureError as error:
            return GroupRefusal("overloaded", str(error))
        except asyncio.CancelledError:
            response.cancel()
            raise
        return answer

    return ask


async def watch(panel: ServicePanel, group: Group, handle: DeploymentHandle, metrics: Metrics) -> None:
    """For ever: notes whether the group answers; the first time, also that it can score."""
    while True:
        alive = await _answers(handle)
        if alive == group.down.is_set():
            logger.warning("member group %s is %s", group.name, "up" if alive else "down")
        (group.down.clear if alive else group.down.set)()
        metrics.set(m.GROUP_UP, float(alive), group=group.name)
        if alive and not group.answered:
            await panel.probe(group)
        await asyncio.sleep(WATCH_SECONDS)


async def _answers(handle: DeploymentHandle) -> bool:
    response = handle.ping.remote()
    try:
        async with asyncio.timeout(SILENCE_SECONDS):
            await response
    except TimeoutError:
        response.cancel()
        return False
    except Exception:  # noqa: BLE001 - however the call failed, the group did not answer
        return False
    return True


def start_watching(
    panel: ServicePanel, handles: Sequence[DeploymentHandle], metrics: Metrics
) -> list[Callable[[], bool]]:
    """Watches every group in the running event loop; returns what stops it."""
    pairs = zip(panel.groups, handles, strict=True)
    return [asyncio.create_task(watch(panel, group, handle, metrics)).cancel for group, handle in pairs]
