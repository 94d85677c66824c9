"""The cascade on labelled texts that no member saw: calls avoided, beside the deployed member's failures lost.

Run by `make bench`. All members score every text once; the rest is arithmetic on these numbers, tolerance by tolerance.

Environment:
    HUNGJURY_BENCH_HOME: state directory with the artifact (default: where the program keeps its state).
    HUNGJURY_BENCH_TASK: the task; without it the benchmark is skipped.
    HUNGJURY_BENCH_FILE: labelled rows; rows that carry `members` (name: P(yes)) are not scored again.
    HUNGJURY_BENCH_UNSEEN: a field such as meta.event; rows that share its value with a row trained on are left out.
    HUNGJURY_BENCH_ROWS: how many rows, drawn at random (default 5000).
    HUNGJURY_BENCH_SCORES: a file in which the scores are kept from one run to the next.
"""

import json
import os
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from ensemble.artifacts import Artifact, current_artifact
from ensemble.evaluation.fields import look_up
from ensemble.panel import order_members
from ensemble.row_checks import Row
from ensemble.rows import RowReader
from ensemble.scorer import Member
from ensemble.verdict import Verdict
from miners.ranking import rank
from service.cascading import Gate, Plan
from service.config import CascadeConfig

pytestmark = pytest.mark.models

CHUNK = 64
TOP = 0.1
"""Share of the texts whose failures are counted: the 500 of highest priority out of 5,000."""

DEFAULT = CascadeConfig()
TOLERANCES = (0.0, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3)
DRAWS = 20
"""Turns of the opponent that skips as many texts at random."""


@dataclass(frozen=True)
class Pool:
    """Texts with the verdicts of all members.

    Attributes:
        table: P(yes), shape (n, members).
        failures: whether the deployed member passes a text whose label is yes, shape (n,).
        verdicts: with all members asked.
    """

    artifact: Artifact
    identities: list[str]
    table: np.ndarray
    failures: np.ndarray
    verdicts: list[Verdict]


@dataclass(frozen=True)
class Outcome:
    """What a cascade did to a pool.

    Attributes:
        avoided: share of the texts not given to the expensive members.
        lost, gained: failures that left the top by miss score, and that came into it instead.
        lost_by_value: the same by the miners' priority, which adds how much the members differ.
        decisions: share of other decisions.
        moved: mean distance of the posteriors.
        estimate: share of other decisions among texts that may be skipped, told from audited ones alone; nan without.
        truth: that share, from all of them.
    """

    avoided: float
    lost: int
    gained: int
    lost_by_value: int
    decisions: float
    moved: float
    estimate: float
    truth: float


@pytest.fixture
def pool(monkeypatch) -> Pool:
    """The pool that the environment names, scored."""
    task, file = os.environ.get("HUNGJURY_BENCH_TASK"), os.environ.get("HUNGJURY_BENCH_FILE")
    if not task or not file:
        pytest.skip("set HUNGJURY_BENCH_HOME, HUNGJURY_BENCH_TASK and HUNGJURY_BENCH_FILE; see the head of this file")
    monkeypatch.delenv("HUNGJURY_HOME")
    if home := os.environ.get("HUNGJURY_BENCH_HOME"):
        monkeypatch.setenv("HUNGJURY_HOME", home)
    artifact = current_artifact(task)
    rows = unseen(file, artifact)
    table, joint = scored(rows, artifact), artifact.joint
    identities = [row.as_text().id for row in rows]
    passed = table[:, joint.members.index(joint.deployed)] < joint.vote_threshold(joint.deployed)
    failures = passed & np.array([row.label == 1 for row in rows])
    return Pool(artifact, identities, table, failures, joint.join(identities, table, columns(artifact)))


def unseen(file: str, artifact: Artifact) -> list[Row]:
    """Labelled rows, at random, without those that the artifact was trained on and, by field, their like."""
    with closing(iter(RowReader([file]))) as found:
        rows = [row for row in found if row.label is not None]
    path, field = artifact.path / "splits.json", os.environ.get("HUNGJURY_BENCH_UNSEEN")
    known = {name for names in json.loads(path.read_text()).values() for name in names} if path.is_file() else set()
    trained = [row for row in rows if row.as_text().id in known]
    values = {str(look_up(row.meta, field)) for row in trained} if field else set()
    fresh = [
        r for r in rows if r.as_text().id not in known and (not field or str(look_up(r.meta, field)) not in values)
    ]
    order = np.random.default_rng(0).permutation(len(fresh))[: int(os.environ.get("HUNGJURY_BENCH_ROWS", "5000"))]
    print(f"\n{len(order):,} of {len(fresh):,} labelled rows that no member was fitted on")
    return [fresh[i] for i in order]


def scored(rows: list[Row], artifact: Artifact) -> np.ndarray:
    """P(yes), shape (rows, members): from the rows, from the file that keeps them, or from the members themselves."""
    names = artifact.joint.members
    if all(set(names) <= set(row.members) for row in rows):
        return np.array([[row.members[name] for name in names] for row in rows])
    texts, kept = [row.as_text() for row in rows], os.environ.get("HUNGJURY_BENCH_SCORES")
    key = f"{artifact.path.name} {' '.join(text.id for text in texts)}"
    if kept and Path(kept).is_file():
        with np.load(kept) as found:
            if str(found["key"]) == key:
                return np.asarray(found["table"])
    panel = artifact.load_panel(threads=os.cpu_count() or 1)
    parts = []
    for start in range(0, len(texts), CHUNK):
        parts.append(panel.probabilities(texts[start : start + CHUNK]))
        print(f"  scored {start + len(parts[-1]):,} of {len(texts):,}", flush=True)
    panel.close()
    table = np.concatenate(parts)
    if kept:
        np.savez(kept, key=key, table=table)
    return table


