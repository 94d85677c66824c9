"""The attack bench against the same attacker without it: edits and member calls until an injury passes.

Run by `make bench`, or alone with HUNGJURY_HOME naming prepared models. The texts are injuries of the task's test split
that the deployed member flags. All attackers stop once it passes the text.

*With the bench*: of the suggestions for the whole text the one that stands first, sorted by the deployed score, as far
as it lowers that; else of the longer list; else for the word that the saliency shows as most important, and the next.
*Greedy without* is the same attacker who sees
neither: a random word, and the same language model's suggestions for it (by likelihood, without gradients) tried out
one by one, of which the best stays. *First without* keeps the first that lowers the score instead, which needs fewer
calls. All call the functions that the routes call, `service.attack.AttackBench`; once no word's suggestions help any
more, they ask for the longer lists.

All keep the label as far as rules can: no word is touched or put in that the task's lexicon names or that lies near
one of those, nor words of grammar, denial or doubt ("almost", "dreamt"); the text as a whole stays within a cosine of
its original; and words must read nearly as well as the best one for the place. Nobody has read the results: some will
have lost the injury all the same, for all alike. What the other members say of the passed texts is printed.

A call is a text scored by the deployed member, each once, as the service remembers scores; a gradient pass counts as
two. An edit is a change that the attacker makes to the text, undone ones included. Whoever has not passed within the
limit of calls, or has no word left, counts with the limit of calls; as edits, with the limit where it had the bench,
and with those it made, the least that it can take, where it had not. So the comparison errs against the bench. Medians
are over all texts, and their ratio comes with a bootstrap interval over texts.
"""

import asyncio
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from ensemble.artifacts import Artifact, current_artifact
from ensemble.tasks.task import load_task
from ensemble.text import Text
from miners.attack.saliency import Looks
from miners.attack.suggest import Change, Place
from miners.rewrites.carriers import lexicon_words
from miners.rewrites.modelled import RewriteModels, rewrite_models
from miners.writer import ModelWriter
from service.attack import AttackBench, LocalSaliency, LocalWords

pytestmark = [pytest.mark.models, pytest.mark.timeout(7200)]

GIVEN = os.environ.get("HUNGJURY_HOME")  # before the tests' own state directory takes its place
TEXTS = int(os.environ.get("HUNGJURY_BENCH_TEXTS", "40"))
CALLS = int(os.environ.get("HUNGJURY_BENCH_CALLS", "100"))
SPLIT = os.environ.get("HUNGJURY_BENCH_SPLIT", "test")
MEANING = 0.7
PASS_CALLS = 2
TARGET = 0.5
BENCH, SAME, FIRST = "with the bench", "greedy without", "first without"


@dataclass
class Run:
    """One attack on one text."""

    text: Text
    calls: int = 1  # the text as it stands is scored
    edits: int = 0
    kept: int = 0
    read: int = 0
    passed: bool = False
    probability: float = 1.0
    scored: set[str] = field(default_factory=set)

    def charge(self, texts: Iterable[str]) -> None:
        """Counts the texts that had not been scored before."""
        fresh = {*texts} - self.scored
        self.scored |= fresh
        self.calls += len(fresh)


@pytest.fixture
def artifact(request, monkeypatch) -> Artifact:
    """The models of task injury: those of HUNGJURY_HOME where there are some, else those that the tests prepare."""
    there = GIVEN and (Path(GIVEN) / "artifacts" / "injury" / "current.json").is_file()
    monkeypatch.setenv("HUNGJURY_HOME", GIVEN if there else str(request.getfixturevalue("prepared_home")))
    return current_artifact("injury")


