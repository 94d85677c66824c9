"""Verdicts that follow from the text alone, so that any process gives the same ones without a model."""

from __future__ import annotations

import zlib

import numpy as np

from ensemble.calibration import logit, sigmoid
from ensemble.disagreement import jensen_shannon
from ensemble.kinds import kinds_of
from ensemble.scorer import Member
from ensemble.text import Text
from ensemble.verdict import MemberScore, Verdict

MEMBERS = ("encoder", "judge", "keyword", "probe")


def make_verdict(text: Text, probabilities: dict[str, float], degraded: tuple[str, ...] = ()) -> Verdict:
    """A verdict as the panel would make it, with the mean logit as posterior and the encoder deployed."""
    scores = {
        name: MemberScore(probability=p, vote="yes" if p >= 0.5 else "no", version="0" * 12)
        for name, p in probabilities.items()
    }
    values = np.array([list(probabilities.values())]) if probabilities else np.array([[0.5]])
    posterior = float(sigmoid(logit(values).mean()))
    passed = "encoder" in scores and scores["encoder"].vote == "no"
    return Verdict(
        id=text.id,
        probability=posterior,
        decision="flag" if degraded or posterior >= 0.5 else "pass",
        disagreement=float(jensen_shannon(values)[0]),
        miss_score=posterior if passed else 0.0,
        members=scores,
        degraded=list(degraded),
        review=bool(degraded) or len({score.vote for score in scores.values()}) > 1,
        kinds=kinds_of({Member(name, name, "0" * 12): p >= 0.5 for name, p in probabilities.items()}, "encoder"),
    )


def hashed_probabilities(text: Text) -> dict[str, float]:
    """P(yes) of four members, made from the text alone, low for most texts."""
    rng = np.random.default_rng(zlib.crc32(text.text.encode()))
    truth = rng.beta(0.5, 3.0)
    return {name: float(np.clip(truth + rng.normal(0, 0.15), 0.01, 0.99)) for name in MEMBERS}
