"""Labels out of answers: errors against majority vote and crowd-kit, votes needed, and what an answer costs.

Run by `make bench`; `make peers` first, or crowd-kit is left out. On `hatecheck` answers arrive one by one, and ours
says after each whether another is wanted; a miss costs 1,000 times as much as a false alarm there, since that is what
the figure is for. The others label from the same answers, from as many answers a text drawn evenly, and from all five.
On the SP set everybody has all answers, and both errors cost the same.

`HUNGJURY_LABEL_SEEDS` says how many orders of answers (10), `HUNGJURY_LABEL_PEER_SEEDS` how many of them the others
label as well (3: one of the methods takes minutes for each), `HUNGJURY_LABEL_VOTES` how many simulated answers the time
per answer is measured with (1,000,000), `HUNGJURY_PEER_PYTHON` names an interpreter that has crowd-kit.
"""

import gzip
import json
import os
import subprocess
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from ensemble.evaluation.intervals import clopper_pearson
from ensemble.labels.batch import fit
from ensemble.labels.incremental import AnswerModel
from ensemble.labels.settings import LabelSettings
from ensemble.labels.stopping import wants_more

SEEDS = int(os.environ.get("HUNGJURY_LABEL_SEEDS", "10"))
VOTES = int(os.environ.get("HUNGJURY_LABEL_VOTES", "1000000"))
PEER_SEEDS = min(SEEDS, int(os.environ.get("HUNGJURY_LABEL_PEER_SEEDS", "3")))
MISS_COST = 1000.0
WORDS = ("no", "yes", "unsure")

Answers = list[tuple[str, str, int]]
"""Text, rater, answer (0 or 1)."""


def rated(root: Path, name: str, only: str | None = None) -> tuple[dict[str, int], dict[str, dict[str, int]]]:
    """Truth and ratings by text."""
    path = root.parent / "shared" / "data" / f"{name}.jsonl.gz"
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = [row for row in map(json.loads, lines) if only in (None, row["meta"].get("set"))]
    return {row["id"]: int(row["label"]) for row in rows}, {row["id"]: row["meta"]["ratings"] for row in rows}


def peers(root: Path, sets: dict[str, Answers]) -> dict[str, dict[str, dict[str, int]]]:
    """Labels by crowd-kit's methods, by set; empty where it is not installed."""
    python = Path(os.environ.get("HUNGJURY_PEER_PYTHON", root / "build" / "peers" / "bin" / "python"))
    if not python.is_file():
        print(f"\ncrowd-kit is left out: there is no {python}; run `make peers`")
        return {}
    script = root / "tests" / "benchmarks" / "peers" / "crowdkit_peer.py"
    done = subprocess.run([python, script], check=False, capture_output=True, text=True, input=json.dumps(sets))
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def asked_one_by_one(
    ratings: dict[str, dict[str, int]], settings: LabelSettings, seed: int
) -> tuple[AnswerModel, Answers]:
    """Answers in random order; a text is answered again while another answer is wanted and there is one."""
    rng = np.random.default_rng(seed)
    left = {text: list(rng.permutation(list(by))) for text, by in ratings.items()}
    model, waiting, given = AnswerModel(settings), deque(rng.permutation(list(ratings)).tolist()), []
    while waiting:
        text = waiting.popleft()
        rater = left[text].pop()
        given.append((text, str(rater), ratings[text][rater]))
        belief = model.answer(text, str(rater), WORDS[ratings[text][rater]])
        if left[text] and wants_more(belief, settings):
            waiting.append(text)
    return model, given


def drawn_evenly(ratings: dict[str, dict[str, int]], count: int, seed: int) -> Answers:
    """As many answers in all, spread over the texts as evenly as they go."""
    rng = np.random.default_rng([seed, 1])
    orders = {text: rng.permutation(list(by)) for text, by in ratings.items()}
    turns = [(text, str(order[turn])) for turn in range(5) for text, order in shuffled(orders, rng)]
    return [(text, rater, ratings[text][rater]) for text, rater in turns[:count]]


def shuffled(orders: dict[str, np.ndarray], rng: np.random.Generator) -> list[tuple[str, np.ndarray]]:
    """The texts in another order."""
    texts = list(orders)
    return [(texts[place], orders[texts[place]]) for place in rng.permutation(len(texts))]


def errors(labels: dict[str, int], truth: dict[str, int]) -> np.ndarray:
    """Misses, yes texts, false alarms, no texts."""
    yes, no = [text for text in truth if truth[text]], [text for text in truth if not truth[text]]
    return np.array([sum(labels[text] == 0 for text in yes), len(yes), sum(labels[text] == 1 for text in no), len(no)])


def numbers(model: AnswerModel, texts: Sequence[str]) -> dict[str, int]:
    """Labels of the model as 0 and 1."""
    return {text: int(model.belief(text).label(model.settings) == "yes") for text in texts}


