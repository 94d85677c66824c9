"""Freed memory goes back to the system."""

import subprocess
import sys

import pytest

from ensemble import memory

HELD = """
import numpy as np
from ensemble.memory import give_back
def held():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("RssAnon"))
before = held()
kept = [np.ones(12_000) for _ in range(2_000)]  # below the size for which the C library asks the system each time
del kept[::2]
holes = held()
give_back()
print(before, holes, held())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says how much memory a process holds in this way")
def test_holes_go_back():
    """Half of many arrays is freed: what lay between the others leaves the process."""
    printed = subprocess.run([sys.executable, "-c", HELD], check=True, capture_output=True, text=True, timeout=60)
    before, holes, after = map(int, printed.stdout.split())
    assert holes - before > 150_000
    assert holes - after > 70_000


def test_another_c_library(monkeypatch):
    """Where there is nothing to call, nothing is called."""
    monkeypatch.setattr(memory, "_trim", lambda: None)
    memory.give_back()
