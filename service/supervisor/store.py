"""The store of a service: the operator's Redis, or an embedded server that is kept alive."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections.abc import Iterator
from pathlib import Path

from miners.errors import StoreUnavailableError
from miners.queue.audit import Act
from miners.queue.connect import Store
from miners.queue.embedded import EmbeddedServer
from service.config import Config
from service.errors import NotRunningError
from service.runtime_state import RedisState, require_running, run_dir, running, write_private

logger = logging.getLogger("hungjury.store")

_URL_FILE = "redis_url"
_KEY_FILE = "local_key"
_LOOK_SECONDS = 0.1


class StoreKeeper:
    """Starts the store, keeps it up, and leaves its address for other programs of the same user.

    Attributes:
        warnings: what a person should know about a Redis of their own.
    """

    def __init__(self, config: Config, base: Path) -> None:
        """Touches nothing yet.

        Args:
            config: settings; `redis.url` decides.
            base: the state directory.
        """
        given = config.redis.url
        self._given = given.get_secret_value() if given is not None else None
        self._server = None if self._given else EmbeddedServer(base / "redis")
        self._base = base
        self._stopping = threading.Event()
        self._tending = threading.Thread(target=self._tend, name="store-keeper", daemon=True)
        self.warnings: list[str] = []

    @property
    def url(self) -> str:
        """Address with password; a secret."""
        return self._server.url if self._server is not None else self._given or ""

    @property
    def state(self) -> RedisState:
        """What `state.json` says of it."""
        if self._server is None:
            return RedisState(kind="url")
        return RedisState(kind="embedded", address=f"127.0.0.1:{self._server.port}")

    @property
    def description(self) -> str:
        """For a person."""
        if self._server is None:
            return "; ".join(["the Redis that HUNGJURY_REDIS_URL names", *self.warnings])
        return f"embedded Valkey on 127.0.0.1:{self._server.port}"

    def start(self) -> None:
        """Starts it, or checks the one given.

        Raises:
            StoreUnavailableError, StoreRefusedError: it does not answer, or would lose answers.
        """
        if self._server is not None:
            self._server.start()
        with Store(self.url) as store:
            self.warnings = store.check()
            _keep_local_key(store, self._base)
        write_private(run_dir(self._base) / _URL_FILE, self.url)
        self._tending.start()

    def stop(self) -> None:
        """Ends the embedded server; the operator's is left alone."""
        self._stopping.set()
        if self._tending.is_alive():
            self._tending.join()
        (run_dir(self._base) / _URL_FILE).unlink(missing_ok=True)
        if self._server is not None:
            self._server.stop()

    def _tend(self) -> None:
        """Brings the embedded server back when it dies, on its old port; a failure is logged and tried again."""
        while self._server is not None and not self._stopping.wait(_LOOK_SECONDS):
            if self._server.alive():
                continue
            logger.warning("the embedded server died; starting it again")
            try:
                self._server.restart()
            except StoreUnavailableError:
                logger.exception("the embedded server does not come back yet")


def _keep_local_key(store: Store, base: Path) -> None:
    """Makes sure that the command line of this user has an admin key: `<home>/run/local_key`."""
    path = run_dir(base) / _KEY_FILE
    known = path.read_text(encoding="utf-8") if path.is_file() else ""
    if store.keys.verify(known) is None:
        secret, key = store.keys.create("admin", "local command line")
        store.audit.add(
            Act(who="service", what="key create", subject=key.id, detail={"role": key.role, "name": key.name})
        )
        write_private(path, secret)


def local_key(base: Path | None = None) -> str:
    """The admin key of the command line on this machine.

    Raises:
        NotRunningError: no service has made one.
    """
    try:
        return (run_dir(base) / _KEY_FILE).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise NotRunningError("no service has run here yet; start it with `hungjury up`") from None


def store_url(base: Path | None = None) -> str:
    """Address, with password, of the store that the running service uses.

    Where none was started here by `up`, it is the one that HUNGJURY_REDIS_URL names: an application that a cluster's
    own tools own keeps its keys and its queue there.

    Raises:
        NotRunningError: neither is there.
    """
    given = os.environ.get("HUNGJURY_REDIS_URL")
    if given and not running(base):
        return given
    require_running(base)
    try:
        return (run_dir(base) / _URL_FILE).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise NotRunningError("the service is just stopping") from None


@contextlib.contextmanager
def open_store(base: Path | None = None) -> Iterator[Store]:
    """The store that `store_url` names.

    Raises:
        NotRunningError: see there.
    """
    with Store(store_url(base)) as store:
        yield store
