"""Starting and stopping the service's process from another program."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import psutil

from service.errors import StartError
from service.runtime_state import Event, ProcessMark, RuntimeState, logs_dir, owner, read_events, require_running
from service.supervisor.reaper import RUN_VARIABLE

STOP_SECONDS = 60.0
"""How long a service may take to end in order before it is killed."""

_POLL_SECONDS = 0.1

Listener = Callable[[Event], None]


class Launch:
    """A service's process that was just started; call `wait` until it is ready."""

    def __init__(self, *, config: Path | None = None, bound: bool = False) -> None:
        """Starts the process, detached from the terminal.

        Args:
            config: YAML file with settings.
            bound: it ends when this program does.
        """
        self.run, self._seen = uuid.uuid4().hex, 0
        command = [sys.executable, "-m", "service.supervisor"]
        command += ["--config", str(config.absolute())] if config else []
        command += ["--with-stdin"] if bound else []
        with (logs_dir() / "supervisor.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                command,
                stdin=subprocess.PIPE if bound else subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={**os.environ, RUN_VARIABLE: self.run},
            )

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    def wait(self, listener: Listener) -> RuntimeState:
        """Passes events on until the service is ready to score.

        Raises:
            StartError: it ended instead; the message says why.
        """
        failure, ended = "", False
        while not ended:
            ended = self._process.poll() is not None  # asked first, so that its last words are still read
            for event in self._events():
                listener(event)
                failure = event.detail if event.state == "failed" else failure
                if event.step == "ready":
                    return require_running()
            time.sleep(_POLL_SECONDS)
        if self._process.returncode == 0 and not failure:
            raise StartError("the service was asked to stop before it was ready")
        log = logs_dir() / "supervisor.log"
        raise StartError(failure or f"the service's process ended with status {self._process.returncode}; see {log}")

    def stop(self, listener: Listener = lambda _: None) -> None:
        """Ends the service in order, and returns once everything is down."""
        with contextlib.suppress(psutil.NoSuchProcess):  # it ended already
            end_process(ProcessMark.of(self._process.pid))
        self._process.wait()
        for event in self._events():
            listener(event)

    def _events(self) -> list[Event]:
        events = list(read_events(self.run, self._seen))
        self._seen += len(events)
        return events


def stop_service() -> bool:
    """Ends the service of this state directory, ready or still starting; False if there is none."""
    mark = owner()
    if mark is None:
        return False
    end_process(mark)
    return True


def end_process(mark: ProcessMark) -> None:
    """Asks the service's process to end, waits, and kills it if it does not; its reaper clears up behind it."""
    with contextlib.suppress(ProcessLookupError):  # it ended meanwhile
        os.kill(mark.pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while mark.alive() and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        if mark.alive():
            os.kill(mark.pid, signal.SIGKILL)
