"""How much memory a family of processes takes."""

from __future__ import annotations

import contextlib
import threading
from types import TracebackType
from typing import Self

import psutil

SAMPLE_SECONDS = 2.0


class MemoryPeak:
    """Samples the memory of a process and all that descend from it, in a thread, until the block ends.

    Attributes:
        rss: highest sum of resident sizes seen, in bytes; pages that processes share count once a process.
        pss: highest sum of proportional sizes seen, in bytes; shared pages count once. 0 where the system has none.
    """

    def __init__(self) -> None:
        """Takes nothing yet."""
        self.rss = self.pss = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="memory", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(SAMPLE_SECONDS):
            self._sample()

    def _sample(self) -> None:
        rss = pss = 0
        family = psutil.Process()
        for process in [family, *family.children(recursive=True)]:
            with contextlib.suppress(psutil.Error):  # it ended while we looked
                memory = process.memory_full_info()
                rss, pss = rss + memory.rss, pss + getattr(memory, "pss", 0)
        self.rss, self.pss = max(self.rss, rss), max(self.pss, pss)
