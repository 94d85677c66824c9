"""What the HTTP layer stands on, as small protocols: real in the deployed service, in memory in tests."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from fastapi import Request

from ensemble.tasks.task import Task
from ensemble.verdict import Verdict
from miners.queue.protocol import Ledger, Queue
from service.config import Config
from service.live import Live
from service.metrics import Recorder
from service.traffic import TrafficSampler

Role = Literal["score", "label", "admin"]

ScoreTexts = Callable[[Sequence[tuple[str, str]], Sequence[str | None]], Awaitable[list[Verdict]]]
"""(text, context) pairs and the callers' ids to verdicts, in order; MemberUnavailableError where there are none."""


class KeyRecord(Protocol):
    """Whose key it is."""

    @property
    def id(self) -> str:
        """The key's id; also the identity of the rater who uses it."""

    @property
    def role(self) -> Role:
        """What it opens; admin opens everything."""

    @property
    def name(self) -> str:
        """For people."""


class KeyStore(Protocol):
    """Knows the API keys by their hashes."""

    def verify(self, key: str) -> KeyRecord | None:
        """Whose key it is, or None; slow on purpose."""


@dataclass(frozen=True)
class Services:
    """Dependencies of the HTTP layer.

    Attributes:
        groups_answered: member group -> whether it has ever answered; all true = ready.
        recorder: what `GET /v1/metrics/summary` shows.
        live: the measures on labelled texts; None where nobody keeps them.
        traffic: samples what is scored over HTTP; None where that is switched off.
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
    traffic: TrafficSampler | None = None


def services(request: Request) -> Services:
    """The application's services, as a FastAPI dependency."""
    found = request.app.state.services
    if not isinstance(found, Services):
        raise TypeError("the application was built without services")
    return found
