"""One step of preparation in a process of its own, beside the others.

A small model trains hardly faster on two cores than on one, so steps that do not wait for each other run side by side.
A process, not a thread: random state, and what libraries patch while they load a model, are shared between threads.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.sharedctypes import Synchronized
from typing import Any

from ensemble.errors import ArtifactError

Step = Callable[..., None]
"""A function of a module; called with the given arguments and `progress`, which takes the share done, 0 to 1."""

_POLL_SECONDS = 0.2


class Apart:
    """A running step. Ends with the process that started it, also when that one is killed.

    Args:
        step: see `Step`; with its arguments it must be picklable.
        arguments: its arguments.
    """

    def __init__(self, step: Step, *arguments: Any) -> None:
        spawn = multiprocessing.get_context("spawn")  # a forked copy of a process that has used OpenMP may hang
        self._share = spawn.Value("d", 0.0)
        self._receiver, sender = spawn.Pipe(duplex=False)
        self._process = spawn.Process(target=_run, args=(step, arguments, self._share, sender), daemon=True)
        self._process.start()
        sender.close()

    def wait(self, progress: Callable[[float], None] = lambda _: None) -> None:
        """Returns once the step is done.

        Args:
            progress: told the share done, while waiting.

        Raises:
            Exception: what the step raised.
            ArtifactError: its process was killed.
        """
        while not self._receiver.poll(_POLL_SECONDS):
            progress(self._share.value)
        try:
            failure = self._receiver.recv()
        except EOFError:
            self._process.join()
            message = f"a step of preparation ended with {self._process.exitcode}; was there enough memory?"
            raise ArtifactError(message) from None
        self._process.join()
        if failure is not None:
            raise failure
        progress(1.0)

    def stop(self) -> None:
        """Ends it if it still runs."""
        self._process.kill()
        self._process.join()


def _run(step: Step, arguments: tuple[Any, ...], share: Synchronized[float], sender: Connection) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()

    def progress(done: float) -> None:
        share.value = done

    failure: Exception | None = None
    try:
        step(*arguments, progress=progress)
    except Exception as error:  # noqa: BLE001 - raised again by whoever waits
        failure = error
    with contextlib.suppress(BrokenPipeError):
        sender.send(failure)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
