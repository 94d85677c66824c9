"""What a killed service leaves behind is ended, however it hides."""

import os
import subprocess
import sys

import psutil

from service.supervisor.reaper import RUN_VARIABLE, end_run

STARTS_A_STRANGER = """
import os, subprocess, sys, time
environment = {name: value for name, value in os.environ.items() if name != "HUNGJURY_RUN"}
time.sleep(0.5)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], env=environment)
print(child.pid, flush=True)
time.sleep(600)
"""


def test_a_child_that_does_not_carry_the_runs_id_is_ended_with_its_parent():
    """A process started after the last look, without the variable, is known by its parent."""
    environment = {**os.environ, RUN_VARIABLE: "run-of-this-test"}
    command = [sys.executable, "-c", STARTS_A_STRANGER]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as parent:
        assert end_run("run-of-this-test", grace=3.0) == 2
        stranger = int(parent.stdout.readline())
    assert not psutil.pid_exists(stranger) or psutil.Process(stranger).status() == psutil.STATUS_ZOMBIE


def test_a_run_without_processes_needs_no_wait():
    """Nothing is killed where nothing lives."""
    assert end_run("nobody-carries-this") == 0
