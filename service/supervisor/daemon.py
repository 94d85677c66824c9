"""The service as a process: starts store, models, Ray and Serve in order, watches over them, ends them in order.

Runs as `python -m service.supervisor`, see `__main__`, or inside `hungjury up --foreground`.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

import httpx

from ensemble.errors import EnsembleError
from ensemble.home import home
from miners.errors import MinerError
from service.config import Config
from service.errors import ServiceError, StartError
from service.runtime_state import (
    Event,
    HomeLock,
    ProcessMark,
    Progress,
    RayState,
    RuntimeState,
    StepState,
    clear_state,
    last_state,
    save_state,
)
from service.supervisor import cluster
from service.supervisor.prepare import key_variables, prepare_apart
from service.supervisor.reaper import RUN_VARIABLE, end_run, start_reaper
from service.supervisor.store import StoreKeeper
from service.supervisor.upkeep import Upkeep

logger = logging.getLogger("hungjury.supervisor")

READY_TIMEOUT_SECONDS = 180.0
TICK_SECONDS = 0.2

REMAINS_SECONDS = 15.0
"""How long the processes of a service that was killed may hold the port."""

Listener = Callable[[Event], None]


class _Stopped(BaseException):
    """Somebody asked to stop while the service was still starting; passes every `except Exception` on its way."""


class Supervisor:
    """One service: `run` returns when it was asked to stop and everything is down.

    Use from the main thread: it handles signals, and children die with the thread that forked them.
    """

    def __init__(self, config: Config, *, run: str, listener: Listener | None = None) -> None:
        """Touches nothing yet.

        Args:
            config: all settings.
            run: id of this run.
            listener: told every step as it happens, besides `progress.jsonl`.
        """
        self._config, self._run, self._home = config, run, home()
        self._listener = listener
        self._stop = threading.Event()
        self._starting = False
        self._progress: Progress | None = None

    def run(self) -> None:
        """Starts, serves until asked to stop, and takes everything down.

        Raises:
            ServiceError, MinerError, EnsembleError: it could not start; everything is down again.
        """
        with contextlib.ExitStack() as last:
            last.callback(HomeLock(self._home).release)
            self._progress = Progress(self._run, self._home)
            try:
                with self._signals():
                    self._serve_until_stopped()
            except (ServiceError, MinerError, EnsembleError, OSError) as error:
                self._report("service", "failed", str(error))
                raise
            self._report("service", "done", "stopped")

    def stop(self) -> None:
        """Asks it to end; safe from any thread."""
        self._stop.set()

    def _serve_until_stopped(self) -> None:
        with contextlib.suppress(_Stopped), contextlib.ExitStack() as down:
            self._starting = True
            try:
                upkeep = self._start(down)
            finally:
                self._starting = False  # from here on a signal must not cut the way down short
            self._report("ready", "done", self._url)
            while not self._stop.wait(TICK_SECONDS):
                upkeep.tick()
            self._report("service", "started", "stopping")

    def _start(self, down: contextlib.ExitStack) -> Upkeep:
        """Brings everything up; `down` learns step by step how to take it down again."""
        crashed = self._clear_remains()
        patience = REMAINS_SECONDS if crashed else 0.0
        cluster.check_port(self._config.server.host, self._config.server.port, patience=patience)
        session_root = cluster.make_session_root()
        reaper = start_reaper(self._run, session_root)
        down.callback(_end_reaper, reaper)
        store = self._start_store(down)
        self._prepare()
        ray = self._start_ray(down, session_root)
        self._signals_again()  # Ray installs handlers of its own
        self._start_serve(down, ray)
        upkeep = Upkeep(self._config, self._home, store.url)
        down.callback(upkeep.close)
        down.callback(clear_state, self._home)
        save_state(self._state(ray, store), self._home)
        return upkeep

    def _clear_remains(self) -> bool:
        """Ends what an earlier run left behind; usually its own reaper does. Whether there was a run that crashed."""
        before = last_state(self._home)
        if before is None:
            return False
        if killed := end_run(before.run, grace=1.0):
            logger.warning("ended %d processes of an earlier run", killed)
        clear_state(self._home)
        return True

    def _start_store(self, down: contextlib.ExitStack) -> StoreKeeper:
        with self._step("redis") as say:
            store = StoreKeeper(self._config, self._home)
            down.callback(store.stop)
            store.start()
            os.environ["HUNGJURY_REDIS_URL"] = store.url
            say(store.description)
        return store

    def _prepare(self) -> None:
        with self._step("prepare") as say:
            prepare_apart(
                self._config.task,
                lambda step, done: self._report("prepare", "progress", step, done),
                panel=self._config.panel,
            )
            say("prepared")

    def _start_ray(self, down: contextlib.ExitStack, session_root: Path) -> RayState:
        with self._step("ray") as say:
            down.callback(cluster.stop_ray)
            names = ["HUNGJURY_HOME", "HUNGJURY_REDIS_URL", *key_variables(self._config)]
            worker_env = {name: os.environ[name] for name in names if name in os.environ}
            ray = cluster.start_ray(self._config, self._home, session_root, worker_env)
            say(ray.address)
        return ray

    def _start_serve(self, down: contextlib.ExitStack, ray: RayState) -> None:
        with self._step("serve") as say:
            down.callback(cluster.stop_serve)
            cluster.serve_application(self._config, ray.profile)
            self._await_ready()
            say(self._url)

    def _await_ready(self) -> None:
        deadline = time.monotonic() + READY_TIMEOUT_SECONDS
        said = "no answer"
        while time.monotonic() < deadline:
            with contextlib.suppress(httpx.TransportError):  # not up yet
                response = httpx.get(f"{self._url}/readyz", timeout=10)
                if response.status_code == httpx.codes.OK:
                    return
                said = f"{response.status_code} {response.text[:200]}"
            time.sleep(TICK_SECONDS)
        raise StartError(f"{self._url}/readyz did not become ready in {READY_TIMEOUT_SECONDS:.0f} s: {said}")

    @property
    def _url(self) -> str:
        host = self._config.server.host
        shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104 - not bound, but shown
        return f"http://{shown}:{self._config.server.port}"

    def _state(self, ray: RayState, store: StoreKeeper) -> RuntimeState:
        return RuntimeState(
            run=self._run,
            process=ProcessMark.of(),
            url=self._url,
            host=self._config.server.host,
            port=self._config.server.port,
            task=self._config.task,
            answers_per_item=self._config.queue.answers_per_item,
            mining=self._config.mining,
            expensive=self._config.cascade.expensive,
            redis=store.state,
            ray=ray,
            ready_at=time.time(),
        )

    @contextlib.contextmanager
    def _step(self, step: str) -> Iterator[Callable[[str], None]]:
        """Reports a step's begin and end; the block says what came of it."""
        said = [""]
        self._report(step, "started")
        yield said.append
        self._report(step, "done", said[-1])

    def _report(self, step: str, state: StepState, detail: str = "", fraction: float | None = None) -> None:
        if self._progress is None:
            return
        event = self._progress.report(step, state, detail, fraction)
        logger.info("%s %s %s", step, state, detail)
        if self._listener is not None:
            self._listener(event)

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
        self._signals_again()
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _signals_again(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        already = self._stop.is_set()
        self._stop.set()
        if self._starting and not already:
            raise _Stopped


def _end_reaper(reaper: subprocess.Popen[bytes]) -> None:
    """Lets the reaper go; it looks around once more and ends. Nobody waits for it."""
    if reaper.stdin is not None:
        reaper.stdin.close()


def new_run() -> str:
    """Id of a run, taken from the environment where the starting program chose one; set there for all children."""
    return os.environ.setdefault(RUN_VARIABLE, uuid.uuid4().hex)
