"""The answer model beside the queue, in the background of the service."""

from __future__ import annotations

import asyncio
import logging

import anyio.to_thread

from miners.errors import QueueError
from miners.labelling import Labelling
from service import metrics as m
from service.metrics import Metrics

logger = logging.getLogger(__name__)


async def keep(labelling: Labelling, metrics: Metrics, pause: float) -> None:
    """For ever: brings labels up to date, pauses unless more is to be read. While the store is away labels stay.

    Args:
        labelling: of this service's queue.
        metrics: where it counts what it did.
        pause: seconds between two looks.
    """
    while True:
        busy = False
        try:
            done = await anyio.to_thread.run_sync(labelling.follow)
            metrics.add(m.LABELS_TURNED, done.turned)
            metrics.add(m.ANSWERS_ORDERED, done.ordered)
            busy = not labelling.caught_up(done)
        except QueueError as error:
            logger.warning("labels cannot be brought up to date now: %s", error)
        except Exception:
            logger.exception("labels could not be brought up to date")
        await asyncio.sleep(0 if busy else pause)
