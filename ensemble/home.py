"""Where everything that is kept lives."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def home() -> Path:
    """The state directory: `HUNGJURY_HOME`, else the user's data directory; made (0700) if missing."""
    chosen = os.environ.get("HUNGJURY_HOME")
    path = Path(chosen).expanduser() if chosen else Path(platformdirs.user_data_dir("hungjury", appauthor=False))
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path.resolve()


def models_dir() -> Path:
    """Converted base models, shared by all tasks: `<home>/models`."""
    return _made(home() / "models")


def artifacts_dir(task: str) -> Path:
    """Prepared artifacts of one task, one folder per version: `<home>/artifacts/<task>`."""
    return _made(home() / "artifacts" / task)


def _made(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path