@pytest.mark.timeout(2 * 3600)
def test_votes_and_errors_on_hatecheck(root):
    """Prints label FNR and FPR of each way and the votes that it took; target: FNR at most 0.02 % at 2.2 votes."""
    truth, ratings = rated(root, "hatecheck")
    settings = LabelSettings(miss_cost=MISS_COST)
    sets: dict[str, Answers] = {}
    totals: dict[tuple[str, str], np.ndarray] = {}
    votes: dict[str, list[float]] = {}
    for seed in range(SEEDS):
        model, given = asked_one_by_one(ratings, settings, seed)
        totals["as ours asked", "ours"] = totals.get(("as ours asked", "ours"), 0) + errors(
            numbers(model, truth), truth
        )
        if seed < PEER_SEEDS:
            sets[f"as ours asked/{seed}"] = given
            sets[f"as many, drawn evenly/{seed}"] = drawn_evenly(ratings, len(given), seed)
        votes.setdefault("as ours asked", []).append(len(given) / len(truth))
        votes.setdefault("as many, drawn evenly", []).append(len(given) / len(truth))
    sets["all five/0"] = [(text, rater, said) for text, by in ratings.items() for rater, said in by.items()]
    votes["all five"] = [5.0]
    for name, found in peers(root, sets).items():
        for method, labels in found.items():
            key = (name.partition("/")[0], method)
            totals[key] = totals.get(key, 0) + errors(labels, truth)
    print(f"\nhatecheck, {len(truth):,} texts, {SEEDS} orders of answers, a miss costs {MISS_COST:,.0f} false alarms")
    for (answers, method), (missed, yes, flagged, no) in totals.items():
        low, high = clopper_pearson(missed, yes)
        print(
            f"  {answers:24}{method:14}{np.mean(votes[answers]):5.2f} votes a label   FNR {missed / yes:8.4%} "
            f"({missed} of {yes:,}; {low:.3%}-{high:.3%})   FPR {flagged / no:7.3%}"
        )


@pytest.mark.timeout(2 * 3600)
def test_errors_on_sp(root):
    """Prints the share of wrong labels of each way with all answers, and whether one by one ends as all at once."""
    truth, ratings = rated(root, "crowd_sp_cf_ratings_only", only="SP")
    answers = [(text, rater, said) for text, by in ratings.items() for rater, said in by.items()]
    settings = LabelSettings(miss_cost=1.0)
    rng = np.random.default_rng(0)
    model = AnswerModel(settings)
    for place in rng.permutation(len(answers)):
        text, rater, said = answers[place]
        model.answer(text, rater, WORDS[said])
    found = {"ours, one by one": numbers(model, truth), "ours, all at once": at_once(answers, settings)}
    found |= peers(root, {"SP": answers}).get("SP", {})
    print(f"\nSP: {len(truth):,} texts, {len(answers):,} answers of {len(model.raters()):,} raters")
    for name, labels in found.items():
        missed, yes, flagged, no = errors(labels, truth)
        wrong = (missed + flagged) / len(truth)
        print(f"  {name:20} wrong {wrong:7.3%}   FNR {missed / yes:7.3%}   FPR {flagged / no:7.3%}")
    one, other = found["ours, one by one"], found["ours, all at once"]
    print(f"  the same label one by one and all at once: {np.mean([one[text] == other[text] for text in truth]):.3%}")


def at_once(answers: Answers, settings: LabelSettings) -> dict[str, int]:
    """Labels of the batch model."""
    texts, raters = ({name: n for n, name in enumerate(dict.fromkeys(a[part] for a in answers))} for part in (0, 1))
    found = fit(
        [texts[text] for text, _, _ in answers],
        [raters[rater] for _, rater, _ in answers],
        [said for _, _, said in answers],
        settings=settings,
    )
    return dict(zip(texts, (found.p_yes() >= settings.threshold).astype(int).tolist(), strict=True))


@pytest.mark.timeout(4 * 3600)
def test_time_of_an_answer():
    """Prints milliseconds an answer at the end of a million, and how many labels are those of all answers at once."""
    rng = np.random.default_rng(0)
    texts, raters = VOTES // 3, 200
    truth = rng.random(texts) < 0.3
    sensitivity, specificity = rng.uniform(0.8, 0.99, raters), rng.uniform(0.8, 0.99, raters)
    item, who = np.arange(VOTES) % texts, rng.integers(raters, size=VOTES)
    _, first = np.unique(item * raters + who, return_index=True)  # nobody answers twice
    item, who = item[np.sort(first)], who[np.sort(first)]
    right = rng.random(len(item)) < np.where(truth[item], sensitivity[who], specificity[who])
    said = np.where(right, truth[item], ~truth[item]).astype(np.intp)
    model, settings = AnswerModel(), LabelSettings()
    last = len(item) - min(10_000, len(item) // 10)
    for place in range(len(item)):
        if place == last:
            began = time.perf_counter()
        model.answer(str(item[place]), str(who[place]), WORDS[said[place]])
    spent = (time.perf_counter() - began) / (len(item) - last)
    batch = fit(item, who, said, settings=settings)
    ours = np.array([model.belief(str(text)).p_yes for text in range(texts)]) >= settings.threshold
    same = np.mean(ours == (batch.p_yes() >= settings.threshold))
    print(
        f"\n{len(item):,} answers to {texts:,} texts by {raters} raters: {spent * 1e3:.3f} ms for each of the last "
        f"{len(item) - last:,} (target 1 ms); the same label as all at once for {same:.3%} (target 99.9 %)"
    )
