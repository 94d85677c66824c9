"""An evaluation on real terminals of several widths."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios

import numpy as np
import pytest

from ensemble.calibration import sigmoid
from ensemble.evaluation.evaluate import measure
from ensemble.panel import Panel, fit_joint
from ensemble.scorer import Member

SHOW = (
    "import sys; from pathlib import Path; from ensemble.evaluation.evaluate import Report; "
    "from service.cli.evaluation import show; show(Report.model_validate_json(Path(sys.argv[1]).read_bytes()))"
)


class Silent:
    """Stands for members whose scores are given to `measure` directly."""

    def __init__(self, names):
        self.members = tuple(Member(name, "fixed", "0" * 12) for name in names)

    def close(self):
        """Holds nothing."""


@pytest.fixture(scope="module")
def report():
    """Five members on 12,000 rows, sliced by values with long, wide and hostile names."""
    names = ("encoder", "keyword", "judge", "judge-b", "probe")
    rng = np.random.default_rng(13)
    labels = (rng.random(12_000) < 0.3).astype(float)
    columns = sigmoid((labels * 2 - 1)[:, None] + rng.normal(size=(12_000, 5)))
    joint = fit_joint(columns[:500], labels[:500], members=names, deployed="encoder")
    values = [("a name that goes on and on and on and on",), ("\x1b[31mred",), ("漢字の長い名前です",), ("x",), ()]
    slices = {"some\x07field": [values[min(i // 5_000 + i % 3, 4)] for i in range(12_000)]}
    return measure(Panel([Silent(names)], joint), columns, labels, slices=slices)


@pytest.mark.parametrize("width", [80, 160])
def test_every_line_fits_the_terminal_and_is_whole(report, tmp_path, width):
    """No line is wider than the terminal, and no interval has lost its end."""
    path = tmp_path / "report.json"
    path.write_text(report.model_dump_json())
    shown = _on_terminal([sys.executable, "-c", SHOW, str(path)], width)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    lines = [line.rstrip() for line in plain.splitlines()]
    assert "By some\\u0007field" in plain
    assert "\\u001b[31mred" in plain or "\\u001b[31mr" in plain
    assert "\x07" not in shown
    assert max(map(len, lines)) <= width
    figures = [line for line in lines if "\u2013" in line]
    assert len(figures) >= 6 + 6 + 6 + 8
    assert [line for line in figures if line.count("(") != line.count(")")] == []


def _on_terminal(command, width):
    """What a command prints on a terminal of so many columns."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
    environment = {**os.environ, "TERM": "xterm"} | {"COLUMNS": str(width)}
    with subprocess.Popen(command, stdout=theirs, stderr=theirs, stdin=theirs, env=environment) as process:
        os.close(theirs)
        parts = []
        while part := _read(ours):
            parts.append(part)
        os.close(ours)
    assert process.returncode == 0, b"".join(parts).decode()
    return b"".join(parts).decode()


def _read(descriptor):
    try:
        return os.read(descriptor, 65_536)
    except OSError:  # a terminal whose other end is closed
        return b""
