"""The steps of starting and stopping, shown as they happen."""

from __future__ import annotations

import contextlib
from types import TracebackType
from typing import TYPE_CHECKING, Self

from service.cli.output import bar, printable, say, seconds

if TYPE_CHECKING:
    from collections.abc import Callable

    from service.runtime_state import Event

_NAMES = {
    "redis": "queue store",
    "prepare": "models",
    "ray": "Ray",
    "serve": "Ray Serve and members",
    "service": "service",
}


class Steps:
    """Shows events on standard error; a context manager, because a progress bar must be closed.

    Attributes:
        taken: seconds by step, of steps that are done.
    """

    def __init__(self) -> None:
        self.taken: dict[str, float] = {}
        self._open = contextlib.ExitStack()
        self._tell: Callable[[float, str], None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def show(self, event: Event) -> None:
        """Shows one event."""
        name = _NAMES.get(event.step, event.step)
        if event.state == "progress":
            self._progress(name, event)
            return
        self._open.close()
        self._tell = None
        if event.state == "started":
            say(f"==> {name}: {event.detail or 'starting'}")
        elif event.state == "done" and event.step in _NAMES:
            took = f" ({seconds(event.seconds)})" if event.seconds is not None else ""
            self.taken[event.step] = event.seconds or 0.0
            say(f"    {name}: {printable(event.detail)}{took}")

    def _progress(self, name: str, event: Event) -> None:
        if self._tell is None:
            self._tell = self._open.enter_context(bar(f"    {name}", 1.0))
        self._tell(event.fraction or 0.0, event.detail)
