"""Makes the pools that acquisition and rates are measured on: real labelled texts, scored by members new to them.

`python tests/benchmarks/pools.py --help`. For each pool the members are trained (`hungjury train`) on one part of a
data set in `../shared/data`, with the deployed member's threshold at 80 % recall on held-out scores of that part, and
score the other part (`hungjury evaluate --scores`), of which no event, document or near-duplicate was trained on:

- crisislex: trained on 1,500 tweets of the first 8 events by name; pool: 5,000 of the other 18.
- geneva: trained on a quarter of the documents; pool: the sentences of all others.
- openai: all texts, as there are few yes among them: each scored by models that were fitted without its fold, as
  training does to calibrate. The threshold is at 80 % recall on these very scores.
- openai-third: trained on a third of the texts; pool: all others. So few rows make a poor classifier.

Training takes minutes a pool, and is done once: the same rows give the same artifact, which is then taken as it is.
"""

import argparse
import gzip
import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ensemble.near_duplicates import SeenTexts
from ensemble.panel import fit_joint
from ensemble.text import Text

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"
MISSES = 0.2
"""Share of the held-out yes texts that the deployed member may pass."""

TRAINED, POOLED, FIRST_EVENTS = 1500, 5000, 8
SHARE_OF_DOCUMENTS, SHARE_OF_TEXTS = 1 / 4, 1 / 3
"""Shares of the rows trained on; `openai` has few yes texts, and training needs 20."""

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Recipe:
    """How a pool is made.

    Attributes:
        data: name of the data set.
        task: name of the task that is trained.
        question: what its label answers.
        split_by: what folds of the training must not tear apart; None = similar texts.
        parts: gives the rows to train on, and those of the pool; without the latter, the train rows are the pool.
    """

    data: str
    task: str
    question: str
    split_by: str | None
    parts: Callable[[Rows], tuple[Rows, Rows | None]]


def events_apart(rows: Rows) -> tuple[Rows, Rows]:
    """The first events by name without near-duplicates, and texts of the others, both drawn by seed."""
    first = set(sorted({row["meta"]["event"] for row in rows})[:FIRST_EVENTS])
    train = distinct(row for row in rows if row["meta"]["event"] in first)
    rest = [row for row in rows if row["meta"]["event"] not in first]
    random.Random(0).shuffle(train)
    random.Random(1).shuffle(rest)
    return train[:TRAINED], [rest[i] for i in np.random.default_rng(0).permutation(len(rest))[:POOLED]]


def documents_apart(rows: Rows) -> tuple[Rows, Rows]:
    """Documents drawn by seed until a quarter of the rows is reached, and the others."""
    documents = sorted({row["meta"]["doc"] for row in rows})
    random.Random(0).shuffle(documents)
    train: Rows = []
    for number, document in enumerate(documents):
        if len(train) >= SHARE_OF_DOCUMENTS * len(rows):
            return train, [row for row in rows if row["meta"]["doc"] in set(documents[number:])]
        train += [row for row in rows if row["meta"]["doc"] == document]
    raise ValueError("one document holds nearly all rows")


def texts_apart(rows: Rows) -> tuple[Rows, Rows]:
    """A third of the texts by seed, and the others; of near-duplicates only the first is in either."""
    rows = distinct(rows)
    random.Random(0).shuffle(rows)
    cut = round(SHARE_OF_TEXTS * len(rows))
    return rows[:cut], rows[cut:]


def all_crossed(rows: Rows) -> tuple[Rows, None]:
    """All texts but near-duplicates."""
    return distinct(rows), None


def distinct(rows: Iterable[dict[str, Any]]) -> Rows:
    """The rows that are new beside those before them."""
    rows = list(rows)
    return [
        row
        for row, same in zip(rows, SeenTexts().filter([Text(row["text"]) for row in rows]), strict=True)
        if same == "new"
    ]


GRAPHIC = "Does it promote or glorify violence, or depict death or serious injury in graphic detail?"

RECIPES = {
    "crisislex": Recipe(
        "crisislex_t26_casualties",
        "crisis",
        "Does the message report people affected: dead, injured, missing, trapped or displaced?",
        "event",
        events_apart,
    ),
    "geneva": Recipe(
        "geneva_harm_events",
        "geneva",
        "Does the sentence mention a killing, bodily harm, death, attack or terrorism?",
        "doc",
        documents_apart,
    ),
    "openai": Recipe("openai_moderation_violence", "openai", GRAPHIC, None, all_crossed),
    "openai-third": Recipe("openai_moderation_violence", "openai", GRAPHIC, None, texts_apart),
}


