"""The task, its rows and its operators, for all tests of rewrites."""

import pytest

from ensemble.tasks.task import load_task
from ensemble.text import LabelledText
from miners.rewrites.registry import operators


@pytest.fixture(scope="session")
def task():
    """The packaged task."""
    return load_task("injury")


@pytest.fixture(scope="session")
def seeds(task):
    """Its labelled rows."""
    return task.rows()


@pytest.fixture(scope="session")
def found(task, seeds):
    """Its operators by name."""
    return operators(task, seeds)


@pytest.fixture(scope="session")
def rows():
    """Makes labelled texts of a made-up task: `rows("a text", ...)`, each a family of its own in the train split."""

    def make(*texts, label=0):
        return [
            LabelledText(text, label=label, meta={"family": f"f{number}", "split": "train"})
            for number, text in enumerate(texts)
        ]

    return make
