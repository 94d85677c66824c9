"""A real embedded store, announced in the state directory as a running service would: for commands without Ray."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from ensemble.home import home
from miners.queue.connect import Store
from service.config import Config
from service.runtime_state import HomeLock, ProcessMark, RayState, RuntimeState, clear_state, save_state
from service.supervisor.store import StoreKeeper


@contextlib.contextmanager
def announced_store() -> Iterator[Store]:
    """The store of HUNGJURY_HOME, while the block runs."""
    base = home()
    lock, keeper = HomeLock(base), StoreKeeper(Config(), base)
    keeper.start()
    state = RuntimeState(
        run="0" * 32,
        process=ProcessMark.of(),
        url="http://127.0.0.1:9",
        host="127.0.0.1",
        port=9,
        task="injury",
        answers_per_item=1,
        mining=Config().mining,
        redis=keeper.state,
        ray=RayState(address="127.0.0.1:9", own=True),
        ready_at=time.time(),
    )
    save_state(state, base)
    try:
        with Store(keeper.url) as opened:
            yield opened
    finally:
        clear_state(base)
        keeper.stop()
        lock.release()
