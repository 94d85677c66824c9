"""A drill on a copy of the deployed member: plants at the miner's input, in the ranking and before the raters.

Nothing of it touches the real queue: campaign, queue and raters run in memory, on verdicts in which the deployed member
is replaced by a copy with a blind spot, wrapped or trained. Planting into the real queue is `miners.drills.planting`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ensemble.panel import Joint
from ensemble.scorer import FloatArray, Member
from ensemble.text import LabelledText, Text
from ensemble.verdict import Verdict
from miners.campaigns.campaign import Campaign
from miners.campaigns.selection import RANKED
from miners.campaigns.spec import CampaignSpec
from miners.candidate import Candidate, Provenance, Scored
from miners.doubt import rank_together
from miners.drills.blind_spot import BlindSpot, blinded
from miners.drills.report import Caught, SpotReport
from miners.drills.trained import Copied, blindness_of, missed_by
from miners.queue.campaigns import MemoryCampaigns
from miners.queue.memory import MemoryQueue
from miners.queue.types import NewAnswer, NewItem
from miners.ranking import rank

_TASK = "drill"


@dataclass(frozen=True)
class Ground:
    """Where drills take place: scored texts, and those that may be planted.

    Attributes:
        pool: harmless or unlabelled texts among which plants are hidden.
        pool_scores: P(yes) of the pool, shape (pool, members).
        unsafe: texts labelled yes.
        unsafe_scores: P(yes) of these, shape (unsafe, members).
        joint: the panel's rule.
        members: behind the columns.
    """

    pool: Sequence[Text]
    pool_scores: FloatArray
    unsafe: Sequence[LabelledText]
    unsafe_scores: FloatArray
    joint: Joint
    members: Sequence[Member]


@dataclass(frozen=True)
class Settings:
    """How a drill is held.

    Attributes:
        labels: labels to be had; the campaign queues as many texts.
        raters: answers an item.
        sensitivity: share of yes texts that a simulated rater calls yes.
        seed: of everything random.
        strategy: by which the campaign selects; nothing is answered while it runs.
    """

    labels: int = 500
    raters: int = 2
    sensitivity: float = 0.95
    seed: int = 0
    strategy: str = RANKED


class FixedTexts:
    """A proposer that gives texts in a fixed order."""

    name = "drill"

    def __init__(self, texts: Sequence[Text]) -> None:
        self._texts, self._given = list(texts), 0

    def propose(self, count: int) -> list[Candidate]:
        """The next texts."""
        part = self._texts[self._given : self._given + count]
        self._given += len(part)
        return [Candidate(text, Provenance(source=self.name, family=text.id)) for text in part]

    def observe(self, scored: Sequence[Scored]) -> None:
        """Nothing to learn."""

    def state(self) -> dict[str, Any]:
        """Texts given."""
        return {"given": self._given}

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on behind the texts given."""
        self._given = int(state["given"])

    def expected(self, limit: int) -> int | None:
        """Texts left, up to `limit`."""
        return min(limit, len(self._texts) - self._given)


def drill(ground: Ground, spot: BlindSpot, settings: Settings, copied: Copied | None = None) -> SpotReport:
    """Hides the unsafe texts of a blind spot among the pool and counts who finds them.

    Args:
        ground: where it takes place.
        spot: what the copy of the deployed member does not see.
        settings: how it is held.
        copied: answers of a trained copy, of whose misses in the blind spot the plants are; None = the blind spot is
            wrapped around the deployed member's own answers, and all of its texts are planted.

    Raises:
        InputError: too few unsafe texts lie in the blind spot, or the trained copy passes too few of them.
        CampaignError: no campaign selects by that strategy.
    """
    joint, within = ground.joint, spot.within(ground.unsafe)
    rng = np.random.default_rng(settings.seed)
    planted = within if copied is None else missed_by(copied, within, spot, joint.vote_threshold(joint.deployed))
    table = _wrapped(ground, planted, rng) if copied is None else _trained(ground, planted, copied)
    rows = [ground.unsafe[i] for i in planted]
    texts: list[Text] = [*ground.pool, *rows]
    names = [text.id for text in texts]
    verdicts = dict(zip(names, joint.join(names, table, ground.members), strict=True))
    plants = {row.id for row in rows}
    queue = _mined([texts[i] for i in rng.permutation(len(texts))], verdicts, joint.deployed, settings)
    order = _ranking(verdicts, joint.deployed)
    first = set(order[: settings.labels])
    return SpotReport(
        blind_spot=str(spot),
        labels=settings.labels,
        miner=_caught(_served(queue), plants, settings.labels),
        ranking=_caught(order, plants, settings.labels),
        raters=_rated(rows, verdicts, joint.deployed, settings, rng),
        seen=Caught(caught=sum(_flagged(verdicts[row.id], joint.deployed) for row in rows), plants=len(rows)),
        missed=tuple(row.text for row in rows if row.id not in first),
        blindness=None
        if copied is None
        else blindness_of(copied, within, ground.pool_scores, ground.unsafe_scores, joint),
    )


