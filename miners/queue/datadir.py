"""The embedded server's folder: who may use it, and the password kept in it."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import time
from pathlib import Path
from typing import Any

import psutil

from miners.errors import StoreUnavailableError

_DYING_SECONDS = 5.0
"""How long a server whose owner was killed may take to notice."""


class DataDirLock:
    """An exclusive lock on a data directory: two servers on one append-only file would ruin it.

    The server inherits `fd`, and with it the lock. So the lock stays taken while either the owner or its server lives,
    and a server that outlived its owner is noticed.
    """

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / "server.lock"
        self._fd: int | None = None

    @property
    def fd(self) -> int:
        """Open file that carries the lock."""
        if self._fd is None:
            raise StoreUnavailableError(f"{self._path} is not locked")
        return self._fd

    def acquire(self) -> None:
        """Takes the lock, waiting a little for a server that is about to die with its owner; harmless when held.

        Raises:
            StoreUnavailableError: somebody else holds it; the message names the process.
        """
        if self._fd is not None:
            return
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._wait(fd)
        except BaseException:
            os.close(fd)
            raise
        self._fd = fd
        self.note(None)

    def _wait(self, fd: int) -> None:
        deadline = time.monotonic() + _DYING_SECONDS
        while not _try_lock(fd):
            holder = self.holder()
            owner_lives = _lives(int(holder.get("owner") or 0))
            if owner_lives or time.monotonic() > deadline:
                raise StoreUnavailableError(_held(self._path.parent, holder, owner_lives=owner_lives))
            time.sleep(0.02)

    def note(self, server: int | None) -> None:
        """Writes down for others who holds the lock: this process and the server's process id."""
        text = json.dumps({"owner": os.getpid(), "server": server}).encode()
        os.ftruncate(self.fd, 0)
        os.pwrite(self.fd, text, 0)

    def holder(self) -> dict[str, Any]:
        """Who holds the lock, as far as noted: {"owner": pid, "server": pid or None}, or empty."""
        try:
            holder: dict[str, Any] = json.loads(self._path.read_bytes() or b"{}")
        except (OSError, ValueError):
            return {}
        return holder

    def release(self) -> None:
        """Gives the lock back; harmless when repeated. Unlocks for copies of `fd` in other processes as well."""
        if self._fd is not None:
            fcntl.flock(self._fd, fcntl.LOCK_UN)
            os.close(self._fd)
            self._fd = None


def _try_lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _lives(pid: int) -> bool:
    """Whether a process runs; one that has ended and only waits to be reaped does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _held(data_dir: Path, holder: dict[str, Any], *, owner_lives: bool) -> str:
    owner, server = holder.get("owner"), holder.get("server")
    if owner_lives:
        return (
            f"{data_dir} is in use by process {owner} (its server is process {server}); "
            "stop that first, or choose another HUNGJURY_HOME"
        )
    return f"{data_dir} is in use by server process {server}, which outlived its owner {owner}; stop it: kill {server}"


def password_of(data_dir: Path) -> str:
    """The server's password, made at the first call: 64 hex digits in a file that only its owner can read."""
    path = data_dir / "password"
    if not path.exists():
        _write_private(path, secrets.token_hex(32))
    return path.read_text().strip()


def _write_private(path: Path, text: str) -> None:
    """Whole or not at all: a crash in between must not leave an empty password."""
    draft = path.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(fd, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(path)
