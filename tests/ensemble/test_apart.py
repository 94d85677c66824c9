"""A step of preparation in a process of its own."""

import subprocess
import sys
from pathlib import Path

import apart_steps
import psutil
import pytest

from ensemble.errors import ArtifactError
from ensemble.training.apart import Apart


def test_a_step_does_its_work_and_says_how_far_it_is(tmp_path):
    """What it wrote is there once it was waited for, and the last share told is 1."""
    told = []
    Apart(apart_steps.write, tmp_path / "out", "some text").wait(told.append)
    assert (tmp_path / "out").read_text() == "some text"
    assert told[-1] == 1.0
    assert set(told) <= {0.0, 0.5, 1.0}


def test_what_a_step_raises_is_raised_here():
    """The message survives the way between processes."""
    with pytest.raises(ArtifactError, match="no such weights"):
        Apart(apart_steps.refuse, "no such weights").wait()


def test_a_killed_step_is_an_error_that_asks_for_memory():
    """The kernel kills without a word."""
    with pytest.raises(ArtifactError, match="enough memory"):
        Apart(apart_steps.die).wait()


def test_a_step_can_be_ended(tmp_path, wait_until):
    """Nothing is left of it."""
    step = Apart(apart_steps.linger, tmp_path / "pid")
    wait_until((tmp_path / "pid").exists, seconds=60)
    step.stop()
    assert not psutil.pid_exists(int((tmp_path / "pid").read_text()))


def test_a_step_ends_with_whoever_started_it(tmp_path, wait_until):
    """Also when that process is killed and can end nothing itself."""
    code = (
        "import sys; from pathlib import Path; import apart_steps; from ensemble.training.apart import Apart\n"
        "if __name__ == '__main__': Apart(apart_steps.linger, Path(sys.argv[1])).wait()"
    )
    program = tmp_path / "program.py"
    program.write_text(f"import sys; sys.path.insert(0, {str(Path(apart_steps.__file__).parent)!r})\n{code}")
    starter = subprocess.Popen([sys.executable, program, tmp_path / "pid"])
    wait_until((tmp_path / "pid").exists, seconds=60)
    starter.kill()
    starter.wait()
    pid = int((tmp_path / "pid").read_text())
    wait_until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE, seconds=30)
