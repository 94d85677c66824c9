"""Asking all member groups at once and joining what they answer in time."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np

from ensemble.panel import Joint, order_members
from ensemble.scorer import FloatArray, Member
from ensemble.text import Text
from ensemble.verdict import Verdict
from service import metrics as m
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
        cache: what its cache did; None where it has none.
    """

    scores: FloatArray
    members: tuple[Member, ...]
    seconds: float
    batches: tuple[int, ...]
    cache: CacheUse | None = None


@dataclass(frozen=True)
class GroupRefusal:
    """A group's refusal, as a value: an exception would lose its type on the way and fill the logs."""

    reason: Reason
    message: str


Ask = Callable[[Sequence[WireText]], Awaitable[GroupScores | GroupRefusal]]


@dataclass
class Group:
    """One member group as seen from the ingress.

    Attributes:
        ask: scores texts; cancelling it gives the work up.
        down: set while no replica answers; then nobody waits for it.
        answered: whether it has ever scored a text.
    """

    name: str
    members: tuple[Member, ...]
    deadline_seconds: float
    ask: Ask
    down: asyncio.Event = field(default_factory=asyncio.Event)
    answered: bool = False


class ServicePanel:
    """The groups and the rule that joins them."""

    def __init__(self, groups: Sequence[Group], joint: Joint, metrics: Metrics) -> None:
        """Checks that groups and rule fit.

        Raises:
            ArtifactError: they do not.
        """
        self.groups, self.joint, self._metrics = tuple(groups), joint, metrics
        self.members = order_members([member for group in groups for member in group.members], joint)

    async def verdicts(self, texts: Sequence[WireText], ids: Sequence[str | None] | None = None) -> list[Verdict]:
        """One verdict a text, in order; ids default to the texts' identities.

        Raises:
            NoAnswerError: no group answered.
        """
        if not texts:
            return []
        answers = await asyncio.gather(*(self._ask(group, texts) for group in self.groups))
        if not any(isinstance(answer, GroupScores) for answer in answers):
            raise NoAnswerError(self._explain([a for a in answers if isinstance(a, GroupRefusal)]))
        given = ids or [None] * len(texts)
        names = [name or Text(*text).id for name, text in zip(given, texts, strict=True)]
        verdicts = self._join(names, [answer for answer in answers if isinstance(answer, GroupScores)])
        self._record(verdicts)
        return verdicts

    async def probe(self, group: Group) -> bool:
        """Asks a group for one text and notes that it has answered."""
        group.answered = isinstance(await self._ask(group, [("ready", "")]), GroupScores) or group.answered
        return group.answered

    async def _ask(self, group: Group, texts: Sequence[WireText]) -> GroupScores | GroupRefusal:
        started = time.perf_counter()
        answer = await _within(group, texts)
        if isinstance(answer, GroupRefusal):
            self._metrics.add(m.FAILURES, group=group.name, reason=answer.reason)
            return answer
        group.answered = True
        self._metrics.observe(m.SCORE_SECONDS, time.perf_counter() - started, group=group.name)
        self._metrics.add(m.FORWARD_SECONDS, answer.seconds, group=group.name)
        for size in answer.batches:
            self._metrics.observe(m.BATCH_TEXTS, size, group=group.name)
        for member in answer.members:
            self._metrics.add(m.TEXTS, len(texts), member=member.name)
        if answer.cache is not None:
            m.publish_cache(self._metrics, group.name, answer.cache)
        return answer

    def _join(self, names: Sequence[str], answers: Sequence[GroupScores]) -> list[Verdict]:
        columns = {member.name: a.scores[:, i] for a in answers for i, member in enumerate(a.members)}
        versions = {member.name: member for a in answers for member in a.members}
        missing = np.full(len(names), np.nan)
        table = np.column_stack([columns.get(member.name, missing) for member in self.members])
        return self.joint.join(names, table, [versions.get(member.name, member) for member in self.members])

    def _record(self, verdicts: Sequence[Verdict]) -> None:
        self._metrics.observe(m.REQUEST_TEXTS, len(verdicts))
        for (decision, degraded), count in Counter((v.decision, bool(v.degraded)) for v in verdicts).items():
            self._metrics.add(m.VERDICTS, count, decision=decision, degraded=str(degraded).lower())
        for verdict in verdicts:
            self._metrics.observe(m.DISAGREEMENT, verdict.disagreement)
        for kind, count in Counter(kind for verdict in verdicts for kind in verdict.kinds).items():
            self._metrics.add(m.KINDS, count, kind=kind)

    def _explain(self, refusals: Sequence[GroupRefusal]) -> str:
        said = "; ".join(f"{group.name}: {r.message}" for group, r in zip(self.groups, refusals, strict=True))
        return f"no member answered, so there is no safe verdict ({said}); try again"


async def _within(group: Group, texts: Sequence[WireText]) -> GroupScores | GroupRefusal:
    if group.down.is_set():
        return GroupRefusal("down", "it is being restarted")
    asked = asyncio.ensure_future(group.ask(texts))
    lost = asyncio.ensure_future(group.down.wait())
    try:
        await asyncio.wait({asked, lost}, timeout=group.deadline_seconds, return_when=asyncio.FIRST_COMPLETED)
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
