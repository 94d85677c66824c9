"""Campaigns of the running service: each unfinished one has a living actor, and its progress lies in a file.

The store knows which campaigns exist and which are finished. A program that wants one creates it there, and asks for it
with a request file; from then on it is this side's work, so that the program may end. The reports let it look on.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from miners.campaigns.spec import CampaignSpec, Progress, Summary
from miners.campaigns.store import check_same
from miners.queue.campaign_protocol import CampaignStatus
from miners.queue.connect import Store
from service.config import Config
from service.runtime_state import run_dir, write_private

logger = logging.getLogger("hungjury.campaigns")

FIRST_WAIT_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 60.0
HANGING_SECONDS = 300.0
_ANSWER_SECONDS = 2.0


class CampaignNews(BaseModel):
    """Where a campaign stands, as it lies in its file; what `miners.actor.Report` says, readable without Ray.

    Attributes:
        replaced: actors that died and were replaced since the service started.
    """

    model_config = ConfigDict(frozen=True)

    state: Literal["waiting", "running", "finished", "stopped", "interrupted", "failed"]
    pid: int | None = None
    progress: Progress | None = None
    summary: Summary | None = None
    error: str = ""
    replaced: int = 0


@dataclass
class _Tended:
    """What is known of a campaign under way."""

    actor: Any = None
    retry_at: float = 0.0
    failures: int = 0
    silent_since: float = 0.0
    news: CampaignNews = field(default_factory=lambda: CampaignNews(state="waiting"))


class CampaignKeeper:
    """Gives every unfinished campaign an actor, and another when it dies. Not thread-safe; must be joined to Ray."""

    def __init__(self, config: Config, store: Store, base: Path) -> None:
        """Touches nothing yet.

        Args:
            config: settings.
            store: the service's store.
            base: the state directory.
        """
        self._config, self._store, self._base = config, store, base
        self._tended: dict[str, _Tended] = {}
        self._over: set[str] = set()

    def tick(self) -> None:
        """Looks after every unfinished campaign once.

        Raises:
            QueueError: the store does not answer.
        """
        self._take_requests()
        for name in self._store.campaigns.names():
            if name not in self._over:
                self._tend(name)

    def _take_requests(self) -> None:
        for path in _folder(self._base).glob("*.request"):
            name = path.read_text(encoding="utf-8")
            path.unlink(missing_ok=True)
            self._over.discard(name)
            tended = self._tended.get(name)
            if tended is not None and tended.actor is not None:  # somebody else looks on at it; both shall see it
                write_private(_file(self._base, name, "json"), tended.news.model_dump_json())
            else:
                self._tended.pop(name, None)

    def _tend(self, name: str) -> None:
        status = self._store.campaigns.status(name)
        tended = self._tended.setdefault(name, _Tended())
        if status.state == "finished":
            summary = Summary.model_validate(status.summary)
            self._close(name, tended, tended.news.model_copy(update={"state": "finished", "summary": summary}))
        elif status.halted and tended.actor is None:
            self._close(name, tended, tended.news.model_copy(update={"state": "stopped"}))
        elif tended.actor is None:
            if time.monotonic() >= tended.retry_at:
                self._start(name, tended)
        else:
            self._look(name, tended)

    def _start(self, name: str, tended: _Tended) -> None:
        from miners.actor import ServiceCampaign, start
        from service.supervisor.cluster import APPLICATION

        build = ServiceCampaign(
            name=name,
            spec=CampaignSpec.model_validate(self._store.campaigns.spec(name)),
            task=self._config.task,
            app=APPLICATION,
            generation_tokens=self._config.mining.generation_tokens,
            waiting_limit=self._config.queue.waiting_limit,
        )
        tended.actor = start(name, build, num_cpus=self._config.mining.num_cpus)
        tended.silent_since = time.monotonic()
        logger.info("campaign %r is under way", name)

    def _look(self, name: str, tended: _Tended) -> None:
        import ray
        from ray.exceptions import ActorDiedError, ActorUnavailableError, GetTimeoutError

        try:
            report = ray.get(tended.actor.report.remote(), timeout=_ANSWER_SECONDS)
        except ActorDiedError as error:
            self._retry(name, tended, str(error))
        except (ActorUnavailableError, GetTimeoutError) as error:
            if time.monotonic() - tended.silent_since > HANGING_SECONDS:
                self._retry(name, tended, str(error))
        else:
            tended.silent_since = time.monotonic()
            self._heard(name, tended, CampaignNews(**report.model_dump(), replaced=tended.news.replaced))

    def _heard(self, name: str, tended: _Tended, news: CampaignNews) -> None:
        if news.state == "interrupted":  # scorer or store stayed away; both are being brought back
            self._retry(name, tended, news.error)
        elif news.state in {"failed", "stopped"}:
            self._close(name, tended, news)
        elif news.state == "running":
            if news.progress is None:  # an actor that goes on after another has not ended a round yet
                news = news.model_copy(update={"progress": tended.news.progress})
            else:
                tended.failures = 0
            self._publish(name, tended, news)

    def _retry(self, name: str, tended: _Tended, why: str) -> None:
        """Gives the actor up; another one follows after a wait that grows while nothing succeeds."""
        logger.warning("campaign %r lost its actor: %s", name, " ".join(why.split())[:300])
        self._end_actor(tended)
        wait = min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2**tended.failures)
        tended.failures, tended.retry_at = tended.failures + 1, time.monotonic() + wait
        self._publish(name, tended, tended.news.model_copy(update={"replaced": tended.news.replaced + 1}))

    def _close(self, name: str, tended: _Tended, news: CampaignNews) -> None:
        """Nothing more to do for it, until somebody asks for it again."""
        self._end_actor(tended)
        self._over.add(name)
        self._publish(name, tended, news)
        logger.info("campaign %r: %s %s", name, news.state, news.error)

    def _end_actor(self, tended: _Tended) -> None:
        if tended.actor is not None:
            import ray

            ray.kill(tended.actor, no_restart=True)
            tended.actor = None

    def _publish(self, name: str, tended: _Tended, news: CampaignNews) -> None:
        if news != tended.news or news.state != "running":
            tended.news = news
            write_private(_file(self._base, name, "json"), news.model_dump_json())


def request_campaign(store: Store, name: str, spec: CampaignSpec, base: Path) -> None:
    """Has the running service work on a campaign: a new one, or one of this name and spec where it was left or stopped.

    Raises:
        CampaignError: the name belongs to a campaign with another spec.
    """
    if not store.campaigns.create(name, spec.model_dump(mode="json")):
        check_same(name, store.campaigns.spec(name), spec)
        store.campaigns.halt(name, halted=False)
    _file(base, name, "json").unlink(missing_ok=True)
    write_private(_file(base, name, "request"), name)


def campaign_news(name: str, base: Path) -> CampaignNews | None:
    """What the running service last said of a campaign; None where it has not worked on it.

    Args:
        name: of the campaign.
        base: the state directory.
    """
    try:
        return CampaignNews.model_validate_json(_file(base, name, "json").read_bytes())
    except FileNotFoundError:
        return None


def state_of(status: CampaignStatus, base: Path) -> str:
    """Where a campaign stands, in one word; what the store cannot know is taken from the news of the service.

    Args:
        status: what the store says.
        base: the state directory.
    """
    if status.state == "finished":
        return "finished"
    news = campaign_news(status.name, base)
    if status.halted:
        return "stopping" if news is not None and news.state == "running" else "stopped"
    return news.state if news is not None else "waiting"


def follow_campaign(
    name: str, base: Path, *, alive: Callable[[], object], every: float = 0.3
) -> Iterator[CampaignNews]:
    """What becomes of a campaign that was asked for, each time it changes, until it is over.

    Args:
        name: of the campaign.
        base: the state directory.
        alive: called while there is no news; raises when nobody is left to make any.
        every: seconds between two looks.
    """
    last = None
    while last is None or last.state in {"waiting", "running", "interrupted"}:
        if (news := campaign_news(name, base)) is not None and news != last:
            last = news
            yield news
        else:
            alive()
            time.sleep(every)


def _folder(base: Path) -> Path:
    path = run_dir(base) / "campaigns"
    path.mkdir(exist_ok=True, mode=0o700)
    return path


def _file(base: Path, name: str, suffix: str) -> Path:
    """Named by a hash, for a campaign's name may hold anything."""
    return _folder(base) / f"{hashlib.blake2b(name.encode(), digest_size=12).hexdigest()}.{suffix}"
