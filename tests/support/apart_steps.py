"""Steps that run in a process of their own; they stand in a module so that the process can import them."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from ensemble.errors import ArtifactError

Progress = Callable[[float], None]


def write(path: Path, text: str, *, progress: Progress) -> None:
    """Writes a file in two halves."""
    path.write_text(text[: len(text) // 2])
    progress(0.5)
    path.write_text(text)


def refuse(message: str, *, progress: Progress) -> None:
    """Fails."""
    progress(0.1)
    raise ArtifactError(message)


def die(*, progress: Progress) -> None:
    """Is killed, as by the kernel when memory runs out."""
    progress(0.1)
    os.kill(os.getpid(), signal.SIGKILL)


def linger(path: Path, *, progress: Progress) -> None:
    """Tells its process and would stay for ten minutes."""
    path.with_suffix(".new").write_text(str(os.getpid()))
    path.with_suffix(".new").rename(path)
    progress(0.1)
    time.sleep(600)
