"""What the HTTP layer stands on, as small protocols: real in the deployed service, in memory in tests."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from fastapi import Request

from ensemble.tasks.task import Task
from ensemble.verdict import Verdict
from miners.found import FoundIndex
from miners.labelling import Labelling
from miners.queue.api_keys import Checked
from miners.queue.audit import AuditLog, MemoryAuditLog
from miners.queue.key_records import ApiKey
from miners.queue.protocol import Ledger, Queue
from miners.queue.sessions import MemorySessionRecords, SessionStore
from service.attack_desk import AttackDesk
from service.config import Config
from service.live import Live
from service.metrics import Recorder
from service.traffic import TrafficSampler
from service.webhooks import Sender

KeyRecord = ApiKey
"""Whose key it is; its id is also the identity of the rater who uses it."""

ScoreTexts = Callable[[Sequence[tuple[str, str]], Sequence[str | None]], Awaitable[list[Verdict]]]
"""(text, context) pairs and the callers' ids to verdicts, in order; MemberUnavailableError where there are none."""


class KeyStore(Protocol):
    """Knows the API keys by their hashes."""

    def check(self, key: str) -> Checked:
        """Whose key it is, or why it is refused; slow on purpose."""

    def find(self, key_id: str, serial: int) -> ApiKey | None:
        """The key of that id as known by one of its secrets; None where it or the secret is not in use any more."""


@dataclass(frozen=True)
class Services:
    """Dependencies of the HTTP layer.

    Attributes:
        groups_answered: member group -> whether it has ever answered; all true = ready.
        recorder: what `GET /v1/metrics/summary` shows.
        live: the measures on labelled texts; None where nobody keeps them.
        labelling: the answer model; None where labels are left to the majority.
        traffic: samples what is scored over HTTP; None where that is switched off.
        sessions: browsers that are signed in; by default in memory.
        audit: what admins did; by default in memory.
        attack: the attack bench; None where it is switched off.
        found: the index of findings; empty until somebody asks.
    """

    score: ScoreTexts
    queue: Queue
    ledger: Ledger
    keys: KeyStore
    task: Task
    config: Config
    groups_answered: Callable[[], Mapping[str, bool]]
    recorder: Recorder = field(default_factory=Recorder)
    live: Live | None = None
    labelling: Labelling | None = None
    traffic: TrafficSampler | None = None
    webhooks: Sequence[Sender] = ()
    sessions: SessionStore = field(default_factory=lambda: SessionStore(MemorySessionRecords()))
    audit: AuditLog = field(default_factory=MemoryAuditLog)
    attack: AttackDesk | None = None
    found: FoundIndex = field(default_factory=FoundIndex)


def services(request: Request) -> Services:
    """The application's services, as a FastAPI dependency."""
    found = request.app.state.services
    if not isinstance(found, Services):
        raise TypeError("the application was built without services")
    return found