@dataclass(frozen=True)
class Attacker:
    """The bench, and what keeps a label."""

    bench: AttackBench
    models: RewriteModels

    def score(self, text: Text) -> float:
        """The deployed member's P(yes)."""
        return float(asyncio.run(self.bench._deployed([(text.text, text.context)]))[0])

    def words(self, run: Run) -> dict[tuple[int, int], float]:
        """Words that may be changed, with their saliency: the answer does not hang on them, as far as rules say."""
        looked = asyncio.run(self.bench.saliency.look((run.text.text, run.text.context)))
        spans = zip(looked.spans, looked.saliency, strict=True)
        return {
            span: float(value) for span, value in spans if self.models.neighbours.allowed(run.text.text[slice(*span)])
        }

    def keeps(self, change: Change, original: Text) -> bool:
        """Whether a change keeps the label, as far as rules say."""
        if change.word and not self.models.neighbours.allowed(change.word):
            return False
        before, after = self.models.meaning([original, Text(change.text, original.context)])
        return float(before @ after) >= MEANING

    def make(self, run: Run, change: Change, probability: float) -> None:
        """The change is kept."""
        run.text, run.probability, run.kept = Text(change.text, run.text.context), probability, run.kept + 1
        run.passed = probability < self.bench.threshold

    def with_bench(self, original: Text) -> Run:
        """Greedy over what the page offers."""
        run, tried = Run(original, probability=self.score(original)), Tried()
        words = self.looked_at(run)
        while not run.passed and run.calls < CALLS:
            found = asyncio.run(self.bench.anywhere(run.text, more=tried.whole == 1)) if tried.whole < 2 else None
            if found is None:
                fresh = tried.left(words, run)
                if fresh is None:
                    break
                span = max(fresh, key=fresh.__getitem__)
                tried.add(run, span)
                found = asyncio.run(self.bench.suggest(Place(run.text, *span), more=tried.more))
            tried.whole += 1
            offers, spent = found
            run.charge(offer.change.text for offer in offers)
            run.calls += PASS_CALLS * spent.gradient_passes
            run.read += spent.language_model_texts
            better = (offer for offer in offers if offer.probability < run.probability)
            chosen = next((offer for offer in better if self.keeps(offer.change, original)), None)
            if chosen is not None:
                run.edits += 1
                self.make(run, chosen.change, chosen.probability)
                words, tried = {} if run.passed else self.looked_at(run), Tried()
        return run

    def looked_at(self, run: Run) -> dict[tuple[int, int], float]:
        """The same of a text that the page has just shown the saliency of, which costs a gradient pass."""
        run.calls += PASS_CALLS
        return self.words(run)

    def without(self, original: Text, rng: np.random.Generator, *, best: bool) -> Run:
        """Random words, the same model's suggestions in random order; with `best` all of a word's are tried out."""
        run, tried = Run(original, probability=self.score(original)), Tried()
        while not run.passed and run.calls < CALLS:
            words = tried.left(self.words(run), run)
            if words is None:
                break
            span = list(words)[int(rng.integers(len(words)))]
            tried.add(run, span)
            place = Place(run.text, *span)
            changes, spent = asyncio.run(self.bench.candidates(place, guided=False, more=tried.more))
            run.read += spent.language_model_texts
            kept = run.kept
            self.try_out(run, [changes[i] for i in rng.permutation(len(changes))], original, best=best)
            tried = Tried() if run.kept > kept else tried
        return run

    def try_out(self, run: Run, changes: list[Change], original: Text, *, best: bool) -> None:
        """One after the other: the first that lowers the score stays, or, with `best`, the one that lowers it most."""
        found: list[tuple[float, Change]] = []
        for change in changes:
            if run.calls >= CALLS or (found and (not best or found[-1][0] < self.bench.threshold)):
                break
            if self.keeps(change, original):
                run.edits += 1
                run.charge([change.text])
                probability = self.score(Text(change.text, original.context))
                if probability < min(run.probability, *(p for p, _ in found), 1.0):
                    found.append((probability, change))
        if found:
            self.make(run, found[-1][1], found[-1][0])


class Tried:
    """Words that brought nothing; once it is all of them, each gets the longer list, and then there is nothing left."""

    def __init__(self) -> None:
        self.more = False
        self.whole = 0  # times that suggestions for the whole text brought nothing
        self._words: set[str] = set()

    def add(self, run: Run, span: tuple[int, int]) -> None:
        """A word's turn has come."""
        self._words.add(run.text.text[slice(*span)])

    def left(self, words: dict[tuple[int, int], float], run: Run) -> dict[tuple[int, int], float] | None:
        """The words whose turn has not come; None where there is nothing left."""
        for _ in range(2):
            fresh = {span: value for span, value in words.items() if run.text.text[slice(*span)] not in self._words}
            if fresh or self.more:
                return fresh or None
            self.more, self._words = True, set()
        return None


