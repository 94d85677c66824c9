"""The prepared members of task injury in this process, and their scores on the test split."""

import numpy as np
import pytest

from ensemble.artifacts import current_artifact
from ensemble.evaluation.evaluate import score_all
from ensemble.tasks.task import load_task

THREADS = 2


@pytest.fixture(scope="module")
def artifact(prepared_home):
    """The artifact in use."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HUNGJURY_HOME", str(prepared_home))
        yield current_artifact("injury")


@pytest.fixture(scope="module")
def panel(artifact):
    """All members, loaded."""
    loaded = artifact.load_panel(threads=THREADS)
    yield loaded
    loaded.close()


@pytest.fixture(scope="module")
def rows():
    """The test split, which no member was fitted or calibrated on."""
    return load_task("injury").rows("test")


@pytest.fixture(scope="module")
def labels(rows):
    """0 or 1, shape (rows,)."""
    return np.array([row.label for row in rows], dtype=np.float64)


@pytest.fixture(scope="module")
def probabilities(panel, rows):
    """P(yes) of every member, shape (rows, members)."""
    return score_all(panel, rows)
