"""What the tests of mining share: a deterministic scorer, a source out of a list, a queue in memory."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field

import numpy as np
import pytest

from ensemble.calibration import logit, sigmoid
from ensemble.disagreement import jensen_shannon
from ensemble.kinds import kinds_of
from ensemble.scorer import Member
from ensemble.text import Text
from ensemble.verdict import MemberScore, Verdict
from miners.candidate import Candidate, Provenance, Scored

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


@dataclass
class HashScorer:
    """Scores by `hashed_probabilities`; notes every text that it was asked for."""

    asked: list[str] = field(default_factory=list)

    def __call__(self, texts):
        self.asked += [text.text for text in texts]
        return [make_verdict(text, hashed_probabilities(text)) for text in texts]


class ListSource:
    """Proposes given texts in order, each its own family."""

    def __init__(self, name: str, texts: list[str], *, knows_length: bool = True) -> None:
        self.name, self._texts, self._at = name, texts, 0
        self.observed: list[Scored] = []
        if knows_length:
            self.expected = lambda limit: min(limit, len(self._texts) - self._at)

    def propose(self, count: int) -> list[Candidate]:
        first, found = self._at, self._texts[self._at : self._at + count]
        self._at += len(found)
        return [Candidate(Text(t), Provenance(source=self.name, family=f"f{first + i}")) for i, t in enumerate(found)]

    def observe(self, scored) -> None:
        self.observed += scored

    def state(self) -> dict:
        return {"at": self._at}

    def restore(self, state: dict) -> None:
        self._at = state["at"]


@pytest.fixture
def verdict():
    """Makes a verdict from member probabilities."""
    return lambda probabilities, text="some text", degraded=(): make_verdict(Text(text), probabilities, degraded)


@pytest.fixture
def scorer():
    """A deterministic scorer that notes what it was asked."""
    return HashScorer()


@pytest.fixture
def hash_scorer():
    """The class of `scorer`, for tests that need several."""
    return HashScorer


@pytest.fixture
def source():
    """Makes a source out of a list of texts."""
    return ListSource


@pytest.fixture
def sentences():
    """Makes n texts of which no two are alike."""
    words = ["river", "lamp", "bread", "winter", "stone", "letter", "garden", "engine", "violin", "harbour", "coat"]

    def make(count: int, salt: int = 0) -> list[str]:
        rng = np.random.default_rng([count, salt])
        return [f"{i}{salt} " + " ".join(f"{w}{i}" for w in rng.permutation(words)[:8]) + "." for i in range(count)]

    return make