def _wrapped(ground: Ground, planted: Sequence[int], rng: np.random.Generator) -> FloatArray:
    """P(yes) of pool and plants where the deployed member passes every plant, shape (pool + plants, members)."""
    scores = np.vstack([ground.pool_scores, ground.unsafe_scores[planted]])
    covered = [False] * len(ground.pool) + [True] * len(planted)
    calm = ground.pool_scores[:, ground.joint.members.index(ground.joint.deployed)]
    return blinded(scores, covered, ground.joint, calm, rng)


def _trained(ground: Ground, planted: Sequence[int], copied: Copied) -> FloatArray:
    """The same where the deployed member is a trained copy."""
    scores = np.vstack([ground.pool_scores, ground.unsafe_scores[planted]])
    scores[:, ground.joint.members.index(ground.joint.deployed)] = [*copied.pool, *copied.unsafe[planted]]
    return scores


def _flagged(verdict: Verdict, deployed: str) -> bool:
    """Whether a member besides the deployed one votes yes."""
    return any(score.vote == "yes" for name, score in verdict.members.items() if name != deployed)


def _mined(texts: Sequence[Text], verdicts: dict[str, Verdict], deployed: str, settings: Settings) -> MemoryQueue:
    """The queue that a real campaign leaves behind when these texts come in."""
    queue = MemoryQueue(_TASK)
    spec = CampaignSpec(
        task=_TASK,
        deployed=deployed,
        budget=max(8, len(texts) * 8),
        queue_size=settings.labels,
        seed=settings.seed,
        answers=settings.raters,
        strategy=settings.strategy,
    )
    campaign = Campaign(
        "drill",
        spec,
        proposers=[FixedTexts(texts)],
        score=lambda asked: [verdicts[text.id] for text in asked],
        queue=queue,
        ledger=queue,
        store=MemoryCampaigns(),
    )
    campaign.run()
    return queue


def _served(queue: MemoryQueue) -> list[str]:
    """Texts in the order in which labelers get them."""
    return [item.new.id for item in queue.top(queue.counts().waiting)] if queue.counts().waiting else []


def _ranking(verdicts: dict[str, Verdict], deployed: str) -> list[str]:
    """All texts by what an answer is worth, highest first."""
    ranked = rank_together(list(verdicts.values()), deployed)
    worth = {name: one.value for name, one in zip(verdicts, ranked, strict=True)}
    return sorted(worth, key=lambda name: (-worth[name], name))


def _caught(order: Sequence[str], plants: set[str], labels: int) -> Caught:
    places = [place for place, name in enumerate(order[:labels], start=1) if name in plants]
    return Caught(caught=len(places), plants=len(plants), first=places[0] if places else None)


def _rated(
    planted: Sequence[LabelledText],
    verdicts: dict[str, Verdict],
    deployed: str,
    settings: Settings,
    rng: np.random.Generator,
) -> Caught:
    """Plants that simulated raters, asked through a real queue, label yes."""
    queue = MemoryQueue(_TASK)
    queue.enqueue([plant_item(row, verdicts[row.id], deployed, needed=settings.raters) for row in planted])
    for number in range(settings.raters):
        rater = f"simulated {number}"
        for turn in range(len(planted)):
            for lease in queue.lease(rater, request_id=f"{number}-{turn}"):
                said = "yes" if rng.random() < settings.sensitivity else "no"
                queue.answer(lease.lease_id, rater, NewAnswer(answer=said))
    labelled = sum(item.label == "yes" for item in queue.plants())
    return Caught(caught=labelled, plants=len(planted))


def plant_item(
    row: LabelledText,
    verdict: Verdict,
    deployed: str,
    *,
    needed: int,
    name: str = _TASK,
    task: str = _TASK,
    priority: float | None = None,
) -> NewItem:
    """A text of known label as it is queued; it looks to raters like any other."""
    ranked = rank(verdict, deployed)
    return NewItem(
        id=row.id,
        task=task,
        text=row.text,
        context=row.context,
        priority=ranked.value if priority is None else priority,
        needed=needed,
        selection_probability=1.0,
        deployed=deployed,
        deployed_passed=ranked.deployed_passed,
        verdict=verdict,
        provenance=Provenance(source="drill", family=row.id, expected_label=row.label),
        why=ranked.why,
        parts=ranked.parts,
        plant=name,
    )
