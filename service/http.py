"""The HTTP application, built from its dependencies: the same under Ray Serve, plain uvicorn and in tests."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

import anyio.to_thread
from fastapi import FastAPI

from miners.errors import QueueError
from service import http_errors, labelling, live, traffic
from service import metrics as m
from service.admission import Admission
from service.api_docs import router as docs
from service.auditing import Auditing
from service.authenticator import Authenticator
from service.callers import Callers
from service.http_errors import ErrorBody
from service.json_request import Guard
from service.json_response import SafeJSONResponse
from service.metrics import Metrics, publish_counts
from service.openapi import describe
from service.routes import admin, attack, audit, findings, health, label, me, pages, score, session, task
from service.services import Services

logger = logging.getLogger(__name__)

GAUGE_SECONDS = 5.0
"""How often the queue's numbers are published."""

_ERRORS = {
    400: "not JSON",
    401: "no key and no session, or one that is unknown or over",
    403: "the key does not open this, the lease or answer is another rater's, or a page of another site asks",
    404: "no such thing",
    409: "it contradicts what is there: lease expired, answered otherwise",
    413: "too many or too long",
    422: "a field is wrong; the message names it and its limit",
    429: "too many at once; see Retry-After",
    503: "overloaded, or a part is down and there is no safe answer; see Retry-After",
}


def build_api(services: Services, metrics: Metrics | None = None) -> FastAPI:
    """The application.

    Args:
        services: what it stands on.
        metrics: where numbers go; by default the services' recorder only.
    """
    numbers = metrics or services.recorder
    api = FastAPI(
        title="Hung Jury",
        version=version("hungjury"),
        description="Several classifiers, one verdict, and the texts on which they cannot agree.",
        default_response_class=SafeJSONResponse,
        docs_url=None,
        redoc_url=None,
        lifespan=lambda _: _publishing(services, numbers),
        strict_content_type=False,
    )
    api.state.services = services
    access = services.config.access
    api.state.authenticator = Authenticator(services.keys, sessions=services.sessions, access=access)
    api.state.callers = Callers(access.trusted_proxies)
    api.state.metrics = numbers
    api.state.admission = Admission(services.config.server, numbers)
    http_errors.install(api)
    errors: dict[int | str, dict[str, Any]] = {
        status: {"model": ErrorBody, "description": text} for status, text in _ERRORS.items()
    }
    for routes in (score, label, me, admin, attack, findings, audit, task, session):
        api.include_router(routes.router, responses=errors)
    for plain in (health.router, docs, pages.router):
        api.include_router(plain)
    describe(api, services.config, services.task.name)
    api.add_middleware(Auditing, log=services.audit)
    api.add_middleware(Guard, max_body_bytes=services.config.server.max_body_bytes)
    return api


@asynccontextmanager
async def _publishing(services: Services, metrics: Metrics) -> AsyncIterator[None]:
    watchers = [asyncio.create_task(_publish(services, metrics))]
    if services.live is not None:
        watchers.append(asyncio.create_task(live.keep(services.live, metrics)))
    if services.labelling is not None:
        pause = services.config.labels.pause_seconds
        watchers.append(asyncio.create_task(labelling.keep(services.labelling, metrics, pause)))
    if services.traffic is not None:
        watchers.append(asyncio.create_task(traffic.keep(services.traffic)))
    watchers += [asyncio.create_task(sender.keep()) for sender in services.webhooks]
    try:
        yield
    finally:
        for watcher in watchers:
            watcher.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watcher


async def _publish(services: Services, metrics: Metrics) -> None:
    while True:
        try:
            publish_counts(metrics, await anyio.to_thread.run_sync(services.ledger.counts))
            metrics.set(m.QUEUE_UP, 1)
        except QueueError:
            metrics.set(m.QUEUE_UP, 0)
        except Exception:
            logger.exception("the queue's numbers could not be published")
        await asyncio.sleep(GAUGE_SECONDS)
