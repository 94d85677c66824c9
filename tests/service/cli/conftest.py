"""The command line in this process, and a store to look at without Ray."""

import json
import subprocess
import sys

import pytest
from announced_store import announced_store

from ensemble.text import identity
from ensemble.verdict import MemberScore, Verdict
from miners.candidate import Provenance
from miners.queue.types import NewItem
from service.cli.main import execute


class Outcome:
    """What a command said."""

    def __init__(self, code, captured):
        self.code, self.out, self.err = code, captured.out, captured.err

    @property
    def json(self):
        """The one document on standard output."""
        return json.loads(self.out)

    @property
    def lines(self):
        """JSON documents, one a line."""
        return [json.loads(line) for line in self.out.splitlines()]


@pytest.fixture
def hungjury(capsys):
    """Runs a command line in this process."""

    def run(*arguments):
        capsys.readouterr()
        code = execute([str(argument) for argument in arguments])
        return Outcome(code, capsys.readouterr())

    return run


@pytest.fixture
def apart():
    """Runs a command line as a process of its own."""

    def run(*arguments, **more):
        command = [sys.executable, "-m", "service.cli.main", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, timeout=180, check=False, **more)

    return run


def item(number, text, **more):
    """Something queued."""
    scores = {"a": MemberScore(probability=0.2, vote="no", version="0" * 12)}
    scores["b"] = MemberScore(probability=0.9, vote="yes", version="1" * 12)
    verdict = Verdict(
        id=identity(text),
        probability=0.6,
        decision="flag",
        disagreement=0.4,
        miss_score=0.6,
        members=scores,
        degraded=[],
        review=True,
    )
    values = {
        "id": identity(text),
        "task": "injury",
        "text": text,
        "priority": float(number),
        "needed": 1,
        "selection_probability": 0.25,
        "deployed": "a",
        "deployed_passed": True,
        "verdict": verdict,
        "provenance": Provenance(source="corpus:test", family=f"family {number}"),
        "why": f"reason {number}",
    }
    return NewItem(**{**values, **more})


@pytest.fixture
def store():
    """A real embedded store, announced as a running service would; its queue is empty."""
    with announced_store() as opened:
        yield opened
