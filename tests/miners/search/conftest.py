"""What the tests of the search share: labelled seeds, simple operators, a panel that looks at words."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from ensemble.text import LabelledText, Text
from miners.candidate import Candidate, Provenance, Scored
from miners.search.niches import Grid
from miners.search.search import Search

PLACES = ("mill", "quay", "attic", "bridge", "orchard", "station", "cellar", "market", "tunnel", "stable")
HARMS = ("burn", "cut", "fall")


@dataclass
class Appending:
    """Puts a word at the end, a different one each time; the plainest operator there can be."""

    name: str = "appending"
    effect: str = "keeps"
    style: str = "longer"

    def rewrite(self, parent, rng):
        word = f"{self.name}{int(rng.integers(10**9))}"
        words = parent.text.split()
        words.insert(int(rng.integers(len(words))), word)
        return Text(" ".join([*words, word, word]), parent.context), {"word": word}


@pytest.fixture
def appending():
    """The class of a plain operator."""
    return Appending


@pytest.fixture
def grid():
    """A grid of four members, three harms and two styles."""
    return Grid(
        "encoder", ("judge", "keyword", "probe"), (*HARMS, "other", "unknown"), ("diluted", "disguise", "other")
    )


@pytest.fixture
def seeds():
    """Thirty injuries and thirty benign twins, each pair a family, the last ten pairs held out."""
    rows = []
    for index in range(30):
        place, harm = PLACES[index % len(PLACES)], HARMS[index % len(HARMS)]
        meta = {"family": f"f{index}", "split": "test" if index >= 20 else "train", "harm": harm, "style": "explicit"}
        hurt = f"By the old {place} number {index} he was badly hurt by a {harm} and they carried him home at dusk."
        safe = f"By the old {place} number {index} he was nearly hurt by a {harm} but walked home happily at dusk."
        rows.append(LabelledText(hurt, "Once.", label=1, row_id=f"y{index}", meta={**meta, "severity": 3}))
        rows.append(LabelledText(safe, "Once.", label=0, row_id=f"n{index}", meta={**meta, "severity": 0}))
    return rows


@pytest.fixture
def make_search(seeds):
    """Makes a search over the train seeds with two plain operators, or with what is given."""

    def make(operators=None, **settings):
        chosen = [Appending(), Appending("prefixing", style="louder")] if operators is None else operators
        return Search(chosen, seeds, **{"deployed": "encoder", "splits": ("train",), "seed": 3, **settings})

    return make


@pytest.fixture
def judged(scorer):
    """Scores candidates, as the loop would."""
    return lambda found: [Scored(c, v) for c, v in zip(found, scorer([c.text for c in found]), strict=True)]


@pytest.fixture
def scored(verdict):
    """Makes a scored text out of member probabilities and provenance fields."""

    def make(probabilities, text="some text", degraded=(), **fields):
        meta = {"harm": "burn", "style": "diluted", "effect": "keeps", "label": 1, **fields.pop("meta", {})}
        kept = {"source": "search", "operators": ("dilution",), "family": "f", "expected_label": 1, **fields}
        candidate = Candidate(Text(text), Provenance(**kept, meta=meta))
        return Scored(candidate, verdict(probabilities, text, degraded))

    return make