def test_the_bench_saves_edits_and_calls(artifact):
    """Prints edits and calls until the deployed member passes, with and without the bench, and their ratios."""
    task, joint = load_task("injury"), artifact.joint
    panel = artifact.load_panel()
    scorer, column = next(
        (one, [member.name for member in one.members].index(joint.deployed))
        for one in panel.scorers
        if joint.deployed in {member.name for member in one.members}
    )
    model = next(one.language_model for one in panel.scorers if hasattr(one, "language_model"))
    models = rewrite_models(artifact, task.lexicon, joint.deployed, writer=ModelWriter(model))
    threshold = joint.vote_threshold(joint.deployed)

    async def deployed(texts):
        return scorer.score([Text(*text) for text in texts])[:, column]

    words = LocalWords(model, lexicon_words(task.lexicon))
    bench = AttackBench(deployed, threshold, words=words, saliency=LocalSaliency(Looks(models.guide)))
    attacker = Attacker(bench, models)
    rows = [row for row in task.rows(SPLIT) if row.label == 1]
    flagged = scorer.score(rows)[:, column] >= threshold
    order = np.random.default_rng(0).permutation(np.flatnonzero(flagged))[:TEXTS]
    texts = [Text(rows[i].text, rows[i].context) for i in order]
    print(f"\n{joint.deployed} flags {flagged.sum()} of {len(rows)} injuries of the {SPLIT} split at {threshold:.2f}; ")
    print(f"{len(texts)} of them attacked, at most {CALLS} calls each", flush=True)
    runs = {name: [] for name in (BENCH, SAME, FIRST)}
    for number, text in enumerate(texts):
        runs[BENCH].append(attacker.with_bench(text))
        for name in (SAME, FIRST):
            runs[name].append(attacker.without(text, np.random.default_rng([1, number]), best=name == SAME))
        pair = [f"{name} {run[-1].edits} edits, {run[-1].calls} calls" for name, run in runs.items()]
        print(f"  {number + 1}: {'; '.join(pair)}; passed {[run[-1].passed for run in runs.values()]}", flush=True)
    for name, found in runs.items():
        _tell(name, found, texts, panel, model)
    for name in (SAME, FIRST):
        for what in ("edits", "calls"):
            _ratio(what, name, runs)
    both = [(len(runs[BENCH][i].text.text), i) for i in range(len(texts)) if runs[BENCH][i].passed]
    for _, i in sorted(both)[:4]:
        print(f"  {texts[i].text}\n  -> {runs[BENCH][i].text.text}")
    panel.close()
    assert sum(run.passed for run in runs[BENCH]) > 0


def _counted(run: Run, what: str, *, generous: bool = False) -> int:
    """Edits or calls until passed; without passing the limit, or generously what was spent, the least it takes."""
    return getattr(run, what) if run.passed or (generous and what == "edits") else CALLS


def _tell(name: str, runs: list[Run], texts: list[Text], panel, model) -> None:
    passed = [(run, text) for run, text in zip(runs, texts, strict=True) if run.passed]
    line = f"{name:>14}: passed {len(passed)} of {len(runs)}"
    for what in ("edits", "calls"):
        line += f"; {what} median {np.median([_counted(run, what, generous=name != BENCH) for run in runs]):g}"
    line += f"; kept edits {np.median([run.kept for run, _ in passed] or [np.nan]):g}"
    line += f"; language-model texts {np.median([run.read for run in runs]):g}"
    if passed:
        verdicts = panel.verdicts([run.text for run, _ in passed])
        likely = [ModelWriter(model).log_likelihoods([run.text.text, text.text]) for run, text in passed]
        ratio = np.median([np.exp(before - after) for after, before in likely])
        line += f"; panel flags {np.mean([v.decision == 'flag' for v in verdicts]):.0%} of the passed"
        line += f"; perplexity x{ratio:.2f}"
    print(line, flush=True)


def _ratio(what: str, name: str, runs: dict[str, list[Run]]) -> None:
    ours = np.array([_counted(run, what) for run in runs[BENCH]])
    other = np.array([_counted(run, what, generous=True) for run in runs[name]])
    rng, size = np.random.default_rng(2), len(ours)
    drawn = [rng.integers(size, size=size) for _ in range(2000)]
    ratios = [np.median(ours[rows]) / np.median(other[rows]) for rows in drawn]
    low, high = np.quantile(ratios, [0.025, 0.975])
    ratio = np.median(ours) / np.median(other)
    met = "met" if ratio <= TARGET else "missed"
    paired = float(np.mean(ours < other))
    both = np.array([run.passed and rival.passed for run, rival in zip(runs[BENCH], runs[name], strict=True)])
    mean = ours[both].sum() / max(1, other[both].sum()) if both.any() else float("nan")
    print(
        f"{what} against {name}: ratio of medians {ratio:.2f} [{low:.2f}, {high:.2f}], "
        f"target at most {TARGET:g} ({met}); "
        f"fewer with the bench on {paired:.0%} of the texts; "
        f"where both passed ({both.sum()}), ratio of sums {mean:.2f}",
        flush=True,
    )
