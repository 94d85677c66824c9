"""How much one caller may do a minute: buckets that fill steadily and hold what a minute brings."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable

MOST_NAMES = 20_000


class Buckets:
    """One bucket a name; belongs to one event loop. A name that was not seen for long is forgotten: its bucket is full.

    Args:
        clock: seconds; only differences matter.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._held: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, name: str, per_minute: int) -> float:
        """Seconds until the name may act again, 0 for now."""
        held = self._now(name, per_minute)
        return 0.0 if held >= 1 else (1 - held) * 60 / per_minute

    def take(self, name: str, per_minute: int) -> None:
        """Counts one act; the bucket may go below nothing, down to a minute's worth, which must be made up for."""
        self._held[name] = (max(self._now(name, per_minute) - 1, -float(per_minute)), self._clock())
        self._held.move_to_end(name)
        if len(self._held) > MOST_NAMES:
            self._held.popitem(last=False)

    def _now(self, name: str, per_minute: int) -> float:
        held, at = self._held.get(name, (math.inf, 0.0))
        return min(float(per_minute), held + (self._clock() - at) * per_minute / 60)
