"""What is done again and again while the service runs: leases swept, campaigns looked after."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ensemble.tasks.task import load_task
from miners.queue.connect import Store
from service.config import Config
from service.supervisor.campaigns import CampaignKeeper

logger = logging.getLogger("hungjury.upkeep")

SWEEP_SECONDS = 1.0
CAMPAIGN_SECONDS = 0.5


@dataclass
class _Chore:
    name: str
    every: float
    do: Callable[[], object]
    due: float = 0.0


class Upkeep:
    """Does each chore when its time has come; one that fails is logged and tried again at its next time."""

    def __init__(self, config: Config, base: Path, url: str) -> None:
        """Connects to the store.

        Args:
            config: settings.
            base: the state directory.
            url: the store's address.
        """
        self._store = Store(url)
        queue = self._store.queue(load_task(config.task).name, waiting_limit=config.queue.waiting_limit)
        keeper = CampaignKeeper(config, self._store, base)
        self._chores = (
            _Chore("sweeping expired leases", SWEEP_SECONDS, queue.sweep),
            _Chore("looking after campaigns", CAMPAIGN_SECONDS, keeper.tick),
        )

    def tick(self) -> None:
        """Does what is due now."""
        for chore in self._chores:
            if time.monotonic() < chore.due:
                continue
            try:
                chore.do()
            except Exception:  # whatever fails, the service goes on serving and tries again
                logger.exception("%s failed; trying again", chore.name)
            chore.due = time.monotonic() + chore.every

    def close(self) -> None:
        """Gives the connection back."""
        self._store.close()
