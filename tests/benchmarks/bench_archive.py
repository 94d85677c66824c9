"""How many niches of failures the search fills, and how well, against random mutation with the same member calls.

Run by `make bench`, or alone with HUNGJURY_HOME naming prepared models. ARCHIVE_CALLS sets the member calls of each way
(10,000), ARCHIVE_SEEDS how often each is run (5), ARCHIVE_GROUPS the member groups that score ("encoder,keyword" is
quick; the default is all of them, at the speed of the language model).

A niche counts as filled by a text that the deployed member passes and whose label is yes by construction, or likelier
so than not to the panel; nobody has read these texts. Random mutation takes a uniform operator and a uniform labelled
text of the train split, and its texts go through the same checks and the same duplicate filter and stand in the same
grid. Two harder comparisons take apart where the gain comes from. Half of the labelled texts are benign, so the second
takes only texts of which an operator can make a harmful one. And elites are rewritten again, so the third applies one
to three operators in a chain, as many as the search may, without knowing what became of the steps between.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import numpy as np
import pytest

from ensemble.artifacts import Artifact, current_artifact
from ensemble.near_duplicates import SeenTexts
from ensemble.panel import Asked, Joint
from ensemble.scorer import Member, Scorer
from ensemble.tasks.task import load_task
from ensemble.text import LabelledText, Text
from ensemble.verdict import Verdict
from miners.candidate import Candidate, Scored
from miners.proposer import Proposer
from miners.rewrites.operator import Operator, makes_harmful
from miners.rewrites.registry import operators
from miners.rewrites.workshop import Workshop
from miners.search.archive import Archive
from miners.search.constraint import Length
from miners.search.elites import Elite
from miners.search.gate import Gate, Rewrite
from miners.search.lineage import Parent, of_seed
from miners.search.niches import Niche, grid_of, niche_of
from miners.search.search import Search
from miners.search.settings import SearchSettings

pytestmark = pytest.mark.models

GIVEN = os.environ.get("HUNGJURY_HOME")  # before the tests' own state directory takes its place
CALLS = int(os.environ.get("ARCHIVE_CALLS", "10000"))
SEEDS = int(os.environ.get("ARCHIVE_SEEDS", "5"))
GROUPS = tuple(filter(None, os.environ.get("ARCHIVE_GROUPS", "").split(",")))
BATCH = 64


class SomeMembers:
    """Verdicts of some member groups; the others count as not asked. A text is scored once, however often it comes."""

    def __init__(self, artifact: Artifact, groups: tuple[str, ...]) -> None:
        self.joint: Joint = artifact.joint
        self._scorers: list[Scorer] = [artifact.load_scorer(group) for group in groups]
        members = [member for group in artifact.groups for member in artifact.members(group)]
        by_name = {member.name: member for member in members}
        self._members: list[Member] = [by_name[name] for name in self.joint.members]
        self._known: dict[str, Verdict] = {}

    def __call__(self, texts: list[Text]) -> list[Verdict]:
        new = list({text.id: text for text in texts if text.id not in self._known}.values())
        if new:
            self._known |= dict(zip([text.id for text in new], self._verdicts(new), strict=True))
        return [self._known[text.id] for text in texts]

    def _verdicts(self, texts: list[Text]) -> list[Verdict]:
        columns = {}
        for scorer in self._scorers:
            scores = scorer.score(texts)
            columns |= {member.name: scores[:, place] for place, member in enumerate(scorer.members)}
        missing = np.full(len(texts), np.nan)
        table = np.column_stack([columns.get(member.name, missing) for member in self._members])
        asked = Asked(np.isnan(table), np.ones(len(texts)))
        return self.joint.join([text.id for text in texts], table, self._members, asked)


class RandomMutation:
    """A uniform operator on a uniform labelled text, or a chain of them; it learns nothing."""

    name = "random"

    def __init__(self, rows: list[LabelledText], seed: int, *, harmful_only: bool, depth: int = 1) -> None:
        task = load_task("injury")
        self._depth = depth
        self._workshop = Workshop(list(operators(task).values()))
        self._rows = {
            operator.name: [row for row in rows if not harmful_only or makes_harmful(operator, row.label)]
            for operator in self._workshop.active
        }
        self._gate = Gate([Length()], 0.85)
        self._rng = np.random.default_rng(seed)

    def propose(self, count: int) -> list[Candidate]:
        made: list[Candidate] = []
        while len(made) < count:
            rewrite = self._rewrite()
            kept = self._gate.check([rewrite], {})[0] if rewrite else None
            made += [kept] if kept else []
        return made

    def _rewrite(self) -> Rewrite | None:
        operators = [operator for operator in self._workshop.active if self._rows[operator.name]]
        first = operators[int(self._rng.integers(len(operators)))]
        seed = self._rows[first.name][int(self._rng.integers(len(self._rows[first.name])))]
        found = self._applied(first, of_seed(seed))
        for _ in range(int(self._rng.integers(self._depth))):
            if found is None:
                return None
            parent = of_candidate(found, seed)
            left = [o for o in operators if o.name not in parent.operators and makes_harmful(o, parent.text.label)]
            found = self._applied(left[int(self._rng.integers(len(left)))], parent)
        return None if found is None else Rewrite(found, seed, seed, found.provenance.operators[-1], "")

    def _applied(self, operator: Operator, parent: Parent) -> Candidate | None:
        made = self._workshop.rewrite(operator, parent.text, self._rng)
        return None if made is None else parent.child(made[0], operator, made[1], "seed")

    def observe(self, scored: list[Scored]) -> None:
        """Nothing to learn."""


def of_candidate(found: Candidate, seed: LabelledText) -> Parent:
    """A rewrite as the parent of the next step."""
    provenance, meta = found.provenance, found.provenance.meta
    label = 1 if provenance.expected_label is None else provenance.expected_label
    kept = {"family": provenance.family, "split": meta["split"]}
    text = LabelledText(found.text.text, found.text.context, label=label, meta=kept)
    return Parent(text, seed, provenance.operators, meta["label"], meta["effect"], meta["harm"], meta.get("severity"))


@dataclass
class Outcome:
    """What one way found.

    Attributes:
        texts, passed: texts scored, and those of them that count as failures.
        archive: all of them, by niche.
        calls: member calls at which a tenth, two tenths, ... of the calls were spent, with the niches filled by then.
    """

    archive: Archive
    texts: int = 0
    passed: int = 0
    curve: list[int] = field(default_factory=list)

    @property
    def best(self) -> dict[Niche, float]:
        return {elite.niche: elite.worth.value for elite in self.archive.best(10**9)}


def run(proposer: Proposer, score: SomeMembers, rows: list[LabelledText]) -> Outcome:
    """Proposes, leaves out duplicates and scores until the calls are spent: a campaign without its queue."""
    styles = [operator.style for operator in operators(load_task("injury")).values()]
    outcome, seen, calls = Outcome(Archive(grid_of(score.joint.deployed, rows, styles))), SeenTexts(), 0
    while calls < CALLS:
        found = proposer.propose(BATCH)
        assert found, proposer.name
        fresh = [c for c, same in zip(found, seen.filter([c.text for c in found]), strict=True) if same == "new"]
        scored = [Scored(c, v) for c, v in zip(fresh, score([c.text for c in fresh]), strict=True)]
        scored = scored[: max(0, (CALLS - calls) // len(scored[0].verdict.members))] if scored else []
        if fresh and not scored:
            break
        calls += sum(len(item.verdict.members) for item in scored)
        proposer.observe(scored)
        for item in scored:
            take(outcome, item, score.joint.deployed)
        while len(outcome.curve) < 10 * calls // CALLS:
            outcome.curve.append(outcome.archive.filled)
    return outcome


def take(outcome: Outcome, item: Scored, deployed: str) -> None:
    """Puts a text where it belongs."""
    outcome.archive.know(item.verdict)
    niche = niche_of(item.candidate.provenance.meta, item.verdict, outcome.archive.grid)
    assert niche is not None
    elite = Elite.of(item, niche, deployed)
    outcome.archive.offer(elite)
    outcome.texts += 1
    outcome.passed += not niche.held and elite.worth.evidence > 0.5


@pytest.fixture
def artifact(request, monkeypatch) -> Iterator[Artifact]:
    """The models of task injury: those of HUNGJURY_HOME where there are some, else those that the tests prepare."""
    there = GIVEN and (Path(GIVEN) / "artifacts" / "injury" / "current.json").is_file()
    monkeypatch.setenv("HUNGJURY_HOME", GIVEN if there else str(request.getfixturevalue("prepared_home")))
    return current_artifact("injury")


@pytest.mark.timeout(36_000)
def test_niches_filled_against_random_mutation(artifact):
    """Prints niches filled, their best, and the ratios, over several seeds run in turns."""
    groups = GROUPS or artifact.groups
    score, rows = SomeMembers(artifact, groups), load_task("injury").rows("train")
    known = list(operators(load_task("injury")).values())
    makes = {
        "search": lambda seed: Search(known, rows, deployed=score.joint.deployed, seed=seed),
        "random": lambda seed: RandomMutation(rows, seed, harmful_only=False),
        "random, harmful only": lambda seed: RandomMutation(rows, seed, harmful_only=True),
        "random chains": lambda seed: RandomMutation(rows, seed, harmful_only=True, depth=SearchSettings().depth),
    }
    print(f"\nartifact {artifact.path.name}, groups {', '.join(groups)}")
    print(f"{CALLS:,} member calls each way, {len(known)} operators, {len(rows):,} labelled texts")
    outcomes: dict[str, list[Outcome]] = {name: [] for name in makes}
    for seed in range(SEEDS):
        for name, make in makes.items():
            outcomes[name].append(run(make(seed), score, rows))
            show(f"{name}, seed {seed}", outcomes[name][-1])
    for name in list(makes)[1:]:
        compare(name, outcomes["search"], outcomes[name])
    assert all(outcome.archive.filled for found in outcomes.values() for outcome in found)


def show(name: str, outcome: Outcome) -> None:
    """One line."""
    best = list(outcome.best.values())
    print(
        f"{name:28} {outcome.texts:6,} texts {outcome.passed:6,} failures {outcome.archive.filled:5,} of "
        f"{outcome.archive.grid.cells:,} niches, sum of best {sum(best):7.1f}, mean {np.mean(best):.3f}; "
        f"filled by tenths {outcome.curve}",
        flush=True,
    )


def compare(name: str, ours: list[Outcome], theirs: list[Outcome]) -> None:
    """The ratios, median of the seeds with the least and the most."""
    pairs = list(zip(ours, theirs, strict=True))
    ratios = {
        "niches filled": [a.archive.filled / b.archive.filled for a, b in pairs],
        "sum of the best by niche": [sum(a.best.values()) / sum(b.best.values()) for a, b in pairs],
        "failures": [a.passed / max(1, b.passed) for a, b in pairs],
        "share of niches of both where search has the better": [
            float(np.mean([a.best[niche] > b.best[niche] for niche in a.best.keys() & b.best.keys()])) for a, b in pairs
        ],
    }
    print(f"search against {name}:")
    for what, found in ratios.items():
        print(f"  {what:52} {median(found):.2f} ({min(found):.2f} to {max(found):.2f})")
