"""What rewrites by rule do to the deployed member: yes texts that it passes, and no texts that it flags, by operator.

Run by `make bench`, or alone with HUNGJURY_HOME naming prepared models. The texts are of the task's test split, which
nothing was fitted on. An operator is worth its calls where it makes the member pass more yes texts than it passes as
they stand; where it flags more no texts in the same disguise, the member distrusts the disguise.
"""

import os
from pathlib import Path

import numpy as np
import pytest

from ensemble.artifacts import Artifact, current_artifact
from ensemble.tasks.task import load_task
from ensemble.text import Text
from miners.rewrites.registry import operators
from miners.rewrites.seeds import SeedRewrites

pytestmark = pytest.mark.models

GIVEN = os.environ.get("HUNGJURY_HOME")  # before the tests' own state directory takes its place
TEXTS = int(os.environ.get("HUNGJURY_BENCH_TEXTS", "100"))
CHUNK = 64


@pytest.fixture
def artifact(request, monkeypatch) -> Artifact:
    """The models of task injury: those of HUNGJURY_HOME where there are some, else those that the tests prepare."""
    there = GIVEN and (Path(GIVEN) / "artifacts" / "injury" / "current.json").is_file()
    monkeypatch.setenv("HUNGJURY_HOME", GIVEN if there else str(request.getfixturevalue("prepared_home")))
    return current_artifact("injury")


def test_what_each_operator_hides_and_what_it_makes_suspicious(artifact):
    """Prints, for each operator, the share of yes texts passed and of no texts flagged, by label as constructed."""
    deployed = artifact.joint.deployed
    group = next(group for group in artifact.groups if deployed in {m.name for m in artifact.members(group)})
    column = [member.name for member in artifact.members(group)].index(deployed)
    scorer, threshold = artifact.load_scorer(group), artifact.joint.vote_threshold(deployed)

    def flags(texts: list[Text]) -> np.ndarray:
        parts = [scorer.score(texts[at : at + CHUNK])[:, column] for at in range(0, len(texts), CHUNK)]
        return np.concatenate(parts) >= threshold

    task = load_task("injury")
    rows = task.rows("test")
    plain, labels = flags(list(rows)), np.array([row.label for row in rows])
    print(f"\n{deployed} on {len(rows)} test rows as they stand: {_line(plain, labels)}")
    for name, operator in operators(task).items():
        made = SeedRewrites(operator, task.rows(), splits={"test"}, limit=TEXTS).propose(TEXTS)
        known = [candidate for candidate in made if candidate.provenance.expected_label is not None]
        if known:
            expected = np.array([candidate.provenance.expected_label for candidate in known])
            print(f"{name:>15}: {_line(flags([candidate.text for candidate in known]), expected)}")
    scorer.close()
    assert len(rows) > 400


def _line(flagged: np.ndarray, labels: np.ndarray) -> str:
    yes, no = flagged[labels == 1], flagged[labels == 0]
    said = [
        f"passes {(~yes).sum():3d} of {len(yes):3d} yes ({(~yes).mean():.0%})" if len(yes) else "",
        f"flags {no.sum():3d} of {len(no):3d} no ({no.mean():.0%})" if len(no) else "",
    ]
    return ", ".join(part for part in said if part)
