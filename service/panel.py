"""Asking all member groups at once and joining what they answer in time; with a cascade, the expensive ones second."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ensemble.members.cost import Spent
from ensemble.panel import Joint, order_members
from ensemble.scorer import FloatArray, Member
from ensemble.text import Text
from ensemble.verdict import Verdict
from service import metrics as m
from service.cascading import Gate, Plan
from service.errors import NoAnswerError
from service.metrics import Metrics
from service.score_cache import CacheUse

WireText: TypeAlias = tuple[str, str]
"""(text, context): what travels between processes."""

Reason = Literal["overloaded", "unavailable", "deadline", "down", "failed"]


@dataclass(frozen=True)
class GroupScores:
    """A group's answer.

    Attributes:
        scores: P(yes), shape (texts, len(members)).
        members: who stands behind the columns.
        seconds: spent in forward passes.
        batches: sizes of those passes, in texts.
        forward_seconds: how long the request was in forward passes.
        wait_seconds: how long it waited for them.
        spent: what the group's replica used of an endpoint since its last answer; None for a group without one.
        cache: what its cache did; None where it has none.
    """

    scores: FloatArray
    members: tuple[Member, ...]
    seconds: float
    batches: tuple[int, ...]
    forward_seconds: float = 0.0
    wait_seconds: float = 0.0
    spent: Spent | None = None
    cache: CacheUse | None = None


@dataclass(frozen=True)
class GroupRefusal:
    """A group's refusal, as a value: an exception would lose its type on the way and fill the logs.

    Attributes:
        spent: as of `GroupScores`.
    """

    reason: Reason
    message: str
    spent: Spent | None = None


Ask = Callable[[Sequence[WireText]], Awaitable[GroupScores | GroupRefusal]]


@dataclass
class Group:
    """One member group as seen from the ingress.

    Attributes:
        ask: scores texts; cancelling it gives the work up.
        down: set while no replica answers; then nobody waits for it.
        answered: whether it has ever scored a text.
        needed: whether the service is ready only once it has; an endpoint that is dead must not hold up the rest.
    """

    name: str
    members: tuple[Member, ...]
    deadline_seconds: float
    ask: Ask
    down: asyncio.Event = field(default_factory=asyncio.Event)
    answered: bool = False
    needed: bool = True


class ServicePanel:
    """The groups and the rule that joins them."""

    def __init__(self, groups: Sequence[Group], joint: Joint, metrics: Metrics, gate: Gate | None = None) -> None:
        """Checks that groups and rule fit.

        Args:
            groups: all member groups.
            joint: the rule.
            metrics: takes the numbers.
            gate: stands before the expensive groups; None = all groups are asked at once.

        Raises:
            ArtifactError: groups and rule do not fit.
        """
        self.groups, self.joint, self._metrics, self._gate = tuple(groups), joint, metrics, gate
        late = gate.groups if gate is not None else ()
        self._first = [group for group in self.groups if group.name not in late]
        self._second = [group for group in self.groups if group.name in late]
        self.members = order_members([member for group in groups for member in group.members], joint)

    async def verdicts(self, texts: Sequence[WireText], ids: Sequence[str | None] | None = None) -> list[Verdict]:
        """One verdict a text, in order; ids default to the texts' identities.

        Raises:
            NoAnswerError: no group answered.
        """
        if not texts:
            return []
        found, started = _Answers(texts, self.members), time.perf_counter()
        judged, plan = [Text(*text) for text in texts], None
        await self._collect(found, self._first, np.arange(len(texts)), started)
        if self._gate is not None:
            plan = self._gate.plan([text.id for text in judged], found.table)
            await self._collect(found, self._second, np.flatnonzero(plan.asked), started)
        answered = time.perf_counter()
        self._metrics.observe(m.STAGE_SECONDS, answered - started, stage="members")
        if not found.answered:
            raise NoAnswerError(_explain(found.refusals))
        names = [name or text.id for name, text in zip(ids or [None] * len(texts), judged, strict=True)]
        verdicts = self._joined(names, found, plan)
        self._metrics.observe(m.STAGE_SECONDS, time.perf_counter() - answered, stage="join")
        return verdicts

    async def deployed(self, texts: Sequence[WireText]) -> FloatArray:
        """The deployed member's P(yes) alone, shape (texts,); the other groups are not asked.

        Raises:
            NoAnswerError: its group does not answer.
        """
        name = self.joint.deployed
        group = next(group for group in self.groups if name in {member.name for member in group.members})
        answer = await self._ask(group, texts)
        if isinstance(answer, GroupRefusal):
            raise NoAnswerError(f"the deployed member {name!r} does not answer now ({answer.message}); try again")
        column = [member.name for member in answer.members].index(name)
        return np.asarray(answer.scores[:, column], dtype=np.float64)

    async def probe(self, group: Group) -> bool:
        """Asks a group for one text and notes that it has answered; one that is not needed only has to be there."""
        if not group.needed:
            group.answered = True
            return True
        group.answered = isinstance(await self._ask(group, [("ready", "")]), GroupScores) or group.answered
        return group.answered

    async def _collect(self, found: _Answers, groups: Sequence[Group], rows: NDArray[np.intp], started: float) -> None:
        """Asks groups at once about some of the texts."""
        texts = [found.texts[row] for row in rows]
        if texts:
            answers = await asyncio.gather(*(self._ask(group, texts, started) for group in groups))
            for group, answer in zip(groups, answers, strict=True):
                found.take(group, rows, answer)

    async def _ask(
        self, group: Group, texts: Sequence[WireText], started: float | None = None
    ) -> GroupScores | GroupRefusal:
        asked = time.perf_counter()
        spent = 0.0 if started is None else asked - started
        answer = await _within(group, texts, group.deadline_seconds - spent)
        if answer.spent is not None:
            m.publish_spent(self._metrics, answer.spent, group.members[0].name)
        if isinstance(answer, GroupRefusal):
            self._metrics.add(m.FAILURES, group=group.name, reason=answer.reason)
            return answer
        group.answered = True
        self._time(group.name, answer, time.perf_counter() - asked)
        self._metrics.add(m.FORWARD_SECONDS, answer.seconds, group=group.name)
        for size in answer.batches:
            self._metrics.observe(m.BATCH_TEXTS, size, group=group.name)
        for member in answer.members:
            self._metrics.add(m.TEXTS, len(texts), member=member.name)
        if answer.cache is not None:
            m.publish_cache(self._metrics, group.name, answer.cache)
        return answer

    def _time(self, group: str, answer: GroupScores, seconds: float) -> None:
        self._metrics.observe(m.SCORE_SECONDS, seconds, group=group)
        hop = max(0.0, seconds - answer.forward_seconds - answer.wait_seconds)
        stages = {"hop": hop, "wait": answer.wait_seconds, "forward": answer.forward_seconds}
        for stage, part in stages.items():
            self._metrics.observe(m.MEMBER_STAGE_SECONDS, part, group=group, stage=stage)

    def _joined(self, names: Sequence[str], found: _Answers, plan: Plan | None) -> list[Verdict]:
        asked = None
        if self._gate is not None and plan is not None:
            asked = self._gate.asked(plan)
            self._gate.record(plan, found.table, self._metrics)
        verdicts = self.joint.join(names, found.table, found.members, asked)
        self._record(verdicts)
        return verdicts

    def _record(self, verdicts: Sequence[Verdict]) -> None:
        self._metrics.observe(m.REQUEST_TEXTS, len(verdicts))
        for (decision, degraded), count in Counter((v.decision, bool(v.degraded)) for v in verdicts).items():
            self._metrics.add(m.VERDICTS, count, decision=decision, degraded=str(degraded).lower())
        for verdict in verdicts:
            self._metrics.observe(m.DISAGREEMENT, verdict.disagreement)
        for kind, count in Counter(kind for verdict in verdicts for kind in verdict.kinds).items():
            self._metrics.add(m.KINDS, count, kind=kind)


class _Answers:
    """What the groups say of some texts, as it comes in.

    Attributes:
        texts: all of them.
        members: who stands behind the columns.
        table: P(yes), shape (texts, members), nan where there is no answer.
        answered: whether any group answered.
        refusals: of the groups that did not, by name.
    """

    def __init__(self, texts: Sequence[WireText], members: Sequence[Member]) -> None:
        self.texts, self.members = texts, list(members)
        self.table = np.full((len(texts), len(members)), np.nan)
        self.answered, self.refusals = False, dict[str, GroupRefusal]()
        self._columns = {member.name: column for column, member in enumerate(members)}

    def take(self, group: Group, rows: NDArray[np.intp], answer: GroupScores | GroupRefusal) -> None:
        """Takes in what a group said of the texts at `rows`."""
        if isinstance(answer, GroupRefusal):
            self.refusals[group.name] = answer
            return
        self.answered = True
        for scores, member in zip(answer.scores.T, answer.members, strict=True):
            column = self._columns[member.name]
            self.table[rows, column], self.members[column] = scores, member


def _explain(refusals: Mapping[str, GroupRefusal]) -> str:
    said = "; ".join(f"{name}: {refusal.message}" for name, refusal in refusals.items())
    return f"no member answered, so there is no safe verdict ({said}); try again"


async def _within(group: Group, texts: Sequence[WireText], seconds: float) -> GroupScores | GroupRefusal:
    if group.down.is_set():
        return GroupRefusal("down", "it is being restarted")
    asked = asyncio.ensure_future(group.ask(texts))
    lost = asyncio.ensure_future(group.down.wait())
    try:
        await asyncio.wait({asked, lost}, timeout=max(0.0, seconds), return_when=asyncio.FIRST_COMPLETED)
        if asked.done():
            return _outcome(asked, group, len(texts))
        if lost.done():
            return GroupRefusal("down", "it stopped answering")
        return GroupRefusal("deadline", f"no answer within {group.deadline_seconds:g} s")
    finally:
        asked.cancel()
        lost.cancel()


def _outcome(asked: asyncio.Future[GroupScores | GroupRefusal], group: Group, texts: int) -> GroupScores | GroupRefusal:
    if asked.cancelled():
        return GroupRefusal("failed", "the call was given up")
    if error := asked.exception():
        return GroupRefusal("failed", f"{type(error).__name__}: {error}")
    answer = asked.result()
    if isinstance(answer, GroupScores):
        if {x.name for x in answer.members} != {x.name for x in group.members}:
            return GroupRefusal("failed", "it serves other members than the panel was fitted for")
        if answer.scores.shape != (texts, len(answer.members)) or not np.isfinite(answer.scores).all():
            return GroupRefusal("failed", f"it gave scores of shape {answer.scores.shape} for {texts} texts")
    return answer
