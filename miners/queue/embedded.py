"""A Redis-compatible server of our own: a real server process, on loopback, with an append-only file.

It is started under a lock on its data directory, asks for a password, and ends with the process that started it.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from miners.errors import StoreUnavailableError
from miners.queue.binary import server_binary
from miners.queue.datadir import DataDirLock, password_of

_LAUNCHER = Path(__file__).with_name("die_with_parent.py")
_POLL_SECONDS = 0.005
_STOP_SECONDS = 10.0
_PORT_ATTEMPTS = 5


class EmbeddedServer:
    """One server on one data directory.

    Args:
        data_dir: its append-only file, log, password (0600) and lock; made (0700) if missing.
        port: on 127.0.0.1; 0 takes a free one at the first start and keeps it for every restart.
        start_timeout: seconds until it must answer; loading a long append-only file counts.

    The kernel ends the server when the thread that forked it ends. Therefore a thread of this object's own forks it and
    waits for it; `start` may be called from any thread.
    """

    def __init__(self, data_dir: Path, port: int = 0, *, start_timeout: float = 60.0) -> None:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._dir = data_dir.resolve()
        self._fixed = port
        self._port = port
        self._timeout = start_timeout
        self._lock = DataDirLock(self._dir)
        self._guard = threading.RLock()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Address with password, for `connect`; it stays the same over restarts. Treat it as a secret."""
        return f"redis://:{password_of(self._dir)}@127.0.0.1:{self._port}/0"

    @property
    def port(self) -> int:
        """Port on 127.0.0.1; 0 before the first start of a server that may choose."""
        return self._port

    @property
    def pid(self) -> int | None:
        """Process id of the running server."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def alive(self) -> bool:
        """Whether the server process runs."""
        return self.pid is not None

    def start(self) -> None:
        """Starts the server and returns once it answers; harmless while it runs.

        Raises:
            StoreUnavailableError: the directory is in use (by whom), there is no server program, or it did not come up
                (with the end of its log).
        """
        with self._guard:
            if self.alive():
                return
            self._lock.acquire()
            try:
                self._start_somewhere()
            except BaseException:
                self.stop()
                raise
            self._lock.note(self.pid)

    def stop(self) -> None:
        """Ends the server, forcibly after ten seconds, and gives the directory back; harmless when repeated."""
        with self._guard:
            self._end_process()
            self._lock.release()

    def restart(self) -> None:
        """Ends the server if it still runs and starts it again on the same port with the same password and data."""
        with self._guard:
            self._end_process()
            self.start()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _start_somewhere(self) -> None:
        """A free port can be taken by somebody else before the server has it; only then another one is tried."""
        program = server_binary()
        for attempt in range(_PORT_ATTEMPTS):
            chosen_now = self._port == 0
            if chosen_now:
                self._port = _free_port()
            try:
                self._spawn(program)
                self._await_ready()
            except StoreUnavailableError:
                self._end_process()
                if not chosen_now or attempt == _PORT_ATTEMPTS - 1 or "Address already in use" not in self._log_tail():
                    raise
                self._port = 0
            else:
                return

    def _spawn(self, program: Path) -> None:
        """Forks from a thread that lives as long as the server."""
        born = threading.Event()
        trouble: list[OSError] = []
        command = [sys.executable, "-I", "-S", str(_LAUNCHER), str(os.getpid()), str(program), "-"]
        (self._dir / "server.log").write_text("")

        def run() -> None:
            try:
                self._process = subprocess.Popen(  # noqa: S603 - the program is ours or named by the operator
                    command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    pass_fds=(self._lock.fd,),
                    start_new_session=True,  # Ctrl-C ends us first; we then end the server in order
                )
            except OSError as error:
                trouble.append(error)
                return
            finally:
                born.set()
            self._process.wait()

        threading.Thread(target=run, name="embedded-redis", daemon=True).start()
        born.wait()
        if trouble:
            raise StoreUnavailableError(f"the server could not be started: {trouble[0]}") from trouble[0]
        self._configure()

    def _configure(self) -> None:
        """Hands the configuration over by standard input, where no process list shows the password."""
        process = self._process
        if process is None or process.stdin is None:
            raise StoreUnavailableError("the server was not started")
        with contextlib.suppress(BrokenPipeError), process.stdin as pipe:  # a server that fell over is reported later
            pipe.write(self._config().encode())

    def _config(self) -> str:
        """Every acknowledged write is on disk first; nothing is ever evicted; nobody but this machine reaches it."""
        return "\n".join(
            (
                "bind 127.0.0.1",
                f"port {self._port}",
                "protected-mode yes",
                f"requirepass {password_of(self._dir)}",
                f"dir {_quoted(str(self._dir))}",
                f"logfile {_quoted(str(self._dir / 'server.log'))}",
                "daemonize no",
                "appendonly yes",
                "appendfsync always",
                'save ""',
                "maxmemory-policy noeviction",
                "shutdown-timeout 0",  # never wait for a replica: everything is on disk already
                "",
            )
        )

    def _await_ready(self) -> None:
        deadline = time.monotonic() + self._timeout
        client = redis.Redis.from_url(self.url, socket_timeout=1.0, retry=Retry(NoBackoff(), 0))
        with contextlib.closing(client):
            while not _answers(client):
                if not self.alive() or time.monotonic() > deadline:
                    raise StoreUnavailableError(f"the server on {self._dir} did not come up:\n{self._log_tail()}")
                time.sleep(_POLL_SECONDS)

    def _log_tail(self) -> str:
        return "\n".join((self._dir / "server.log").read_text(errors="replace").splitlines()[-5:])

    def _end_process(self) -> None:
        process = self._process
        if process is None:
            return
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._process = None


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except (redis.ConnectionError, redis.TimeoutError):  # not there yet, or still loading
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