def columns(artifact: Artifact) -> tuple[Member, ...]:
    """Who stands behind the columns."""
    return order_members([one for group in artifact.groups for one in artifact.members(group)], artifact.joint)


def gate_for(pool: Pool, **settings: float) -> Gate:
    """The cascade as the service has it, with some settings of its own."""
    config = DEFAULT.model_copy(update={"enabled": True, **settings})
    return Gate(config, pool.artifact.joint, {name: pool.artifact.members(name) for name in pool.artifact.groups})


def top_of(values: np.ndarray) -> np.ndarray:
    """Whether a text is in the top, shape (n,)."""
    chosen = np.zeros(len(values), dtype=bool)
    chosen[np.argsort(-values, kind="stable")[: round(TOP * len(values))]] = True
    return chosen


def priorities(verdicts: list[Verdict], deployed: str) -> tuple[np.ndarray, np.ndarray]:
    """Miss scores, and the miners' priorities, each of shape (n,)."""
    values = np.array([rank(verdict, deployed).value for verdict in verdicts])
    return np.array([verdict.miss_score for verdict in verdicts]), values


def outcome(pool: Pool, gate: Gate, plan: Plan) -> Outcome:
    """What a plan does to the pool, against all members asked."""
    joint, asked = pool.artifact.joint, gate.asked(plan)
    table = np.where(asked.skipped, np.nan, pool.table)
    verdicts = joint.join(pool.identities, table, columns(pool.artifact), asked)
    before, after = (priorities(found, joint.deployed) for found in (pool.verdicts, verdicts))
    tops = [(top_of(a), top_of(b)) for a, b in zip(before, after, strict=True)]
    changes = gate.cascade.realised(pool.table)
    free = ~plan.needed
    return Outcome(
        avoided=float(1 - plan.asked.mean()),
        lost=int((pool.failures & tops[0][0] & ~tops[0][1]).sum()),
        gained=int((pool.failures & ~tops[0][0] & tops[0][1]).sum()),
        lost_by_value=int((pool.failures & tops[1][0] & ~tops[1][1]).sum()),
        decisions=float(np.mean([a.decision != b.decision for a, b in zip(pool.verdicts, verdicts, strict=True)])),
        moved=float(
            np.mean([abs(a.probability - b.probability) for a, b in zip(pool.verdicts, verdicts, strict=True)])
        ),
        estimate=float(changes.decision[plan.audited].mean()) if plan.audited.any() else float("nan"),
        truth=float(changes.decision[free].mean()) if free.any() else float("nan"),
    )


@pytest.mark.timeout(7200)
def test_calls_avoided_and_failures_lost(pool):
    """At tolerance 0 nothing changes; at the default, fewer failures are lost than by skipping as many at random."""
    joint, found = pool.artifact.joint, {}
    failures = int(pool.failures.sum())
    miss, value = priorities(pool.verdicts, joint.deployed)
    inside, by_value = int((pool.failures & top_of(miss)).sum()), int((pool.failures & top_of(value)).sum())
    cut = joint.vote_threshold(joint.deployed)
    print(f"deployed {joint.deployed}, threshold {cut:.3f}; it passes {failures} texts whose label is yes")
    print(f"with all members, {inside} of these are among the first {round(TOP * len(miss))} by miss score,")
    print(f"{by_value} by the miners' priority; top share {DEFAULT.top_share}, audit share {DEFAULT.audit_share}\n")
    print(
        "tolerance  avoided   lost  gained  lost of all  lost by priority  decisions  posterior  missed: audit  truth"
    )
    for tolerance in sorted({*TOLERANCES, DEFAULT.tolerance}):
        gate = gate_for(pool, tolerance=tolerance)
        plan = gate.plan(pool.identities, pool.table)
        found[tolerance] = one = outcome(pool, gate, plan)
        mark = "  <- default" if tolerance == DEFAULT.tolerance else ""
        print(
            f"{tolerance:9.2f}{one.avoided:9.1%}{one.lost:7}{one.gained:8}{one.lost / max(failures, 1):13.1%}"
            f"{one.lost_by_value:18}{one.decisions:11.2%}{one.moved:11.4f}{one.estimate:15.2%}{one.truth:7.2%}{mark}"
        )
    chosen = found[DEFAULT.tolerance]
    random = at_random(pool, chosen.avoided)
    print(f"\nas many skipped at random: {random:.1f} failures lost (mean of {DRAWS} draws), the cascade {chosen.lost}")
    assert (found[0.0].avoided, found[0.0].lost, found[0.0].decisions) == (0, 0, 0)
    assert chosen.lost <= random


def at_random(pool: Pool, share: float) -> float:
    """Failures lost where a share of the texts is skipped at random, mean over `DRAWS`."""
    gate, rng = gate_for(pool), np.random.default_rng(1)
    needed = [rng.random(len(pool.identities)) >= share for _ in range(DRAWS)]
    return float(np.mean([outcome(pool, gate, Plan(one, np.zeros_like(one))).lost for one in needed]))
