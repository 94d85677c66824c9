"""The files that the house rules look at."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def files(root: Path) -> list[Path]:
    """Every file of the project, relative to its folder: tracked, or new and not ignored."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\0")
    return [Path(name) for name in _distinct(listed) if (root / name).is_file()]


def _distinct(names: Iterable[str]) -> list[str]:
    return sorted({name for name in names if name})
