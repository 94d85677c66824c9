"""What a running service leaves in its state directory so that other programs find it.

`<home>/run/lock` is held for as long as the service lives and names its process; `state.json` says where it answers,
once it does; `progress.jsonl` tells how starting goes. Everything under `run/` is private to the user (0700).
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import psutil
from pydantic import BaseModel, ConfigDict, ValidationError

from ensemble.home import home
from service.config import CascadeConfig, MiningConfig
from service.errors import AlreadyRunningError, NotRunningError

START_TOLERANCE_SECONDS = 2.0
"""How far two readings of one process's start time may lie apart (the clock may be set in between)."""

StepState = Literal["started", "progress", "done", "failed"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ProcessMark(_Frozen):
    """One process, told apart from a later one with the same number by its start time (seconds since the epoch)."""

    pid: int
    started: float

    @classmethod
    def of(cls, pid: int | None = None) -> ProcessMark:
        """Mark of a living process; this one where `pid` is None."""
        process = psutil.Process(pid)
        return cls(pid=process.pid, started=process.create_time())

    def alive(self) -> bool:
        """Whether that very process still runs; a zombie does not."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) < START_TOLERANCE_SECONDS
            return same and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False


class RedisState(_Frozen):
    """Which store is used: `embedded` with its address, or `url` (given by the operator, not repeated here)."""

    kind: Literal["embedded", "url"]
    address: str | None = None


class RayState(_Frozen):
    """Where Ray answers.

    Attributes:
        address: of the cluster's control service, host:port.
        own: whether the service started this Ray and ends it.
        dashboard_url: None where there is no dashboard.
        token_path: file with the token that dashboard and cluster ask for.
        profile: how it is tuned, see `service.profile`; None where that was not for the service to say.
        metrics_url: what Prometheus scrapes on this machine.
    """

    address: str
    own: bool
    dashboard_url: str | None = None
    token_path: Path | None = None
    profile: Literal["fast", "plain"] | None = None
    metrics_url: str | None = None


class RuntimeState(_Frozen):
    """`<home>/run/state.json`: a service that is ready to score.

    Attributes:
        run: id of this run; every process of it carries the id in `HUNGJURY_RUN`.
        url: where HTTP is answered, without a trailing slash.
        expensive: member groups that a bulk run leaves to its campaign.
        mining: what campaigns are told unless the command line says otherwise.
        ready_at: seconds since the epoch.
    """

    run: str
    process: ProcessMark
    url: str
    host: str
    port: int
    task: str
    answers_per_item: int
    mining: MiningConfig
    expensive: tuple[str, ...] = CascadeConfig().expensive
    redis: RedisState
    ray: RayState
    ready_at: float


class Event(_Frozen):
    """A line of `progress.jsonl`: one step of starting or stopping, as it happens.

    Attributes:
        step: e.g. "prepare", "redis", "ray", "serve", "ready"; "service" for the whole.
        fraction: how much of the step is done, 0 to 1, where known.
        seconds: how long the step took, once done.
    """

    run: str
    at: float
    step: str
    state: StepState
    detail: str = ""
    fraction: float | None = None
    seconds: float | None = None


def run_dir(base: Path | None = None) -> Path:
    """`<home>/run`, made private to the user if missing."""
    path = (base or home()) / "run"
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path


def logs_dir(base: Path | None = None) -> Path:
    """`<home>/logs`."""
    path = (base or home()) / "logs"
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path


def write_private(path: Path, content: str) -> None:
    """Replaces a file in one step; readable by the user alone."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(path)


def save_state(state: RuntimeState, base: Path | None = None) -> None:
    """Tells the world that the service is ready."""
    write_private(run_dir(base) / "state.json", state.model_dump_json(indent=1))


def clear_state(base: Path | None = None) -> None:
    """Takes it back."""
    (run_dir(base) / "state.json").unlink(missing_ok=True)


def last_state(base: Path | None = None) -> RuntimeState | None:
    """The last state written, whether or not that service still lives; None where there is none or it is unreadable."""
    try:
        return RuntimeState.model_validate_json((run_dir(base) / "state.json").read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def running(base: Path | None = None) -> RuntimeState | None:
    """The service of this state directory if it lives and is ready."""
    state = last_state(base)
    return state if state is not None and state.process.alive() else None


def require_running(base: Path | None = None) -> RuntimeState:
    """The running service.

    Raises:
        NotRunningError: there is none, or it is still starting.
    """
    state = running(base)
    if state is not None:
        return state
    if owner(base) is not None:
        raise NotRunningError("the service is still starting; see `hungjury status`")
    raise NotRunningError(f"no service runs for {base or home()}; start it with `hungjury up`")


def owner(base: Path | None = None) -> ProcessMark | None:
    """The living process that holds this state directory, ready or not."""
    try:
        mark = ProcessMark.model_validate_json((run_dir(base) / "lock").read_bytes())
    except (FileNotFoundError, ValidationError):
        return None
    return mark if mark.alive() else None


class HomeLock:
    """Exclusive hold on a state directory; the system gives it back when the process dies, however it dies."""

    def __init__(self, base: Path | None = None) -> None:
        """Takes the lock.

        Raises:
            AlreadyRunningError: another process holds it.
        """
        self._path = run_dir(base) / "lock"
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._file)
            held = owner(base)
            who = f" (process {held.pid})" if held else ""
            raise AlreadyRunningError(
                f"a service runs already for {self._path.parent.parent}{who}; stop it with `hungjury down`, "
                "or set HUNGJURY_HOME and HUNGJURY_PORT for a second one"
            ) from None
        os.ftruncate(self._file, 0)
        os.write(self._file, ProcessMark.of().model_dump_json().encode())

    def release(self) -> None:
        """Gives it back."""
        os.ftruncate(self._file, 0)
        os.close(self._file)


class Progress:
    """Writes events to `progress.jsonl`, and to whoever listens."""

    def __init__(self, run: str, base: Path | None = None) -> None:
        """Begins a fresh file."""
        self._run, self._path = run, run_dir(base) / "progress.jsonl"
        self._begun: dict[str, float] = {}
        write_private(self._path, "")

    def report(self, step: str, state: StepState, detail: str = "", fraction: float | None = None) -> Event:
        """Appends one event; a step's duration is counted from its `started`."""
        now = time.monotonic()
        if state == "started":
            self._begun[step] = now
        seconds = now - self._begun[step] if state == "done" and step in self._begun else None
        event = Event(
            run=self._run, at=time.time(), step=step, state=state, detail=detail, fraction=fraction, seconds=seconds
        )
        with self._path.open("a", encoding="utf-8") as stream:
            stream.write(event.model_dump_json() + "\n")
        return event


def read_events(run: str, skip: int = 0, base: Path | None = None) -> Iterator[Event]:
    """Events of one run so far, without the first `skip`; a half-written last line is left for the next call."""
    try:
        lines = (run_dir(base) / "progress.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    except FileNotFoundError:
        return
    events = (Event.model_validate_json(line) for line in lines if line.endswith("\n"))
    for number, event in enumerate(event for event in events if event.run == run):
        if number >= skip:
            yield event