def make(name: str, recipe: Recipe, folder: Path, environment: dict[str, str]) -> dict[str, Any]:
    """Trains, scores and writes one pool; returns what it is, as it stands in `pools.json`."""
    train, pool = recipe.parts(load(recipe.data))
    work = folder / name
    work.mkdir(parents=True, exist_ok=True)
    write(work / "train.jsonl", train)
    task = work / recipe.task
    if not task.is_dir():
        hungjury(["task", "new", recipe.task, "--question", recipe.question], environment, cwd=work)
    by = ["--split-by", recipe.split_by] if recipe.split_by else []
    options = ["--data", str(work / "train.jsonl"), *by, "--test-share", "0", "--fnr", str(MISSES), "--json"]
    artifact = json.loads(hungjury(["train", "--task", str(task), *options], environment))
    scores = folder / f"{name}.jsonl"
    if pool is None:
        write(scores, crossed(train, Path(artifact["artifact"])))
    else:
        write(work / "pool.jsonl", pool)
        options = ["--data", str(work / "pool.jsonl"), "--scores", str(scores), "--json"]
        hungjury(["evaluate", "--task", str(task), *options], environment)
    return {"trained": len(train), **described(scores, Path(artifact["artifact"]))}


def crossed(rows: Rows, artifact: Path) -> Rows:
    """Train rows with the scores that models fitted without their fold gave them, where all members have one.

    The posterior is crossed as well: that of each fifth of the rows comes from a rule fitted to the others.
    """
    names = json.loads((artifact / "splits.json").read_bytes())["train"]
    held_out = json.loads((artifact / "held_out.json").read_bytes())
    groups = json.loads((artifact / "manifest.json").read_bytes())["groups"]
    members = [name for group in groups for name, *_ in groups[group]]
    table = np.hstack([np.array(held_out[group], dtype=np.float64) for group in groups])
    known = np.flatnonzero(~np.isnan(table).any(axis=1))
    texts = {Text(row["text"]).id: row for row in rows}
    kept, table = [texts[names[i]] for i in known], table[known]
    labels = np.array([row["label"] for row in kept], dtype=np.float64)
    part, posterior = np.random.default_rng(0).permutation(len(kept)) % 5, np.empty(len(kept))
    for number in range(5):
        rest, here = part != number, part == number
        rule = fit_joint(table[rest], labels[rest], members=members, deployed=members[0])
        posterior[here] = rule.posterior(table[here])
    scored = zip(kept, table.tolist(), posterior.tolist(), strict=True)
    return [{**row, "members": dict(zip(members, p, strict=True)), "posterior": joint} for row, p, joint in scored]


def described(scores: Path, artifact: Path) -> dict[str, Any]:
    """What `replay` needs to know of a pool, and how much there is to find in it."""
    panel = json.loads((artifact / "panel.json").read_bytes())
    rows = read(scores)
    deployed, votes = panel["deployed"], panel["votes"]
    passed = [row for row in rows if row["members"][deployed] < votes[deployed]]
    return {
        "file": scores.name,
        "artifact": artifact.name,
        "deployed": deployed,
        "threshold": votes[deployed],
        "votes": votes,
        "rows": len(rows),
        "positives": sum(row["label"] for row in rows),
        "passed": len(passed),
        "failures": sum(row["label"] for row in passed),
    }


def load(data: str) -> Rows:
    """The labelled rows of a data set."""
    with gzip.open(DATA / f"{data}.jsonl.gz", "rt", encoding="utf-8") as stream:
        return [row for row in map(json.loads, stream) if row["label"] in (0, 1)]


def read(path: Path) -> Rows:
    """Rows of a JSONL file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def write(path: Path, rows: Rows) -> None:
    """Rows as JSONL."""
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")


def hungjury(arguments: list[str], environment: dict[str, str], cwd: Path = ROOT) -> str:
    """Runs the program; what it tells meanwhile goes to standard error, what it returns is its standard output."""
    command = [sys.executable, "-m", "service.cli.main", *arguments]
    done = subprocess.run(command, cwd=cwd, env=environment, check=False, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"`hungjury {' '.join(arguments)}` failed, see above")
    return done.stdout


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="POOL", help=f"which: {', '.join(RECIPES)} [default: all]")
    parser.add_argument("--out", type=Path, required=True, help="folder that the pools are written to")
    parser.add_argument("--home", type=Path, help="state folder for the trained members [default: HUNGJURY_HOME]")
    found = parser.parse_args()
    if unknown := set(found.names) - set(RECIPES):
        parser.error(f"no pool {', '.join(sorted(unknown))}; there are {', '.join(RECIPES)}")
    if found.home is None and "HUNGJURY_HOME" not in os.environ:
        parser.error("say --home or set HUNGJURY_HOME: training writes there")
    if not DATA.is_dir():
        parser.error(f"{DATA} is missing: the pools are made from the data there")
    return found


def main() -> None:
    """Makes the pools named and says what they hold."""
    given = arguments()
    home = given.home.absolute() if given.home else Path(os.environ["HUNGJURY_HOME"])
    path = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "HUNGJURY_HOME": str(home), "PYTHONPATH": os.pathsep.join(path)}
    given.out.mkdir(parents=True, exist_ok=True)
    listing = given.out.absolute() / "pools.json"
    for name in given.names or RECIPES:
        made = make(name, RECIPES[name], given.out.absolute(), environment)
        known = json.loads(listing.read_text()) if listing.is_file() else {}
        listing.write_text(json.dumps({**known, name: made}, indent=1))
        print(f"{name}: {made['rows']:,} rows, {made['passed']:,} passed at {made['threshold']:.4g}, "
              f"{made['failures']:,} failures among them")  # fmt: skip


if __name__ == "__main__":
    main()
