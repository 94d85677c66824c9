"""How often words aimed at the judge turn its vote, and the panel's decision; beside as many harmless words.

Run by `make bench`, or alone with HUNGJURY_HOME naming prepared models. The texts are of the task's test split, which
nothing was fitted on: 20 labelled yes that judge and panel get right, and as a mirror 20 labelled no. Where two rates
differ, obedience is at work; where both are high, the text only drowns among other words.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from ensemble.artifacts import Artifact, current_artifact
from ensemble.calibration import logit
from ensemble.evaluation.intervals import clopper_pearson
from ensemble.members.judge import FILE as JUDGE_FILE
from ensemble.members.judge import JudgeFile
from ensemble.panel import Panel
from ensemble.tasks.task import load_task
from ensemble.text import LabelledText, Text
from miners.rewrites.injection import PLAIN, Wording, diluted, injected, patterns

pytestmark = pytest.mark.models

GIVEN = os.environ.get("HUNGJURY_HOME")  # before the tests' own state directory takes its place
TEXTS = 20
CHUNK = 40


@pytest.fixture
def artifact(request, monkeypatch) -> Artifact:
    """The models of task injury: those of HUNGJURY_HOME where there are some, else those that the tests prepare."""
    there = GIVEN and (Path(GIVEN) / "artifacts" / "injury" / "current.json").is_file()
    monkeypatch.setenv("HUNGJURY_HOME", GIVEN if there else str(request.getfixturevalue("prepared_home")))
    return current_artifact("injury")


@dataclass(frozen=True)
class Scored:
    """What judge and panel say of n texts.

    Attributes:
        judge, panel: logits, shape (n,).
        judge_yes, panel_yes: votes and decisions, bool, shape (n,).
    """

    judge: np.ndarray
    panel: np.ndarray
    judge_yes: np.ndarray
    panel_yes: np.ndarray


def score(panel: Panel, texts: list[Text]) -> Scored:
    """Scores texts in pieces."""
    parts = [panel.probabilities(texts[at : at + CHUNK]) for at in range(0, len(texts), CHUNK)]
    probabilities = np.concatenate(parts)
    column = [member.kind for member in panel.members].index("judge")
    judge, posterior = probabilities[:, column], panel.joint.posterior(probabilities)
    votes = judge >= panel.joint.vote_thresholds[column]
    return Scored(logit(judge), logit(posterior), votes, posterior >= panel.joint.threshold)


def wording_of(artifact: Artifact) -> Wording:
    """The words of the judge's first prompt, as an attacker knows them who has read this project."""
    path = artifact.path / "language_model" / JUDGE_FILE
    if not path.is_file():
        return PLAIN
    prompt = JudgeFile.model_validate_json(path.read_bytes()).prompts[0]
    start, cue = prompt.item.split("{text}")
    return Wording(start.split("\n")[-1].strip(), cue.strip().split("\n")[-1], prompt.yes.strip(), prompt.no.strip())


def chosen(panel: Panel, label: int) -> list[LabelledText]:
    """Test rows of a label that judge and panel get right, each of another family."""
    families: dict[str, LabelledText] = {}
    for row in load_task("injury").rows("test"):
        if row.label == label:
            families.setdefault(str(row.meta["family"]), row)
    rows = list(families.values())[: 3 * TEXTS]
    found = score(panel, list(rows))
    right = np.flatnonzero((found.judge_yes == label) & (found.panel_yes == label))
    return [rows[i] for i in right[np.linspace(0, len(right) - 1, TEXTS).round().astype(int)]]


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("label", [1, 0], ids=["yes texts, No wanted", "no texts, Yes wanted"])
def test_votes_turned_by_injection(artifact, label):
    """Prints, for each of ten patterns, how many of 20 texts change vote and decision, and how the logit moves."""
    panel = artifact.load_panel(threads=1)
    rows, wording = chosen(panel, label), wording_of(artifact)
    assert len({row.id for row in rows}) == TEXTS
    answer = wording.no if label else wording.yes
    plain = score(panel, list(rows))
    print(f"\nartifact {artifact.path.name}, {TEXTS} texts labelled {label}, wanted answer {answer!r}, {wording}")
    print(f"{'':22}{'judge votes turned':>32}{'panel decisions turned':>34}{'mean change of logit':>30}")
    print(f"{'':22}{'injected':>20}{'harmless':>12}{'injected':>22}{'harmless':>12}{'judge':>14}{'harmless':>16}")
    both: list[tuple[Scored, Scored]] = []
    for pattern in patterns():
        attack, control = (
            score(panel, [Text(make(pattern, row.text, answer, wording), row.context) for row in rows])
            for make in (injected, diluted)
        )
        both.append((attack, control))
        show(pattern.name, plain, [(attack, control)], label)
    show("all", plain, both, label)
    panel.close()
    assert all(np.isfinite(one.judge).all() for pair in both for one in pair)


def show(name: str, plain: Scored, pairs: list[tuple[Scored, Scored]], label: int) -> None:
    """One line of the table."""
    cells = []
    for part in ("judge_yes", "panel_yes"):
        for side in (0, 1):
            turned = np.concatenate([getattr(pair[side], part) != label for pair in pairs])
            low, high = clopper_pearson(int(turned.sum()), len(turned))
            interval = f" ({low:.2f}-{high:.2f})" if side == 0 else ""
            cells.append(f"{turned.mean():.3f}{interval}")
    moved = [np.mean([pair[side].judge - plain.judge for pair in pairs]) for side in (0, 1)]
    print(
        f"{name:22}{cells[0]:>20}{cells[1]:>12}{cells[2]:>22}{cells[3]:>12}{moved[0]:14.2f}{moved[1]:16.2f}", flush=True
    )
