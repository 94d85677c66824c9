"""What the tests of mining share: a deterministic scorer, a source out of a list, a queue in memory."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from hashed_verdicts import hashed_probabilities, make_verdict

from ensemble.text import Text
from miners.candidate import Candidate, Provenance, Scored
from miners.queue.types import NewItem


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
def new_item_of():
    """Makes a queued text with its verdict, as a campaign would."""

    def make(text, *, campaign="other", priority=0.5, **more):
        verdict = make_verdict(Text(text), hashed_probabilities(Text(text)))
        provenance = Provenance(source="corpus:tests", family=text, campaign=campaign, **more.pop("origin", {}))
        fields = {
            "id": Text(text).id,
            "task": "injury",
            "text": text,
            "priority": priority,
            "selection_probability": 0.5,
            "deployed": "encoder",
            "deployed_passed": verdict.members["encoder"].vote == "no",
            "verdict": verdict,
            "provenance": provenance,
        }
        return NewItem(**(fields | more))

    return make


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
