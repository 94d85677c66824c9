"""Reports of made-up members, on numbers drawn at random."""

import numpy as np
import pytest

from ensemble.calibration import sigmoid
from ensemble.evaluation.evaluate import measure
from ensemble.panel import Panel, fit_joint
from ensemble.scorer import Member

STRENGTHS = (2.2, 1.6, 0.9)


class Fixed:
    """A scorer that stands for its members; its scores are given to `measure` directly."""

    def __init__(self, names):
        self.members = tuple(Member(name, "fixed", "0" * 12) for name in names)

    def score(self, texts):
        return np.full((len(texts), len(self.members)), 0.5)

    def close(self):
        """Holds nothing."""


@pytest.fixture(scope="session")
def make_report():
    """A function that makes a report: `make_report(labels=None, names=..., rows=600, slices={...})`."""

    def make(labels=None, *, names=("encoder", "keyword", "judge"), rows=600, slices=None, curves=True):
        rng = np.random.default_rng(11)
        fit_labels = rng.integers(0, 2, 400).astype(float)
        joint = fit_joint(_scores(rng, fit_labels, len(names)), fit_labels, members=names, deployed=names[0])
        labels = rng.integers(0, 2, rows).astype(float) if labels is None else np.asarray(labels, dtype=float)
        return measure(
            Panel([Fixed(names)], joint), _scores(rng, labels, len(names)), labels, slices=slices, curves=curves
        )

    return make


def _scores(rng, labels, members):
    strength = np.resize(STRENGTHS, members)
    return sigmoid((labels * 2 - 1)[:, None] * strength + rng.normal(size=(len(labels), members)) * 1.3)
