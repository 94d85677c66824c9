"""The process that ends what a killed service leaves behind.

Ray's and the store's processes mostly die with the service by themselves; Ray's agents outlive it by up to two minutes
and hold ports. This small process waits on a pipe whose other end only the service holds, and meanwhile notes who
descends from the service. When the pipe closes, however the service ended, it ends those who are left, by number, and
removes Ray's session folder.

Besides descent, processes are known by the run's id in their environment: it finds them also when nobody took notes.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import psutil

RUN_VARIABLE = "HUNGJURY_RUN"
"""Environment variable that all processes of one run share."""

NOTE_SECONDS = 1.0
"""Time between two looks at who descends from the service."""

GRACE_SECONDS = 4.0
"""Time that processes have to end by themselves after the service died."""

KILL_SECONDS = 10.0
"""Time in which those left are killed, again where they start others meanwhile."""


def processes_of(run: str) -> list[psutil.Process]:
    """Living processes of this user that belong to a run, this one and its parents left out."""
    mine = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    found = []
    for process in psutil.process_iter():
        # A process that is gone, or somebody else's, is none of ours.
        with contextlib.suppress(psutil.Error, OSError):
            belongs = process.pid not in mine and process.environ().get(RUN_VARIABLE) == run
            if belongs and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def end_run(run: str, *, grace: float = GRACE_SECONDS, noted: Iterable[psutil.Process] = ()) -> int:
    """Waits for a run's processes to end, then ends those left.

    Args:
        run: the run's id.
        grace: how long to wait first, in seconds.
        noted: processes that belong to it besides those that carry its id.

    Returns:
        How many had to be killed.
    """
    began = time.monotonic()
    family, killed = set(noted), set[psutil.Process]()
    while (left := _living(family := family | _kin(run, family))) and time.monotonic() < began + grace + KILL_SECONDS:
        if time.monotonic() > began + grace:
            for process in left:
                with contextlib.suppress(psutil.NoSuchProcess):  # it ended meanwhile, which is what was wanted
                    process.kill()
            killed |= left
        time.sleep(0.2)
    return len(killed)


def _kin(run: str, family: set[psutil.Process]) -> set[psutil.Process]:
    """Processes that carry the run's id, and what descends from its family.

    Both are asked for at every look: a worker that sets its title overwrites the environment by which it was known.
    """
    kin = set(processes_of(run))
    for process in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            kin.update(child for child in process.children(recursive=True) if child.pid != os.getpid())
    return kin


def _living(processes: Iterable[psutil.Process]) -> set[psutil.Process]:
    living = set()
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                living.add(process)
    return living


def start_reaper(run: str, session_root: Path) -> subprocess.Popen[bytes]:
    """Starts the process; it acts when this process is gone, or when its standard input is closed.

    Args:
        run: the run's id.
        session_root: folder removed in the end; must be the service's own.
    """
    environment = {name: value for name, value in os.environ.items() if name != RUN_VARIABLE}
    return subprocess.Popen(  # noqa: S603 - our own interpreter and module
        [sys.executable, "-m", "service.supervisor.reaper", run, str(session_root)],
        stdin=subprocess.PIPE,
        start_new_session=True,  # a Ctrl-C in the terminal must not take it along
        env=environment,
    )


def main() -> None:
    """Waits for the service to end, then clears up after it: `python -m service.supervisor.reaper RUN FOLDER`."""
    run, session_root = sys.argv[1], Path(sys.argv[2])
    family: set[psutil.Process] = set()
    with contextlib.suppress(psutil.NoSuchProcess):  # it ended while we started
        service, own = psutil.Process(os.getppid()), os.getpid()
        while not select.select([sys.stdin], [], [], NOTE_SECONDS)[0]:
            family = {process for process in service.children(recursive=True) if process.pid != own}
    sys.stdin.buffer.read()
    end_run(run, noted=family)
    shutil.rmtree(session_root, ignore_errors=True)


if __name__ == "__main__":
    main()
