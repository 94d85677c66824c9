"""Telling other programs of findings: each change of one is POSTed to every webhook, in order, at least once.

One sender at a time holds a webhook, and the position behind what was acknowledged lies in the store: a process that is
killed loses nothing, and whoever comes next goes on there. What is not acknowledged is sent again, ever more slowly,
and holds up only this webhook. Signatures follow the Standard Webhooks specification (standardwebhooks.com): an
HMAC-SHA256 over id, time and body. Neither texts nor addresses beyond the host are ever logged.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import hashlib
import hmac
import logging
import os
import random
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import uuid4

import anyio.to_thread
import httpx
from pydantic import BaseModel

from ensemble.errors import InputError
from miners.errors import QueueError, UnknownItemError
from miners.queue.hooks import Held, Hooks
from miners.queue.protocol import Ledger
from miners.queue.types import FindingChange, Item
from service import metrics as m
from service.addresses import resolve
from service.config import WebhookConfig
from service.errors import AddressError
from service.metrics import Metrics

logger = logging.getLogger(__name__)
logging.getLogger("httpx").setLevel(logging.WARNING)  # its lines on each request hold the whole address

LOOK_SECONDS = 1.0
"""Pause between two looks for changes."""

HOLD_SECONDS = 90.0
"""How long a sender holds a webhook without renewing that: longer than the longest attempt."""

FIRST_WAIT_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 300.0

_PAGE = 50
_WORDS: dict[str, Any] = {
    "new": {"text": True, "context": True, "why": True, "provenance": {"meta"}},
    "answers": {"__all__": {"body": {"note", "spans"}, "history": True}},
    "skips": True,
}
"""Parts of an item that say something of its words."""

_PREFIX = "whsec_"


class Notice(BaseModel):
    """What is sent.

    Attributes:
        type: "finding.created", "finding.changed" (its kind is another) or "finding.withdrawn".
        timestamp: when it happened.
        data: `task`, `item_id`, `kind` and `before` (FN, FP or null), and `item`, the item as it is when this is sent.
    """

    type: str
    timestamp: str
    data: dict[str, object]


@dataclass(frozen=True)
class Hook:
    """Where to send, and how to sign.

    Attributes:
        config: its settings.
        secret: key of the signature.
    """

    config: WebhookConfig
    secret: bytes

    @property
    def id(self) -> str:
        """16 hex digits out of the address; under it the position lies in the store."""
        return hashlib.blake2b(self.config.url.encode(), digest_size=8).hexdigest()

    @property
    def host(self) -> str:
        """For people and logs."""
        return httpx.URL(self.config.url).host


def hooks_of(settings: Sequence[WebhookConfig], environment: Mapping[str, str] = os.environ) -> list[Hook]:
    """The webhooks with their secrets.

    Raises:
        InputError: an environment variable with a secret is not set, or is no secret.
    """
    return [Hook(one, _secret(one.secret_env, environment)) for one in settings]


def signature(secret: bytes, delivery: str, seconds: int, body: bytes) -> str:
    """Value of the header `webhook-signature`: "v1," and the Base64 of HMAC-SHA256 over "id.time.body"."""
    digest = hmac.digest(secret, f"{delivery}.{seconds}.".encode() + body, "sha256")
    return f"v1,{base64.b64encode(digest).decode()}"


def notice_of(change: FindingChange, item: Item | None, task: str, config: WebhookConfig) -> Notice | None:
    """What a webhook is told of a change; None where it did not want to know of such findings."""
    before, after = (kind if kind in config.kinds else None for kind in (change.before, change.after))
    if before == after:
        return None
    what = "created" if before is None else "withdrawn" if after is None else "changed"
    shown = None if item is None else item.model_dump(mode="json", exclude=None if config.texts else _WORDS)
    data = {"task": task, "item_id": change.item_id, "kind": after, "before": before, "item": shown}
    return Notice(type=f"finding.{what}", timestamp=change.at.isoformat(), data=data)


class Sender:
    """Sends to one webhook, for ever; only the one process that holds it in the store does."""

    def __init__(self, hook: Hook, task: str, ledger: Ledger, hooks: Hooks, metrics: Metrics) -> None:
        """Connects to nothing yet.

        Args:
            hook: where to.
            task: name of the task.
            ledger: has the changes.
            hooks: keeps the position.
            metrics: takes the numbers.
        """
        self._hook, self._task, self._ledger, self._hooks, self._metrics = hook, task, ledger, hooks, metrics
        self._sender, self._failures = uuid4().hex, 0
        self._holding, self._over = threading.Lock(), False

    async def keep(self, every: float = LOOK_SECONDS) -> None:
        """For ever: sends what there is, pauses; lets the webhook go in the end, and is of no more use then."""
        try:
            while True:
                try:
                    await self._send_all()
                except QueueError as error:
                    logger.warning("webhook at %s: the store does not answer: %s", self._hook.host, error)
                except Exception:
                    logger.exception("webhook at %s: cannot be served now", self._hook.host)
                await asyncio.sleep(every)
        finally:
            with anyio.CancelScope(shield=True), contextlib.suppress(QueueError):
                await anyio.to_thread.run_sync(self._release)

    async def _hold(self) -> Held | None:
        return await anyio.to_thread.run_sync(self._hold_now)

    def _hold_now(self) -> Held | None:
        with self._holding:
            if self._over:
                return None
            return self._hooks.hold(self._hook.id, self._sender, seconds=HOLD_SECONDS)

    def _release(self) -> None:
        """Lets the webhook go for good, also where a thread that nobody waits for any more is about to hold it."""
        with self._holding:
            self._over = True
            self._hooks.release(self._hook.id, self._sender)

    async def _send_all(self) -> None:
        """Sends change after change, until there is none left or another process has the webhook."""
        while (held := await self._hold()) is not None:
            self._metrics.set(m.WEBHOOK_BEHIND, held.changes - held.position, host=self._hook.host)
            if held.position >= held.changes:
                return
            page = await anyio.to_thread.run_sync(
                partial(self._ledger.finding_changes, offset=held.position, count=_PAGE)
            )
            for place, change in enumerate(page, start=held.position):
                if not await self._send_one(change, f"msg_{held.name}_{place}"):
                    return
                if not await anyio.to_thread.run_sync(self._hooks.advance, self._hook.id, self._sender, place + 1):
                    return

    async def _send_one(self, change: FindingChange, delivery: str) -> bool:
        """Sends one change until it is acknowledged; False where the webhook was lost to another process meanwhile."""
        while True:
            notice = notice_of(change, await self._item(change.item_id), self._task, self._hook.config)
            if notice is None:
                return True
            why = await self._attempt(delivery, notice.model_dump_json().encode())
            self._metrics.add(m.WEBHOOK_ATTEMPTS, 1, host=self._hook.host, outcome="failed" if why else "delivered")
            if not why:
                self._failures = 0
                return await self._hold() is not None
            wait = min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2 ** min(self._failures, 20))
            self._failures += 1
            logger.warning("webhook at %s: %s; trying again in %.0f s", self._hook.host, why, wait)
            if not await self._wait(wait * random.uniform(0.5, 1)):
                return False

    async def _item(self, item_id: str) -> Item | None:
        try:
            return await anyio.to_thread.run_sync(self._ledger.item, item_id)
        except UnknownItemError:
            return None

    async def _wait(self, seconds: float) -> bool:
        """Waits, and goes on holding the webhook; whether it does in the end."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            await asyncio.sleep(min(left, HOLD_SECONDS / 3))
            if await self._hold() is None:
                return False
        return True

    async def _attempt(self, delivery: str, body: bytes) -> str:
        """One attempt; "" where it was acknowledged, else why not."""
        seconds = int(time.time())
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "hungjury",
            "webhook-id": delivery,
            "webhook-timestamp": str(seconds),
            "webhook-signature": signature(self._hook.secret, delivery, seconds, body),
        }
        try:
            async with asyncio.timeout(self._hook.config.timeout_seconds):
                status = await self._post(headers, body)
        except TimeoutError:
            return f"no answer within {self._hook.config.timeout_seconds:g} s"
        except AddressError as error:
            return str(error)
        except (httpx.HTTPError, OSError) as error:
            return f"{type(error).__name__}: {error}"
        return "" if httpx.codes.is_success(status) else f"it answered {status}"

    async def _post(self, headers: Mapping[str, str], body: bytes) -> int:
        """The status; the answer's body is not read, redirections are not followed, proxies not used."""
        url = httpx.URL(self._hook.config.url)
        port = url.port or (443 if url.scheme == "https" else 80)
        address = await resolve(url.host, port, private=self._hook.config.private)
        pinned = url.copy_with(host=address, port=port)
        sent = {**headers, "Host": url.netloc.decode()}
        async with (
            httpx.AsyncClient(
                trust_env=False, follow_redirects=False, timeout=self._hook.config.timeout_seconds
            ) as client,
            client.stream(
                "POST", pinned, content=body, headers=sent, extensions={"sni_hostname": url.host}
            ) as response,
        ):
            return response.status_code


def _secret(variable: str, environment: Mapping[str, str]) -> bytes:
    given = environment.get(variable, "")
    if not given:
        raise InputError(f"the environment variable {variable} is not set", field="webhooks.secret_env")
    if not given.startswith(_PREFIX):
        return given.encode()
    try:
        return base64.b64decode(given.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        raise InputError(f"{variable} begins with {_PREFIX} but is no Base64", field="webhooks.secret_env") from None
