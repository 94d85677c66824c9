"""How programs find the service of a state directory."""

import os
import subprocess
import sys

import pytest

from ensemble.home import home
from service.errors import AlreadyRunningError, NotRunningError
from service.runtime_state import HomeLock, ProcessMark, Progress, owner, read_events, require_running, run_dir


def test_a_state_directory_has_one_owner():
    """The second one is refused and told who holds it; afterwards it is free."""
    lock = HomeLock()
    with pytest.raises(AlreadyRunningError, match=rf"process {os.getpid()}"):
        HomeLock()
    assert owner() == ProcessMark.of()
    lock.release()
    assert owner() is None
    HomeLock().release()


def test_a_killed_owner_leaves_the_directory_free():
    """The lock goes with the process, also at kill -9."""
    code = "from service.runtime_state import HomeLock; lock = HomeLock(); print('held', flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"held\n"
        assert owner().pid == holder.pid
        holder.kill()
        holder.wait()
        assert owner() is None
        HomeLock().release()


def test_a_process_is_not_taken_for_a_later_one_of_its_number():
    """Number and start time together name a process."""
    mark = ProcessMark.of()
    assert mark.alive()
    assert not mark.model_copy(update={"started": mark.started - 60}).alive()
    assert not ProcessMark(pid=2**22 + 1, started=mark.started).alive()


def test_a_state_of_a_dead_process_is_no_service():
    """What a killed service left behind counts as nothing."""
    (run_dir() / "state.json").write_text('{"not": "a state"}')
    with pytest.raises(NotRunningError, match="hungjury up"):
        require_running()


def test_events_are_read_as_they_come():
    """A reader gets the events of its run in order, once each, and never half a line."""
    progress = Progress("run")
    progress.report("redis", "started")
    progress.report("redis", "done", "up")
    first = list(read_events("run"))
    assert [(event.step, event.state) for event in first] == [("redis", "started"), ("redis", "done")]
    assert first[1].seconds >= 0
    with (run_dir() / "progress.jsonl").open("a") as stream:
        stream.write('{"run": "run", "at"')
    assert list(read_events("run", skip=2)) == []
    assert list(read_events("another")) == []


def test_the_run_folder_is_private():
    """Nobody else may read what lies there."""
    assert run_dir().stat().st_mode & 0o777 == 0o700
    assert run_dir().parent == home()
